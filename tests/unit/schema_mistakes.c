/* schema_mistakes.c - every mistake of a schema, with its file and line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/limits.h"
#include "engine/schema.h"

/* Every case is the second file behind this one, so it starts at line 1. */
static const char base[] =
    "CREATE TABLE t(id INTEGER PRIMARY KEY,\n"
    "  a TEXT, n INTEGER, r REAL, b BLOB, p TEXT, s TEXT) STRICT;\n"
    "INSERT INTO personal VALUES ('t', 'p');\n"
    "INSERT INTO rule VALUES ('t', 's', 'state x>y y>x prefer y>x');\n";

#define ID "id INTEGER PRIMARY KEY"

static const struct {
    const char *sql, *want; /* the text up to its end, or part of it */
} cases[] = {
    /* statements */
    {"\n\nDROP TABLE t;", "2.sql:3: DROP TABLE is not allowed"},
    {"CREATE TABLE u(" ID ") STRICT;\n;;\nPRAGMA user_version=1;",
     "2.sql:3: PRAGMA user_version is not allowed"},
    {"ATTACH 'x' AS y;", "2.sql:1: ATTACH 'x' is not allowed"},
    {"-- CREATE TABLE\n/* ; */ CREATE INDEX i ON t(a);",
     "2.sql:2: CREATE INDEX is not allowed"},
    {"CREATE UNIQUE INDEX i ON t(a);", "2.sql:1: CREATE UNIQUE"},
    {"CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;",
     "2.sql:1: CREATE TRIGGER"},
    {"CREATE TEMP TABLE u(" ID ") STRICT;", "2.sql:1: CREATE TEMP"},
    {"CREATE TEMPORARY VIEW v AS SELECT 1;", "2.sql:1: CREATE TEMPORARY"},
    {"CREATE VIRTUAL TABLE u USING fts5(a);", "2.sql:1: CREATE VIRTUAL"},
    {"UPDATE rule SET rule = 'last';", "2.sql:1: UPDATE rule"},
    {"DELETE FROM rule;", "2.sql:1: DELETE FROM"},
    {"SELECT load_extension('x');", "2.sql:1: SELECT load_extension"},
    {"BEGIN;", "2.sql:1: BEGIN "},
    {"WITH x AS (SELECT 1) INSERT INTO rule SELECT 1, 2, 3;",
     "2.sql:1: WITH x"},
    {"INSERT OR REPLACE INTO rule VALUES ('t', 'a', 'last');",
     "2.sql:1: INSERT OR"},
    {"REPLACE INTO rule VALUES ('t', 'a', 'last');", "2.sql:1: REPLACE INTO"},
    {"ALTER TABLE t ADD COLUMN c TEXT;", "2.sql:1: ALTER TABLE"},
    {"CREATE", "2.sql:1: CREATE  is not allowed"},
    {"CREATE TABLE\n u(" ID ",\n a,, b) STRICT;",
     "2.sql:3: near \",\": syntax error"},
    {"SELECT 1;\n", "SELECT 1 is not allowed"},
    {"SELECT 1 /", "SELECT 1 is not allowed"},
    {"SELECT 1 /*", "SELECT 1 is not allowed"},
    {"SELECT 1; /* open", "SELECT 1 is not allowed"},
    {"/* ** / */ SELECT 1;", "SELECT 1 is not allowed"},
    {"\xef\xbb SELECT 1;", "2.sql:1: "},
    {"\xef SELECT 1;", "2.sql:1: "},
    {"\ufefe SELECT 1;", "2.sql:1: \ufefe"}, /* like a byte order mark */
    {"\uf03f SELECT 1;", "2.sql:1: \uf03f"},
    {"SELECT \"", "2.sql:1: "},
    {"CREATE VIEW v AS SELECT x"
     "éééééééééééééééééééé"
     "éééééééééééééééééééé"
     "éééééééééééééééééééé"
     "éééééééééééééééééééé"
     "éééééééééééééééééééé"
     " FROM t;",
     "2.sql:1: no such column: x"},
    {"CREATE TABLE u(" ID ", \"b{\" TEXT) STRICT;",
     "2.sql:1: the name b{ is not allowed"},
    {"CREATE TABLE u(" ID ", \"b:\" TEXT) STRICT;",
     "2.sql:1: the name b: is not allowed"},
    {"CREATE TABLE u(" ID ", \"b!\" TEXT) STRICT;",
     "2.sql:1: the name b! is not allowed"},
    {"CREATE TABLE u(" ID ", \"9\" TEXT) STRICT;",
     "2.sql:1: the name 9 is not allowed"},
    {"CREATE TABLE u(" ID ", \"\" TEXT) STRICT;", "2.sql:1: "},
    {"CREATE TABLE \"oid\"(" ID ") STRICT;", "2.sql:1: the name oid"},
    {"CREATE TABLE u(" ID ", CONSTRAINT c CHECK (1)) STRICT;",
     "2.sql:1: CHECK is not allowed"},
    {"CREATE TABLE u(" ID ", a TEXT", "2.sql:1: incomplete input"},
    {"INSERT INTO rule(tbl, oid) VALUES ('t', 1);", "2.sql:1: "},
    {"INSERT INTO rule SELECT 't', 'a', 'last';", "2.sql:1: "},
    {"INSERT INTO rule(tbl", "2.sql:1: incomplete input"},
    {"INSERT INTO rule VALUES ((SELECT 1), 'a', 'last');", "2.sql:1: "},
    {"INSERT INTO [rule] VALUES ('t', 'a', 'last'", "2.sql:1: "},
    {"INSERT INTO t VALUES (1);", "2.sql:1: "},
    {"INSERT INTO rule VALUES ('t', 'a', X'00');", "2.sql:1: "},
    {"INSERT INTO rule VALUES ('t', 'a', CAST(X'61006a' AS TEXT));",
     "2.sql:1: "},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '_rowid_ = 1');",
     "2.sql:1: a condition says id, not _rowid_"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'oid = 1');",
     "2.sql:1: a condition says id, not oid"},
    {"INSERT INTO personal VALUES ('t', 's');", "1.sql:4: t.s is personal"},
    {"CREATE TABLE u(" ID ", a TEXT DEFAULT 5) STRICT;", "2.sql:1: "},
    {"CREATE TABLE u(" ID ", a TEXT DEFAULT (CAST(X'6100' AS TEXT))) STRICT;",
     "2.sql:1: "},
    {"INSERT INTO rule VALUES ('t', 'a', 'last\nxx\nxx",
     "2.sql:1: unrecognized token: \"'last"},
    {"CREATE TABLE u(" ID ") STRICT;\nCREATE VIEW v AS SELECT 'x;\n",
     "2.sql:2: unrecognized token"},
    /* tables */
    {"CREATE TABLE u(" ID ");", "2.sql:1: STRICT is expected"},
    {"CREATE TABLE u(" ID ") STRICT, WITHOUT ROWID;",
     "2.sql:1: the end is expected instead of ,"},
    {"CREATE TABLE u AS SELECT 1;",
     "2.sql:1: CREATE TABLE name ( is expected instead of AS"},
    {"CREATE TABLE IF NOT EXISTS u(" ID ") STRICT;",
     "2.sql:1: CREATE TABLE name ( is expected"},
    {"CREATE TABLE main.u(" ID ") STRICT;",
     "2.sql:1: CREATE TABLE name ( is expected"},
    {"\nCREATE TABLE temp.u(" ID ") STRICT;", "2.sql:2: "},
    {"CREATE TABLE u(\n a TEXT) STRICT;",
     "2.sql:2: the first column id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(Id INTEGER PRIMARY KEY) STRICT;",
     "2.sql:1: the first column id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(id INT PRIMARY KEY) STRICT;",
     "2.sql:1: the first column id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(id INTEGER, PRIMARY KEY(id)) STRICT;",
     "2.sql:1: the first column id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(" ID " AUTOINCREMENT) STRICT;",
     "2.sql:1: nothing behind id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(" ID " DESC) STRICT;",
     "2.sql:1: nothing behind id INTEGER PRIMARY KEY is expected"},
    {"CREATE TABLE u(" ID ",\n a TEXT,\n UNIQUE(a)) STRICT;",
     "2.sql:3: UNIQUE is not allowed"},
    {"CREATE TABLE u(" ID ",\n a TEXT uniQUE) STRICT;",
     "2.sql:2: UNIQUE is not allowed"},
    {"CREATE TABLE u(" ID ",\n a TEXT CHECK (a > 'b')) STRICT;",
     "2.sql:2: CHECK is not allowed"},
    {"CREATE TABLE u(" ID ", a TEXT COLLATE NOCASE) STRICT;",
     "2.sql:1: COLLATE is not allowed"},
    {"CREATE TABLE u(" ID ", a TEXT NOT NULL ON CONFLICT IGNORE) STRICT;",
     "2.sql:1: ON is not allowed"},
    {"CREATE TABLE u(" ID ", a INTEGER REFERENCES t(id) ON DELETE CASCADE) "
     "STRICT;",
     "2.sql:1: ON is not allowed"},
    {"CREATE TABLE u(" ID ", a INTEGER GENERATED ALWAYS AS (id + 1)) STRICT;",
     "2.sql:1: AS is not allowed"},
    {"CREATE TABLE u(" ID ",\n\n a INTEGER AS (id + 1) STORED) STRICT;",
     "2.sql:3: AS is not allowed"},
    {"CREATE TABLE u(" ID ",\n a ANY) STRICT;",
     "2.sql:2: a is INTEGER, REAL, TEXT or BLOB, not ANY"},
    {"CREATE TABLE u(" ID ", a VARCHAR(9)) STRICT;",
     "2.sql:1: unknown datatype"},
    {"CREATE TABLE u(" ID ",\n a TEXT,\n _e INTEGER) STRICT;",
     "2.sql:3: the name _e is not allowed"},
    {"CREATE TABLE u(" ID ", A TEXT) STRICT;", "2.sql:1: the name A is"},
    {"CREATE TABLE u(" ID ", \"a b\" TEXT) STRICT;",
     "2.sql:1: the name a b is"},
    {"CREATE TABLE u(" ID ", 名 TEXT) STRICT;", "2.sql:1: the name 名 is"},
    {"CREATE TABLE u(" ID ", rowid TEXT) STRICT;",
     "2.sql:1: the name rowid is"},
    {"CREATE TABLE _u(" ID ") STRICT;", "2.sql:1: the name _u is"},
    {"CREATE TABLE U(" ID ") STRICT;", "2.sql:1: the name U is"},
    {"CREATE TABLE sqlite_u(" ID ") STRICT;", "2.sql:1: object name reserved"},
    {"CREATE TABLE rule(" ID ") STRICT;", "2.sql:1: table rule already exists"},
    {"CREATE TABLE site(" ID ") STRICT;", "2.sql:1: table site already exists"},
    {"CREATE TABLE T(" ID ") STRICT;", "2.sql:1: table T already exists"},
    {"CREATE TABLE u(" ID ", a TEXT, A TEXT) STRICT;",
     "2.sql:1: duplicate column name"},
    {"CREATE TABLE u(" ID ", a INTEGER DEFAULT ?1) STRICT;", "2.sql:1: "},
    /* defaults */
    {"CREATE TABLE u(" ID ",\n a INTEGER DEFAULT (unixepoch())) STRICT;",
     "2.sql:2: the default unixepoch() is not a literal"},
    {"CREATE TABLE u(" ID ", a TEXT DEFAULT CURRENT_TIMESTAMP) STRICT;",
     "2.sql:1: the default CURRENT_TIMESTAMP is not a literal"},
    {"CREATE TABLE u(" ID ", a TEXT DEFAULT word) STRICT;",
     "2.sql:1: the default word is not a literal"},
    {"CREATE TABLE u(" ID ", a INTEGER DEFAULT 'x') STRICT;",
     "2.sql:1: the default of a has not its type"},
    {"CREATE TABLE u(" ID ", a TEXT DEFAULT (x'ff' || '')) STRICT;",
     "2.sql:1: the default of a is not UTF-8"},
    {"CREATE TABLE u(" ID ",\n a TEXT DEFAULT 'z') STRICT;\n"
     "INSERT INTO enum VALUES ('u', 'a', 'y', 1);",
     "2.sql:2: the default of a is not in its enum"},
    {"CREATE TABLE u(" ID ",\n a TEXT DEFAULT 'z') STRICT;\n"
     "INSERT INTO rule VALUES ('u', 'a', 'state y>z prefer y>z');",
     "2.sql:2: the default of a is not its initial state"},
    /* references */
    {"CREATE TABLE u(" ID ",\n a INTEGER REFERENCES nowhere(id)) STRICT;",
     "2.sql:2: a refers to nowhere, which is no table"},
    {"CREATE TABLE u(" ID ",\n a INTEGER REFERENCES T(id)) STRICT;",
     "2.sql:2: a refers to T, which is no table"},
    {"CREATE TABLE u(" ID ",\n a INTEGER REFERENCES t(n)) STRICT;",
     "2.sql:2: REFERENCES leads from one column to (id)"},
    {"CREATE TABLE u(" ID ",\n a TEXT REFERENCES t) STRICT;",
     "2.sql:2: a refers to an id, so it is INTEGER"},
    {"CREATE TABLE u(" ID ", a INTEGER,\n c INTEGER, "
     "FOREIGN KEY(a, c) REFERENCES t(id, n)) STRICT;",
     "REFERENCES leads from one column to (id)"},
    {"CREATE TABLE u(" ID ",\n a INTEGER REFERENCES t(id) REFERENCES u(id)) "
     "STRICT;",
     "2.sql:2: a refers twice"},
    {"CREATE TABLE u(" ID ", FOREIGN KEY(id) REFERENCES t(id)) STRICT;",
     "2.sql:1: REFERENCES leads from one column to (id)"},
    /* INSERT */
    {"INSERT INTO t VALUES (1, 'a', 1, 1, x'00', '', 'x');",
     "2.sql:1: INSERT fills the engine's own tables only, and t is none"},
    {"INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5);", "2.sql:1: "},
    {"INSERT INTO rule SELECT tbl, col, rule FROM rule;",
     "2.sql:1: rule.tbl may not be read here"},
    {"INSERT INTO rule\nSELECT 't', 'a', 'last';",
     "2.sql:2: VALUES is expected instead of SELECT"},
    {"INSERT INTO rule DEFAULT VALUES;", "2.sql:1: VALUES is expected"},
    {"INSERT INTO main.rule VALUES ('t', 'a', 'last');",
     "2.sql:1: the name of an engine table is expected"},
    {"INSERT INTO rule VALUES\n ('t', 'a', (SELECT 'last'));",
     "2.sql:2: a literal is expected instead of SELECT"},
    {"INSERT INTO rule VALUES\n ('t', 'a', (VALUES ('last')));",
     "2.sql:2: a literal is expected instead of VALUES"},
    {"INSERT INTO rule VALUES ('t', 'a', lower('LAST'));",
     "2.sql:1: the function lower is not allowed here"},
    {"INSERT INTO rule VALUES ('t', 'a', 'last') RETURNING 1;", "2.sql:1: "},
    {"INSERT INTO rule VALUES ('t', 'a', 'last') ON CONFLICT DO NOTHING;",
     "2.sql:1: ',' is expected instead of ON"},
    {"INSERT INTO rule(rowid, tbl, col, rule) VALUES (9, 't', 'a', 'last');",
     "2.sql:1: a column of the table is expected instead of rowid"},
    {"INSERT INTO rule(tbl,\n \"OID\") VALUES (9, 't');",
     "2.sql:2: a column of the table is expected instead of \"OID\""},
    {"INSERT INTO rule(tbl,\n kind) VALUES ('t', 'a');",
     "2.sql:1: table rule has no column named kind"},
    {"INSERT INTO rule VALUES ('t', 'a');",
     "2.sql:1: table rule has 3 columns"},
    {"INSERT INTO rule VALUES ('t', 'a', \"last\");",
     "2.sql:1: no such column"},
    {"INSERT INTO rule VALUES ('t', 'a', ?);", "2.sql:1: a parameter has no"},
    {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)\n"
     "INSERT INTO rule SELECT i, i, i FROM n;",
     "2.sql:1: WITH RECURSIVE is not allowed"},
    {"INSERT INTO rule WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL\n"
     "SELECT i + 1 FROM n) SELECT i, i, i FROM n;",
     "2.sql:1: SELECT is not allowed here"},
    /* personal, rule */
    {"INSERT INTO personal VALUES\n ('t', 'a'),\n ('x', 'a');",
     "2.sql:3: there is no table 'x'"},
    {"INSERT INTO personal VALUES\n ('t', 'x');",
     "2.sql:2: t has no column 'x'"},
    {"INSERT INTO personal VALUES ('t', 'id');",
     "2.sql:1: t has no column 'id'"},
    {"INSERT INTO personal VALUES ('t', NULL);", "2.sql:1: col is not text"},
    {"INSERT INTO personal VALUES (x'ff' || '', 'a');",
     "2.sql:1: tbl is not UTF-8"},
    {"INSERT INTO personal VALUES\n('t', 'a'),\n('t', 'n'), (\n't', 'a');",
     "2.sql:3: a second row of personal with the same tbl, col"},
    {"INSERT INTO rule VALUES\n('t', 'a', 'last'),\n('t', 'n', 'newest');",
     "2.sql:3: there is no rule 'newest'"},
    {"INSERT INTO rule VALUES ('t', 'a', NULL);", "2.sql:1: rule is not text"},
    {"INSERT INTO rule VALUES ('t', 's', 'last');",
     "2.sql:1: a second row of rule"},
    {"INSERT INTO rule VALUES ('t', 'a', 'sum');",
     "2.sql:1: the rule does not"},
    {"INSERT INTO rule VALUES ('t', 'r', 'sum');",
     "2.sql:1: the rule does not"},
    {"INSERT INTO rule VALUES ('t', 'b', 'max');",
     "2.sql:1: the rule does not"},
    {"INSERT INTO rule VALUES ('t', 'n', 'worst a<b');", "2.sql:1: the rule"},
    {"INSERT INTO rule VALUES ('t', 'b', 'state a>b prefer b>a');",
     "2.sql:1: the rule does not fit the type of t.b"},
    {"INSERT INTO rule VALUES ('t', 'p', 'review');",
     "2.sql:1: t.p is personal"},
    {"INSERT INTO rule VALUES ('t', 'p', 'max');", "2.sql:1: t.p is personal"},
    /* enum */
    {"INSERT INTO enum VALUES ('t', 'a', 'x', 1),\n('t', 'a', 1, 2);",
     "2.sql:2: the value has not the type of t.a"},
    {"INSERT INTO enum VALUES ('t', 'n', '1', 1);",
     "2.sql:1: the value has not"},
    {"INSERT INTO enum VALUES ('t', 'r', 1.5, 1);",
     "2.sql:1: t.r is neither TEXT nor INTEGER"},
    {"INSERT INTO enum VALUES ('t', 'a', 'x', '1');",
     "2.sql:1: sort is not an integer"},
    {"INSERT INTO enum VALUES ('t', 'a', 'x', 1),\n('t', 'a', 'x', 2);",
     "2.sql:2: a second row of enum"},
    {"INSERT INTO enum VALUES ('t', 's', 'x', 1),\n('t', 's', 'z', 2);",
     "2.sql:2: the rule of t.s does not name this value"},
    {"INSERT INTO enum VALUES ('t', 's', 'x', 1);",
     "1.sql:4: 'y' is missing in the enum of t.s"},
    /* authority */
    {"INSERT INTO authority VALUES ('t', 'a', 'x', 1);",
     "2.sql:1: level is a level from 2 to 9"},
    {"INSERT INTO authority VALUES ('t', 'a', 'x', 10);", "2.sql:1: level is"},
    {"INSERT INTO authority VALUES ('t', 'a', 'x', '2');", "2.sql:1: level is"},
    {"INSERT INTO authority VALUES ('t', 'a', NULL, 2);",
     "2.sql:1: the value has not the type of t.a"},
    {"INSERT INTO authority VALUES ('t', 's', 'z', 2);",
     "2.sql:1: the value is not in the enum of t.s"},
    {"INSERT INTO authority VALUES ('t', 'p', 'z', 2);",
     "2.sql:1: t.p is personal"},
    {"INSERT INTO authority VALUES ('t', 'a', 'x', 2), ('t', 'a', 'x', 3);",
     "2.sql:1: a second row of authority"},
    /* record */
    {"INSERT INTO record VALUES ('x', 1, 1, NULL, NULL);",
     "2.sql:1: there is no table 'x'"},
    {"INSERT INTO record VALUES ('t', 0, 1, NULL, NULL);",
     "2.sql:1: write is a level from 1 to 9"},
    {"INSERT INTO record VALUES ('t', 1, 10, NULL, NULL);",
     "2.sql:1: void is a level from 1 to 9"},
    {"INSERT INTO record(tbl) VALUES ('t'), ('t');",
     "2.sql:1: a second row of record with the same tbl"},
    {"INSERT INTO record(tbl, scope) VALUES\n('t', 'area = :area');",
     "2.sql:2: no such column: area"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 3);",
     "2.sql:1: scope is not text"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a = ?');",
     "2.sql:1: a parameter is a :name"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'rowid > :device');",
     "2.sql:1: a condition says id, not rowid"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a = @area');",
     "2.sql:1: a parameter is a :name"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a = 1) OR (1');",
     "2.sql:1: ) is not allowed in a condition"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '1; SELECT 1');",
     "2.sql:1: ; is not allowed in a condition"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '1 --');",
     "2.sql:1: a condition has no comment"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '1 /* ');",
     "2.sql:1: a condition has no comment"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '(1');",
     "2.sql:1: incomplete"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '');", "2.sql:1: near \")\""},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'p = :device');",
     "2.sql:1: t.p may not be read here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'n < random()');",
     "2.sql:1: the function random is not allowed here"},
    /* what fails on some values */
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'abs(n) > 1');",
     "2.sql:1: the function abs is not allowed here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '(SELECT sum(n) FROM t) > "
     "1');",
     "2.sql:1: the function sum is not allowed here"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE replace(a, 1, a) > "
     "1');",
     "2.sql:1: the function replace is not allowed here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a LIKE a');",
     "2.sql:1: LIKE takes a literal in a condition"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a not glob ''x'' || a');",
     "2.sql:1: glob takes a literal in a condition"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '\"like\"(a, n)');",
     "2.sql:1: \"like\" takes a literal in a condition"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE a LIKE ''x'' ESCAPE "
     "a');",
     "2.sql:1: ESCAPE takes a literal in a condition"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a < date()');",
     "2.sql:1: the function date is not allowed here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a IN (SELECT tbl FROM "
     "rule)');",
     "2.sql:1: rule.tbl may not be read here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'EXISTS (SELECT name FROM "
     "sqlite_schema)');",
     "2.sql:1: sqlite_master.name may not be read here"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', 'a IN (WITH x AS (SELECT 1) "
     "SELECT * FROM x)');",
     "2.sql:1: WITH is not allowed in a condition"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a,,n');",
     "2.sql:1: the rival of t names ',', which is no column"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a,x');",
     "2.sql:1: the rival of t names 'x', which is no column"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', '');",
     "2.sql:1: the rival of t names '', which is no column"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a,n,a');",
     "2.sql:1: the rival of t names a twice"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a n');",
     "2.sql:1: a rival is columns, then WHERE"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'p');",
     "2.sql:1: t.p is personal"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE p = 1');",
     "2.sql:1: t.p may not be read here"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE n = :device');",
     "2.sql:1: a rival has no parameters"},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE');",
     "2.sql:1: near \")\""},
    {"INSERT INTO record(tbl, rival) VALUES ('t', 'a WHERE EXISTS (SELECT 1 "
     "FROM t)');",
     "2.sql:1: SELECT is not allowed here"},
    /* label, actor */
    {"INSERT INTO label VALUES ('x', NULL, NULL, 'zh', '巡更');",
     "2.sql:1: there is no table 'x'"},
    {"INSERT INTO label VALUES ('t', 'x', NULL, 'zh', '巡更');",
     "2.sql:1: t has no column 'x'"},
    {"INSERT INTO label VALUES ('t', 's', 'z', 'zh', '巡更');",
     "2.sql:1: the value is not in the enum of t.s"},
    {"INSERT INTO label VALUES ('t', 'n', 'z', 'zh', '巡更');",
     "2.sql:1: the value has not the type of t.n"},
    {"INSERT INTO label VALUES ('t', NULL, 'z', 'zh', '巡更');",
     "2.sql:1: a value without its column"},
    {"INSERT INTO label VALUES (NULL, 'a', NULL, 'zh', '巡更');",
     "2.sql:1: a column without its table"},
    {"INSERT INTO label VALUES (NULL, 'a', 'z', 'zh', '巡更');",
     "2.sql:1: a column without its table"},
    {"INSERT INTO label VALUES ('t', NULL, NULL, 'ZH', '巡更');",
     "2.sql:1: lang is two letters"},
    {"INSERT INTO label VALUES ('t', NULL, NULL, 'zho', '巡更');",
     "2.sql:1: lang is two letters"},
    {"INSERT INTO label VALUES ('t', NULL, NULL, 'zh', '');",
     "2.sql:1: text is empty"},
    {"INSERT INTO label VALUES ('t', NULL, NULL, 'zh', NULL);",
     "2.sql:1: text is not text"},
    {"INSERT INTO label VALUES ('t', NULL, NULL, 'zh', '巡更'),\n"
     "('t', NULL, NULL, 'en', 'patrol'), ('t', NULL, NULL, 'zh', '巡逻');",
     "2.sql:2: a second row of label"},
    {"INSERT INTO actor VALUES ('t', 'a');", "2.sql:1: t.a holds a level"},
    {"INSERT INTO actor VALUES ('t', NULL);", "2.sql:1: col is not text"},
    {"INSERT INTO personal VALUES ('t', 'n');\n"
     "INSERT INTO actor VALUES ('t', 'n');",
     "2.sql:2: t.n holds a level: it is INTEGER and not personal"},
    {"INSERT INTO actor VALUES ('t', 'n'),\n('t', 'n');",
     "2.sql:2: a second row of actor"},
    {"CREATE TABLE u(" ID ", n INTEGER) STRICT;\n"
     "INSERT INTO actor VALUES ('t', 'n'),\n('u', 'n');",
     "2.sql:3: actor has one row"},
    /* views */
    {"\nCREATE VIEW v AS SELECT x FROM t;", "2.sql:2: no such column: x"},
    {"CREATE VIEW v AS SELECT _code FROM t;", "2.sql:1: no such column: _code"},
    {"INSERT INTO record(tbl, scope) VALUES ('t', '_void IS NULL');",
     "2.sql:1: no such column: _void"},
    {"CREATE VIEW v AS SELECT a FROM u;", "2.sql:1: no such table: main.u"},
    {"CREATE VIEW v AS SELECT a FROM v;", "2.sql:1: view v is circularly"},
    {"CREATE VIEW v AS SELECT * FROM w;\nCREATE VIEW w AS SELECT 1 AS a;",
     "2.sql:1: no such table: main.w"},
    {"CREATE VIEW v AS SELECT tbl FROM rule;",
     "2.sql:1: rule.tbl may not be read here"},
    {"CREATE VIEW v AS SELECT name FROM sqlite_schema;",
     "2.sql:1: sqlite_master.name may not be read here"},
    {"CREATE VIEW v AS SELECT * FROM pragma_table_list;",
     "2.sql:1: pragma_table_list"},
    {"CREATE VIEW v AS SELECT load_extension('x');",
     "2.sql:1: unsafe use of load_extension()"},
    {"CREATE VIEW v AS SELECT a FROM t WHERE n = :device;",
     "2.sql:1: parameters are not allowed in views"},
    {"CREATE VIEW IF NOT EXISTS v AS SELECT 1;", "2.sql:1: the name IF is"},
    {"CREATE VIEW main.v AS SELECT 1;", "2.sql:1: a view starts CREATE VIEW"},
    {"CREATE VIEW _v AS SELECT 1;", "2.sql:1: the name _v is not allowed"},
    {"CREATE VIEW t AS SELECT 1;", "2.sql:1: table t already exists"},
    {"CREATE VIEW v AS SELECT 1 AS a;\nCREATE VIEW v AS SELECT 2 AS a;",
     "2.sql:2: view v already exists"},
    {"CREATE VIEW v AS SELECT \"x\" AS a;", "2.sql:1: no such column"},
};

