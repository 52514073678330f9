/*
 * schema_load.h - how a schema's text becomes a struct gb_schema; private to
 * schema.c and the files named here.
 *
 *   schema_lex.c         tokens of SQL, with their lines
 *   schema_load.c        the order of the steps
 *   schema_load_open.c   the database in memory and its authorizer
 *   schema_load_run.c    statements, one by one
 *   schema_load_read.c   tables and columns as SQLite understood them
 *   schema_load_where.c  rival and views: SQL that is kept
 *   schema_load_scope.c  scopes, and what they read
 *   schema_check*.c      the rows of the engine's tables
 *
 * A mistake is told with the line that a person has to change, so the line of
 * everything is kept beside it until the schema stands: of each statement,
 * column, and row of an INSERT.
 */
#ifndef GB_SCHEMA_LOAD_H
#define GB_SCHEMA_LOAD_H

#include "limits.h"
#include "schema.h"

struct sqlite3;
struct sqlite3_stmt;

/* ---------------------------------------------------- schema_lex.c -- */

enum gb_token_kind {
    GB_TOKEN_END,
    GB_TOKEN_WORD,   /* keyword or name, bare */
    GB_TOKEN_QUOTED, /* name in "", `` or []; with its quotes */
    GB_TOKEN_STRING, /* '...' or x'...' */
    GB_TOKEN_NUMBER,
    GB_TOKEN_SIGN /* one byte of anything else */
};

struct gb_token {
    enum gb_token_kind kind;
    struct gb_span text; /* as written, borrowed */
    int line;
};

/* Reads SQL as SQLite's tokenizer does, as far as the checks need it. */
struct gb_lexer {
    const uint8_t *at, *end; /* borrowed */
    int line;
    bool comment; /* one was skipped */
};

struct gb_lexer gb_lex_start(struct gb_span text, int line);
struct gb_token gb_lex_next(struct gb_lexer *lexer);
/* Whether it is this bare word, in any case of letters. */
bool gb_token_word(const struct gb_token *t, const char *word);
bool gb_token_sign(const struct gb_token *t, char sign);
/* A name without its quotes; doubled quotes inside stay doubled, which no
 * name of ours has. */
struct gb_span gb_token_name(const struct gb_token *t);
/* Same letters in any case, as SQLite compares names (ASCII). */
bool gb_name_alike(struct gb_span a, struct gb_span b);

/* ------------------------------------------------ what is being read -- */

/* A line of a file, by the file's number. */
struct gb_place {
    int file, line;
};

/* The engine's own tables; the order is that of gb_engine_tables. */
enum gb_engine_table {
    GB_ENGINE_PERSONAL,
    GB_ENGINE_RULE,
    GB_ENGINE_ENUM,
    GB_ENGINE_AUTHORITY,
    GB_ENGINE_RECORD,
    GB_ENGINE_LABEL,
    GB_ENGINE_ACTOR,
    GB_ENGINE_COUNT
};

#define GB_ENGINE_CELLS 5 /* of the widest of them */

/* A row of an engine table; the values are borrowed for the call. */
struct gb_row {
    struct gb_place place;
    struct gb_value cell[GB_ENGINE_CELLS];
};

/* Where a table was made, and which column place is its first. */
struct gb_made {
    struct gb_place place;
    size_t first;
};

/* A CREATE VIEW that waits until all tables are there. */
struct gb_pending {
    struct gb_place place;
    struct gb_span sql;
};

/* What the authorizer lets through. */
enum gb_sql_mode {
    GB_SQL_OURS, /* the engine's own statements: everything */
    GB_SQL_CREATE_TABLE,
    GB_SQL_CREATE_VIEW,
    GB_SQL_INSERT, /* of literals, into the engine's tables */
    GB_SQL_LITERAL,
    GB_SQL_VIEW,  /* reading tables and views of the schema */
    GB_SQL_SCOPE, /* reading tables, nothing personal or of chance */
    GB_SQL_RIVAL  /* likewise, of the row alone */
};

struct gb_loading {
    struct gb_schema *schema; /* being filled */
    struct gb_fail *fail;
    struct sqlite3 *db;
    struct gb_schema_file *files; /* text ends with a NUL behind its length */
    size_t nfiles;
    /* Vectors: gb_place per row and per column (those of all tables one
     * behind the other), gb_made per table, gb_pending per view. */
    struct gb_buf rows[GB_ENGINE_COUNT], tables, columns, views;
    enum gb_sql_mode mode;
    int table;                       /* GB_SQL_RIVAL: the row's table */
    int selects;                     /* SELECTs met in this statement */
    uint64_t reads[GB_TABLES_MAX];   /* GB_SQL_SCOPE: columns that it reads, */
    bool read_tables[GB_TABLES_MAX]; /* and tables */
    char denied[160];                /* why the authorizer refused */
};

/* Names of the engine's tables and of their columns. */
struct gb_engine_def {
    const char *name, *columns;
    int ncolumns;
    const char *key; /* these columns together are unique */
};
extern const struct gb_engine_def gb_engine_tables[GB_ENGINE_COUNT];
/* By name in any case of letters; -1 when it is none. */
int gb_engine_find(struct gb_span name);

