/* floor.c - see floor.h */
#include "floor.h"

#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "bench.h"

/* -------------------------------------------------------------- tables -- */

static void
create(sqlite3 *db)
{
    for (int t = 0; t < WL_TABLES; t++) {
        struct gb_buf sql;
        gb_buf_init(&sql, 4096);
        gb_buf_printf(&sql, "CREATE TABLE %s(id INTEGER PRIMARY KEY",
                      wl_tables[t]);
        for (int c = 0; c < wl_ncolumns[t]; c++) {
            struct wl_value v;
            wl_cell(t, c, 0, &v);
            gb_buf_printf(&sql, ", %s %s", wl_columns[t][c],
                          v.text ? "TEXT" : "INTEGER");
        }
        gb_buf_text(&sql, ", voided TEXT) STRICT");
        gb_buf_u8(&sql, 0);
        MUST(gb_db_exec(db, (const char *)sql.ptr, &bench_why));
        gb_buf_release(&sql);
    }
}

/* The shared records, as inserts of the workload. */
static void
load(sqlite3 *db)
{
    static struct wl_op ops[WL_SHARED];
    struct floor_sql sql;
    for (uint64_t key = 0; key < WL_SHARED; key++)
        ops[key] = (struct wl_op){
            .kind = WL_INSERT, .table = wl_table_of(key), .key = key};
    struct floor_op *all = floor_values(ops, WL_SHARED);
    floor_prepare(db, &sql);
    MUST(gb_db_exec(db, "BEGIN", &bench_why));
    for (int i = 0; i < WL_SHARED; i++)
        floor_apply(&sql, &all[i]);
    MUST(gb_db_exec(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", &bench_why));
    floor_finalize(&sql);
    free(all);
}

sqlite3 *
floor_open(const char *path, enum gb_db_sync sync)
{
    sqlite3 *db;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX;
    bench_remove(path);
    NEED(!sqlite3_open_v2(path, &db, flags, NULL));
    MUST(gb_db_execf(db, &bench_why,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
                     "PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY",
                     sync == GB_DB_FULL ? "FULL" : "NORMAL"));
    create(db);
    load(db);
    return db;
}

/* ---------------------------------------------------------- statements -- */

void
floor_prepare(sqlite3 *db, struct floor_sql *out)
{
    for (int t = 0; t < WL_TABLES; t++) {
        struct gb_buf sql;
        const char *name = wl_tables[t];
        gb_buf_init(&sql, 4096);
        gb_buf_printf(&sql, "INSERT INTO %s VALUES(?1", name);
        for (int c = 0; c < wl_ncolumns[t]; c++)
            gb_buf_printf(&sql, ", ?%d", c + 2);
        gb_buf_text(&sql, ", NULL)");
        gb_buf_u8(&sql, 0);
        MUST(gb_db_prepare(db, (const char *)sql.ptr, &out->insert[t],
                           &bench_why));
        gb_buf_release(&sql);
        MUST(gb_db_preparef(db, &out->voids[t], &bench_why,
                            "UPDATE %s SET voided = ?2 WHERE id = ?1", name));
        for (int c = 0; c < wl_ncolumns[t]; c++)
            MUST(gb_db_preparef(db, &out->change[t][c], &bench_why,
                                "UPDATE %s SET %s = ?2 WHERE id = ?1", name,
                                wl_columns[t][c]));
    }
}

void
floor_finalize(struct floor_sql *s)
{
    for (int t = 0; t < WL_TABLES; t++) {
        sqlite3_finalize(s->insert[t]);
        sqlite3_finalize(s->voids[t]);
        for (int c = 0; c < wl_ncolumns[t]; c++)
            sqlite3_finalize(s->change[t][c]);
    }
}

/* How many values an operation has. */
static int
count(const struct wl_op *op)
{
    static const int fixed[] = {0, 1, 0};
    return op->kind == WL_INSERT ? wl_ncolumns[op->table] : fixed[op->kind];
}

struct floor_op *
floor_values(const struct wl_op *ops, int n)
{
    size_t room = 0;
    for (int i = 0; i < n; i++)
        room += (size_t)count(&ops[i]);
    struct floor_op *out =
        malloc((size_t)n * sizeof *out + room * sizeof(struct wl_value));
    NEED(out);
    struct wl_value *v = (struct wl_value *)(void *)(out + n);
    for (int i = 0; i < n; i++) {
        const struct wl_op *op = &ops[i];
        out[i] = (struct floor_op){op, v};
        for (int c = 0; c < count(op); c++, v++)
            if (op->kind == WL_INSERT)
                wl_cell(op->table, c, op->key, v);
            else
                wl_changed(op, v);
    }
    return out;
}

static void
bind(sqlite3_stmt *s, int at, const struct wl_value *v)
{
    if (v->text)
        sqlite3_bind_text(s, at, v->s, (int)v->len, SQLITE_STATIC);
    else
        sqlite3_bind_int64(s, at, v->i);
}

void
floor_apply(struct floor_sql *s, const struct floor_op *f)
{
    const struct wl_op *op = f->op;
    sqlite3_stmt *q = op->kind == WL_INSERT   ? s->insert[op->table]
                      : op->kind == WL_CHANGE ? s->change[op->table][op->column]
                                              : s->voids[op->table];
    sqlite3_bind_int64(q, 1, wl_id(op->key));
    if (op->kind == WL_VOID)
        sqlite3_bind_text(q, 2, "误录", -1, SQLITE_STATIC);
    for (int c = 0; c < count(op); c++)
        bind(q, c + 2, &f->values[c]);
    if (sqlite3_step(q) != SQLITE_DONE || sqlite3_reset(q))
        bench_end("a floor's statement failed");
}

/* --------------------------------------------------------------- bytes -- */

/* What text comes to when it is deflated. */
static size_t
deflated(const struct gb_buf *text)
{
    uLongf len = compressBound(text->len);
    uint8_t *out = malloc(len);
    NEED(out && text->len && compress(out, &len, text->ptr, text->len) == Z_OK);
    free(out);
    return len;
}

double
floor_read(sqlite3 *db)
{
    struct gb_buf text;
    double began = bench_now();
    gb_buf_init(&text, (size_t)256 << 20);
    for (int t = 0; t < WL_TABLES; t++) {
        sqlite3_stmt *s;
        MUST(gb_db_preparef(db, &s, &bench_why, "SELECT * FROM %s",
                            wl_tables[t]));
        while (sqlite3_step(s) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(s); c++) {
                gb_buf_span(&text, gb_db_blob(s, c));
                gb_buf_u8(&text, '\t');
            }
            gb_buf_u8(&text, '\n');
        }
        sqlite3_finalize(s);
    }
    deflated(&text);
    gb_buf_release(&text);
    return bench_now() - began;
}

size_t
floor_bytes(const struct wl_op *ops, int n)
{
    struct gb_buf text;
    struct floor_op *all = floor_values(ops, n);
    gb_buf_init(&text, (size_t)256 << 20);
    for (int i = 0; i < n; i++) {
        gb_buf_printf(&text, "%d\t%d\t%d\t%lld\t%lld", ops[i].kind,
                      ops[i].table, ops[i].column, (long long)wl_id(ops[i].key),
                      (long long)ops[i].ms);
        for (int c = 0; c < count(&ops[i]); c++) {
            const struct wl_value *v = &all[i].values[c];
            if (v->text)
                gb_buf_printf(&text, "\t%s", v->s);
            else
                gb_buf_printf(&text, "\t%lld", (long long)v->i);
        }
        gb_buf_u8(&text, '\n');
    }
    free(all);
    size_t len = deflated(&text);
    gb_buf_release(&text);
    return len;
}

/* ---------------------------------------------------------- signatures -- */

struct verifying {
    pthread_t thread;
    int signatures;
    size_t len;
};

/* One thread's share. */
static void *
verify_some(void *arg)
{
    const struct verifying *v = arg;
    uint8_t public_key[32], secret[64], hash[64], signature[64];
    uint8_t *message = calloc(1, v->len);
    NEED(message);
    crypto_sign_keypair(public_key, secret);
    crypto_hash_sha512(hash, message, v->len);
    crypto_sign_detached(signature, NULL, hash, sizeof hash, secret);
    for (int i = 0; i < v->signatures; i++) {
        crypto_hash_sha512(hash, message, v->len);
        if (crypto_sign_verify_detached(signature, hash, sizeof hash,
                                        public_key))
            bench_end("a signature does not verify");
    }
    free(message);
    return NULL;
}

double
floor_verify(int signatures, size_t len)
{
    struct verifying v[64];
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    n = n > 64 ? 64 : n;
    double began = bench_now();
    for (long i = 0; i < n; i++) {
        v[i] =
            (struct verifying){.signatures = signatures / (int)n, .len = len};
        NEED(!pthread_create(&v[i].thread, NULL, verify_some, &v[i]));
    }
    for (long i = 0; i < n; i++)
        pthread_join(v[i].thread, NULL);
    return bench_now() - began;
}

/* ---------------------------------------------------------------- disk -- */

double
floor_fdatasync(const char *path, int times)
{
    static const char page[4096] = "page";
    double took = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    NEED(fd >= 0);
    for (int i = 0; i < times; i++) {
        double began = bench_now();
        NEED(write(fd, page, sizeof page) == sizeof page && !fdatasync(fd));
        took += bench_now() - began;
    }
    close(fd);
    return took / times;
}

double
floor_file(const char *path, size_t bytes)
{
    char folder[300];
    uint8_t *some = malloc(bytes);
    NEED(some);
    randombytes_buf(some, bytes);
    unlink(path);
    snprintf(folder, sizeof folder, "%s", path);
    double began = bench_now();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    NEED(fd >= 0 && write(fd, some, bytes) == (ssize_t)bytes && !fsync(fd));
    close(fd);
    fd = open(dirname(folder), O_RDONLY);
    NEED(fd >= 0 && !fsync(fd));
    close(fd);
    free(some);
    return bench_now() - began;
}