/* Load the two files; returns the code and leaves the text in fail. */
static enum gb_err
load(const char *first, const char *second, struct gb_fail *fail)
{
    struct gb_schema_file files[] = {
        {"1.sql", gb_span_text(first)},
        {"2.sql", gb_span_text(second)},
    };
    struct gb_buf pack;
    struct gb_schema *schema = NULL;
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    assert_int_equal(gb_schema_pack(files, 2, &pack, fail), GB_OK);
    enum gb_err err = gb_schema_load(gb_buf_view(&pack), 1, &schema, fail);
    assert_true((err == GB_OK) == (schema != NULL));
    gb_schema_free(schema);
    gb_buf_release(&pack);
    return err;
}

static void
each_mistake_has_its_place(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    int wrong = 0;
    assert_int_equal(load(base, "", &fail), GB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fail = (struct gb_fail){0};
        enum gb_err err = load(base, cases[i].sql, &fail);
        if (err == GB_E_SCHEMA && strstr(fail.text, cases[i].want))
            continue;
        print_error("%s\n  gives  %s: %s\n  wanted %s\n", cases[i].sql,
                    gb_err_name(err), fail.text, cases[i].want);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(load(base, cases[0].sql, NULL), GB_E_SCHEMA);
}

/* Views that double one another, and common tables that do. */
static void
doubling_is_stopped(void **state)
{
    (void)state;
    struct gb_buf sql;
    struct gb_fail fail = {0};
    gb_buf_init(&sql, GB_SCHEMA_MAX);
    gb_buf_text(&sql, "CREATE VIEW v0 AS SELECT 1 AS a;\n");
    for (int i = 1; i < 40; i++)
        gb_buf_printf(
            &sql, "CREATE VIEW v%d AS SELECT x.a FROM v%d AS x, v%d LIMIT 1;\n",
            i, i - 1, i - 1);
    gb_buf_u8(&sql, 0);
    assert_int_equal(load(base, (char *)sql.ptr, &fail), GB_E_SCHEMA);
    assert_non_null(strstr(fail.text, "too large"));

    gb_buf_clear(&sql);
    gb_buf_text(&sql, "CREATE VIEW v AS WITH c0 AS (SELECT 1 AS a)");
    for (int i = 1; i < 30; i++)
        gb_buf_printf(&sql, ", c%d(a) AS (SELECT x.a FROM c%d AS x, c%d)", i,
                      i - 1, i - 1);
    gb_buf_text(&sql, " SELECT a FROM c29;");
    gb_buf_u8(&sql, 0);
    assert_int_equal(load(base, (char *)sql.ptr, &fail), GB_E_SCHEMA);
    assert_non_null(strstr(fail.text, "2.sql:1: the view v is too large"));

    gb_buf_clear(&sql); /* more of them than anyone needs */
    gb_buf_text(&sql, "CREATE VIEW v AS WITH c0 AS (SELECT 1 AS a)");
    for (int i = 1; i < 33; i++)
        gb_buf_printf(&sql, ", c%d AS NOT MATERIALIZED (SELECT 1 AS a)", i);
    gb_buf_text(&sql, " SELECT a FROM c0;");
    gb_buf_u8(&sql, 0);
    assert_int_equal(load(base, (char *)sql.ptr, &fail), GB_E_SCHEMA);
    assert_non_null(strstr(fail.text, "too large"));
    gb_buf_release(&sql);
}

static void
counts_have_ceilings(void **state)
{
    (void)state;
    struct gb_buf sql;
    struct gb_fail fail = {0};
    gb_buf_init(&sql, GB_SCHEMA_MAX);
    for (int i = 0; i < GB_TABLES_MAX; i++) /* and the one of base */
        gb_buf_printf(&sql, "CREATE TABLE t%d(" ID ") STRICT;\n", i);
    gb_buf_u8(&sql, 0);
    assert_int_equal(load(base, (char *)sql.ptr, &fail), GB_E_SCHEMA);
    assert_string_equal(fail.text,
                        "2.sql:200: a schema has at most 200 tables");

    gb_buf_clear(&sql);
    gb_buf_text(&sql, "CREATE TABLE u(" ID);
    for (int i = 0; i < GB_COLUMNS_MAX + 1; i++)
        gb_buf_printf(&sql, ",\n c%d TEXT", i);
    gb_buf_text(&sql, ") STRICT;");
    gb_buf_u8(&sql, 0);
    assert_int_equal(load(base, (char *)sql.ptr, &fail), GB_E_SCHEMA);
    assert_string_equal(fail.text,
                        "2.sql:62: a table has at most 60 columns beside id");
    gb_buf_release(&sql);
}

static void
names_have_a_ceiling(void **state)
{
    (void)state;
    char sql[300], name[GB_NAME_MAX + 2];
    struct gb_fail fail = {0};
    memset(name, 'n', sizeof name);
    name[GB_NAME_MAX] = 0;
    snprintf(sql, sizeof sql, "CREATE TABLE %s(" ID ") STRICT;", name);
    assert_int_equal(load(base, sql, &fail), GB_OK);
    name[GB_NAME_MAX] = 'n';
    name[GB_NAME_MAX + 1] = 0;
    snprintf(sql, sizeof sql, "CREATE TABLE %s(" ID ") STRICT;", name);
    assert_int_equal(load(base, sql, &fail), GB_E_SCHEMA);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_has_its_place),
        cmocka_unit_test(doubling_is_stopped),
        cmocka_unit_test(counts_have_ceilings),
        cmocka_unit_test(names_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
