/* table_digest.c - the state digest over all records; see table.h */
#include "table.h"

#include <string.h>

#include "digest.h"
#include "limits.h"

struct walk {
    struct gb_sha256_state sha;
    const struct gb_schema *schema;
    const struct gb_lineage *lineage;
    gb_in_digest *in;
    void *context;
    struct gb_buf bytes;
};

/* One record: its length, then its bytes. */
static enum gb_err
add_record(void *context, const struct gb_rec *r, struct gb_fail *fail)
{
    struct walk *w = context;
    bool in = true;
    enum gb_err e = GB_OK;
    if (r->pos == GB_POS_PENDING)
        return GB_OK; /* not accepted yet: nobody else can know it */
    if (w->in)
        e = w->in(w->context, (int)(r->table - w->schema->tables), r->id, &in,
                  fail);
    if (e || !in)
        return e;
    gb_buf_clear(&w->bytes);
    gb_rec_digest(r, w->lineage, &w->bytes);
    size_t n = w->bytes.len;
    gb_buf_varint(&w->bytes, n);
    e = gb_buf_check(&w->bytes, "a record's digest", fail);
    if (e)
        return e;
    gb_sha256_add(&w->sha, GB_SPAN(w->bytes.ptr + n, w->bytes.len - n));
    gb_sha256_add(&w->sha, GB_SPAN(w->bytes.ptr, n));
    return GB_OK;
}

/* The table whose name follows `after`, or -1: names are distinct. */
static int
next_table(const struct gb_schema *s, const char *after)
{
    int best = -1;
    for (int i = 0; i < s->ntables; i++) {
        const char *n = s->tables[i].name;
        if ((!after || strcmp(n, after) > 0) &&
            (best < 0 || strcmp(n, s->tables[best].name) < 0))
            best = i;
    }
    return best;
}

enum gb_err
gb_tables_digest(struct gb_tables *t, const struct gb_schema *s,
                 const struct gb_lineage *lineage, gb_in_digest *in,
                 void *context, uint8_t out[32], struct gb_fail *fail)
{
    struct walk w = {
        .schema = s, .lineage = lineage, .in = in, .context = context};
    enum gb_err e = GB_OK;
    gb_buf_init(&w.bytes, GB_ARENA_MAX);
    gb_sha256_init(&w.sha);
    for (int i = next_table(s, NULL); i >= 0 && !e;
         i = next_table(s, s->tables[i].name))
        e = gb_tables_walk(t, i, 0, add_record, &w, fail);
    struct gb_sha256 sum = gb_sha256_final(&w.sha);
    memcpy(out, sum.bytes, sizeof sum.bytes);
    gb_buf_release(&w.bytes);
    return e;
}
