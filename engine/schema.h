/*
 * schema.h - the records of a site and their conflict rules, as data.
 *
 * A schema is a folder of SQL files.  They are run, in the order of their
 * names, in an empty in-memory database that has only the engine's own tables,
 * under an authorizer that allows CREATE TABLE ... STRICT, CREATE VIEW and
 * INSERT into those tables and nothing else; what is then found is checked and
 * kept here.  The engine knows no domain: all it will ever know of one stands
 * in this structure.
 *
 *   rule(tbl, col, rule)              how concurrent writes merge
 *   record(tbl, write, void, scope,   levels and conditions of a table, at
 *          rival)                     most one row for each
 *   enum(tbl, col, value, sort)       values that capture accepts
 *   label(tbl, col, value, lang,      words for people; col and value may be
 *         text)                       NULL
 *   personal(tbl, col)                values that never enter the ledger
 *   authority(tbl, col, value,        who may write this value
 *             level)
 *   actor(tbl, level)                 the table whose records act, and the
 *                                     column that holds their level (one row)
 *
 * A view may read the schema's tables with three of the engine's columns (_e,
 * the stamp of the insert; _actor, who made the record; _void, the reason of
 * its void or NULL), the views before it, and the engine's table site(name,
 * timezone, offset_min), which has one row.  What a schema's SQL may do
 * otherwise, and why not more, is told in schema_load_open.c.
 *
 * Tables and columns are numbered from 0 in the order of creation; a version
 * that follows another keeps its numbers, and may have more (a set names its
 * version).  Everything here is owned by the schema and lives until
 * gb_schema_free().
 */
#ifndef GB_SCHEMA_H
#define GB_SCHEMA_H

#include "value.h"

enum gb_rule_kind {
    GB_RULE_FACT,
    GB_RULE_LAST,
    GB_RULE_FIRST,
    GB_RULE_SUM,
    GB_RULE_MAX,
    GB_RULE_MIN,
    GB_RULE_WORST,
    GB_RULE_STATE,
    GB_RULE_ROLE,
    GB_RULE_REVIEW
};

/* A legal move of a state machine; from and to index gb_rule.values. */
struct gb_move {
    int from, to;
    int level;   /* authority it needs, at least 1 */
    bool review; /* marked "!" */
};

struct gb_rule {
    enum gb_rule_kind kind;
    int back;               /* "back@n" of a ratchet; 0: nobody may go back */
    struct gb_span *values; /* worst: least bad first; state: as first named,
                               so values[0] is the initial state */
    int *prefer;            /* state: rank of each value, 0 shows first */
    int nvalues;
    struct gb_move *moves;
    int nmoves;
    char *text; /* as the schema wrote it */
};

struct gb_level_of { /* a row of authority */
    struct gb_value value;
    int level;
};

struct gb_column {
    char *name;
    enum gb_type type; /* INT, REAL, TEXT or BLOB */
    bool notnull;      /* demanded at capture, never at merge */
    bool personal;
    int refers; /* table this column REFERENCES, or -1 */
    char *dflt; /* DEFAULT as SQL text, or NULL */
    struct gb_rule rule;
    struct gb_value *enums; /* in the order of `sort`; none: anything */
    int nenums;
    struct gb_level_of *levels;
    int nlevels;
};

struct gb_rival {
    int *columns; /* equal non-NULL values in these make rivals */
    int ncolumns;
    char *where; /* SQL over the row, or NULL */
};

/* What a scope reads of a table, the record's own or another. */
struct gb_scope_read {
    int table;
    uint64_t columns;
};

struct gb_table {
    char *name;
    struct gb_column *columns; /* without `id` */
    int ncolumns;
    int write, voids; /* levels; 1 unless the schema says more */
    char *scope; /* SQL over the row with :device and attributes of the device
                    by their names (:area), or NULL: every device has it */
    struct gb_scope_read *reads; /* of the scope */
    int nreads;
    bool scope_self;  /* it may read other records of this table */
    bool scope_grows; /* a new record elsewhere may change its answer */
    uint64_t watched; /* columns that some scope reads, and that may change */
    struct gb_rival rival; /* ncolumns 0: none */
    bool personal;         /* has a personal column */
};