/* GB_E_SCHEMA "FILE:LINE: what". */
enum gb_err gb_load_fail(struct gb_loading *l, struct gb_place at,
                         const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As above around the text that l->fail has; any other code is kept. */
enum gb_err gb_load_locate(struct gb_loading *l, struct gb_place at,
                           enum gb_err err);
enum gb_err gb_load_no_memory(struct gb_loading *l);
/* Room for one more behind n things: the array itself, or a larger one in the
 * arena.  NULL: out of memory. */
void *gb_load_grown(struct gb_loading *l, void *array, int n, size_t size);
struct gb_place gb_load_table_place(const struct gb_loading *l, int table);
struct gb_place gb_load_column_place(const struct gb_loading *l, int table,
                                     int column);

/* -------------------------------------------- schema_load_open.c -- */

/* Open the database in memory, with the engine's tables and no way out. */
enum gb_err gb_load_open(struct gb_loading *l);
/* Compile one statement of the schema, which starts in a line, as far as the
 * mode allows.  The statement is the caller's to finalize. */
enum gb_err gb_load_prepare(struct gb_loading *l, enum gb_sql_mode mode,
                            struct gb_place at, struct gb_span sql,
                            struct sqlite3_stmt **out);
/* SQLite's mistake, at the line of the token that it stumbled over. */
enum gb_err gb_load_sql_mistake(struct gb_loading *l, struct gb_place at,
                                struct gb_span sql);

/* --------------------------------------------- schema_load_run.c -- */

/* Run the statements of file number n. */
enum gb_err gb_load_run(struct gb_loading *l, size_t n);

/* -------------------------------------------- schema_load_read.c -- */

/* A copy of a table's, column's or view's name, if it may be one. */
enum gb_err gb_load_name(struct gb_loading *l, struct gb_place at,
                         struct gb_span name, char **out);
/* Tables, columns and references, from what the statements made. */
enum gb_err gb_load_tables(struct gb_loading *l);
/* Visit the rows of an engine table; `order` is SQL behind ORDER BY. */
typedef enum gb_err gb_row_visit(struct gb_loading *l,
                                 const struct gb_row *row);
enum gb_err gb_load_rows(struct gb_loading *l, enum gb_engine_table which,
                         const char *order, gb_row_visit *visit);
/* The second of two rows with the same key is a mistake. */
enum gb_err gb_load_unique(struct gb_loading *l, enum gb_engine_table which);
/* The value of a column's DEFAULT, a literal; its bytes are the arena's, and
 * column->dflt is written anew from it. */
enum gb_err gb_load_default(struct gb_loading *l, struct gb_place at,
                            struct gb_column *column, struct gb_value *out);

/* ------------------------------------------- schema_load_where.c -- */

/* Check a condition over the rows of a table; rival: of the row alone. */
enum gb_err gb_load_where(struct gb_loading *l, struct gb_place at, int table,
                          struct gb_span condition, bool rival);
/* What the condition just checked reads, into its table's scope
 * (schema_load_scope.c). */
enum gb_err gb_load_scope_reads(struct gb_loading *l, struct gb_place at,
                                int table, struct gb_span condition);
/* Keep the views that wait; create and compile each, to check it. */
enum gb_err gb_load_views(struct gb_loading *l);

/* ------------------------------------------------- schema_check.c -- */

/* Read and check all rows of the engine's tables into the schema. */
enum gb_err gb_load_check(struct gb_loading *l);

/* What a row speaks of. */
struct gb_target {
    int table, column; /* -1: none is named */
    struct gb_table *t;
    struct gb_column *c;
};

/* Cells of a row.  Text is UTF-8 and has no NUL, so that it can be printed and
 * kept as a string; `what` names the cell in the message. */
enum gb_err gb_cell_text(struct gb_loading *l, const struct gb_row *row,
                         int cell, const char *what, struct gb_span *out);
enum gb_err gb_cell_text_copy(struct gb_loading *l, const struct gb_row *row,
                              int cell, const char *what, char **out);
enum gb_err gb_load_value_copy(struct gb_loading *l, const struct gb_value *v,
                               struct gb_value *out);
enum gb_err gb_cell_level(struct gb_loading *l, const struct gb_row *row,
                          int cell, const char *what, int least, int *out);
/* The table in the first cell; and the column in the second; and in the third
 * a value of that column's type. */
enum gb_err gb_cell_table(struct gb_loading *l, const struct gb_row *row,
                          struct gb_target *out);
enum gb_err gb_cell_column(struct gb_loading *l, const struct gb_row *row,
                           struct gb_target *out);
enum gb_err gb_load_value(struct gb_loading *l, const struct gb_row *row,
                          const struct gb_target *at);
/* Whether a value is in the column's enum; without one, all are. */
bool gb_column_accepts(const struct gb_column *c, const struct gb_value *v);

/* ------------------------------------------- schema_check_table.c -- */

gb_row_visit gb_check_record, gb_check_label, gb_check_actor;

/* -------------------------------------------------------- schema.c -- */

/* Fill in s->dictionary (FORMAT.md "Sections"). */
enum gb_err gb_schema_dictionary(struct gb_schema *s, struct gb_fail *fail);

/* Split a packed schema; names and texts get a NUL behind them.  Arrays and
 * copies are the arena's. */
enum gb_err gb_schema_unpack(struct gb_span text, struct gb_arena *arena,
                             struct gb_schema_file **files, size_t *n,
                             struct gb_fail *fail);

#endif
