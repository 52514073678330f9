/* table_private.h - what the files table*.c of rows share. */
#ifndef GB_TABLE_PRIVATE_H
#define GB_TABLE_PRIVATE_H

#include "table.h"
#include "table_later.h"

/* The engine's columns of a row, in this order, before those of the schema. */
enum {
    ROW_ID,
    ROW_STAMP,
    ROW_POS,
    ROW_ACTOR,
    ROW_REF,
    ROW_VOID,
    ROW_CODE,
    ROW_OWN
};
#define ROW_VALUES_MAX (ROW_OWN + GB_COLUMNS_MAX)
#define ROW_GROUP 16 /* rows that one statement inserts */

enum gb_what {
    GB_LOAD,
    GB_WALK,
    GB_SEEK,
    GB_EXISTS,
    GB_LAST,
    GB_ADD,
    GB_ADD_GROUP,
    GB_UPDATE,
    GB_DELETE,
    GB_REF,
    GB_NWHAT
};

struct gb_tables {
    sqlite3 *db;
    const struct gb_schema *schema;
    sqlite3_stmt *(*stmt)[GB_NWHAT]; /* [table][what], prepared when needed */
    sqlite3_stmt *at; /* where gb_tables_seek() stands, or NULL */
    int at_table;
    struct gb_buf code;             /* scratch for _code */
    bool defers;                    /* gb_tables_defer() */
    struct gb_later fresh, changed; /* rows that are not written yet */
    struct gb_last {
        int device;
        int64_t id; /* no row of this device has a higher one */
    } * last;       /* [table], of the device that inserted last */
};

/* The statement, prepared when it is first asked for. */
enum gb_err gb_tables_stmt(struct gb_tables *t, int table, enum gb_what what,
                           sqlite3_stmt **out, struct gb_fail *fail);
/* The row of a record, in values that live until the next call, and back. */
enum gb_err gb_row_write(struct gb_tables *t, const struct gb_rec *r,
                         struct gb_value *row, struct gb_fail *fail);
enum gb_err gb_row_read(const struct gb_table *t, const struct gb_value *row,
                        struct gb_arena *arena, struct gb_rec *out,
                        struct gb_fail *fail);

#endif