struct gb_label {
    int table;             /* -1 for labels of the whole site */
    int column;            /* -1: the table itself */
    struct gb_value value; /* NULL: the column itself */
    char *lang, *text;
};

struct gb_view {
    char *name, *sql;
};

struct gb_schema {
    uint32_t version;
    uint8_t sha256[32];  /* of text */
    struct gb_span text; /* the files, as gb_schema_pack() made them */
    struct gb_table *tables;
    int ntables;
    struct gb_view *views; /* in the order of creation */
    int nviews;
    struct gb_label *labels;
    int nlabels;
    int actor_table, actor_level; /* -1 when the schema names none */
    struct gb_span dictionary; /* preset for deflate (FORMAT.md), <= 32 KiB */
    struct gb_arena arena;
};

/* No tables, no dictionary: version 0, for sets of the site alone. */
extern const struct gb_schema gb_schema_none;

/* One file of a schema folder. */
struct gb_schema_file {
    const char *name;
    struct gb_span text;
};

/* The files as one byte string, in the order of their names (FORMAT.md
 * "Schema text"): what is signed, hashed and sent. */
enum gb_err gb_schema_pack(const struct gb_schema_file *files, size_t n,
                           struct gb_buf *out, struct gb_fail *fail);

/* Reads every *.sql of a folder and packs them; text is added to out. */
enum gb_err gb_schema_read_folder(const char *folder, struct gb_buf *out,
                                  struct gb_fail *fail);

/*
 * Parse and check a packed schema (untrusted: it is capped, and runs under the
 * authorizer).  On success *out is a new schema that the caller frees.  A
 * mistake is GB_E_SCHEMA with "FILE:LINE: what is wrong".
 */
enum gb_err gb_schema_load(struct gb_span text, uint32_t version,
                           struct gb_schema **out, struct gb_fail *fail);
/* What gb_schema_load() made of the text, added to out: to be kept beside it in
 * a database of ours (schema_kept.c), so that it is not compiled each time. */
enum gb_err gb_schema_keep(const struct gb_schema *s, struct gb_buf *out,
                           struct gb_fail *fail);
/* Read it again; from the text where another program kept it, or it is damaged.
 */
enum gb_err gb_schema_load_kept(struct gb_span text, struct gb_span kept,
                                uint32_t version, struct gb_schema **out,
                                struct gb_fail *fail);
void gb_schema_free(struct gb_schema *s);

/* Whether `next` may follow `old`: every table and column is still there with
 * its number, type, personal mark and kind of rule, the values of a rule in
 * their order, `back` and the moves' review marks; more tables, columns and
 * values may have come, moves and levels may have changed.  Records' states and
 * sets of older versions go on by number, so hub, handheld, rebuild and audit
 * all hold a schema to this. */
enum gb_err gb_schema_follows(const struct gb_schema *old,
                              const struct gb_schema *next,
                              struct gb_fail *fail);

/* Look-ups by name; -1 when there is none. */
int gb_schema_table(const struct gb_schema *s, struct gb_span name);
int gb_table_column(const struct gb_table *t, struct gb_span name);
/* The label in a language, else in any, else NULL. column -1, value NULL as in
 * struct gb_label. */
const char *gb_schema_label(const struct gb_schema *s, int table, int column,
                            const struct gb_value *value, const char *lang);

/* ------------------------------------------------------ rules (rule.c) -- */

/* Parse the text of a rule into r, in the arena; GB_E_SCHEMA says what is
 * wrong (without file and line). */
enum gb_err gb_rule_parse(const char *text, struct gb_arena *arena,
                          struct gb_rule *r, struct gb_fail *fail);
/* Index into r->values of a text value, or -1. */
int gb_rule_value(const struct gb_rule *r, const struct gb_value *v);
/* The move, or NULL when it is not legal. */
const struct gb_move *gb_rule_move(const struct gb_rule *r, int from, int to);
/* Level that writing this value in this column needs (authority), >= 1. */
int gb_column_level(const struct gb_column *c, const struct gb_value *v);

#endif
