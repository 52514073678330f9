/* past.c - see past.h */
#include "hub/past.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/id.h"
#include "hub/field.h"
#include "hub/ledger_text.h"

enum gb_err
gb_past_open(struct gb_look *look, struct gb_past *out, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    *out = (struct gb_past){.look = look};
    enum gb_err e = gb_look_ledger(look, fail);
    snprintf(path, sizeof path, "%.3000s/personal.db", look->path);
    if (!e && !access(path, F_OK))
        e = gb_personal_open_reader(path, &out->personal, fail);
    return e;
}

/* Forget the set at hand. */
static void
drop(struct gb_past *p)
{
    gb_decoded_release(&p->set.d);
    gb_arena_release(&p->set.arena);
    gb_buf_release(&p->set.bytes);
    p->set = (struct gb_past_set){0};
    p->pos = 0;
}

void
gb_past_close(struct gb_past *p)
{
    drop(p);
    gb_personal_close(p->personal);
    p->personal = NULL;
}

/* Its line of the batch, as hub.db has it. */
static enum gb_err
read_line(struct gb_past *p, uint64_t pos, struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gb_err e = gb_db_preparef(gb_state_db(p->look->state), &s, fail,
                                   "SELECT line FROM _set WHERE pos = %lld",
                                   (long long)pos);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && !row)
        e = gb_fail_set(fail, GB_E_MISSING, "there is no entry %llu",
                        (unsigned long long)pos);
    if (!e)
        e = gb_line_read(gb_db_blob(s, 0), &p->set.arena, &p->set.line, fail);
    sqlite3_finalize(s);
    return e;
}

/* Effective stamps, as they were computed on arrival. */
static enum gb_err
compute_stamps(struct gb_past_set *set, struct gb_fail *fail)
{
    const struct gb_line *l = &set->line;
    if (l->verdict == GB_FORK || !set->d.good || !set->d.set.nops)
        return GB_OK;
    return gb_line_stamps(l, &set->d.set, &set->arena, &set->stamps, fail);
}

static enum gb_err
read_set(struct gb_past *p, uint64_t pos, struct gb_fail *fail)
{
    char path[GB_LEDGER_NAME_MAX];
    struct gb_past_set *set = &p->set;
    gb_arena_init(&set->arena, GB_ARENA_MAX);
    gb_buf_init(&set->bytes, GB_SET_MAX);
    enum gb_err e = read_line(p, pos, fail);
    if (e)
        return e;
    gb_ledger_set_name(path, &set->line, GB_LEDGER_SET);
    e = gb_ledger_read(p->look->ledger, path, &set->bytes, fail);
    if (!e)
        e = gb_decode(p->look->state, gb_buf_view(&set->bytes), &set->d, fail);
    if (!e && p->personal && set->d.good && !set->d.in.times)
        e = gb_personal_reveal(p->personal, set->d.in.sha.bytes, &set->d.set,
                               set->d.schema, fail);
    return e ? e : compute_stamps(set, fail);
}

enum gb_err
gb_past_read(struct gb_past *p, uint64_t pos, const struct gb_past_set **out,
             struct gb_fail *fail)
{
    enum gb_err e = GB_OK;
    if (p->pos != pos) {
        drop(p);
        e = read_set(p, pos, fail);
        if (e)
            drop(p);
        else
            p->pos = pos;
    }
    *out = e ? NULL : &p->set;
    return e ? gb_fail_wrap(fail, "entry %llu", (unsigned long long)pos)
             : GB_OK;
}

enum gb_err
gb_past_find(struct gb_past *p, int device, int64_t stamp,
             const struct gb_past_set **set, const struct gb_op **op,
             struct gb_fail *fail)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    uint64_t pos = 0;
    *op = NULL;
    *set = NULL;
    enum gb_err e =
        gb_db_preparef(gb_state_db(p->look->state), &s, fail,
                       "SELECT pos FROM _set WHERE device = %d AND first <= "
                       "%lld AND last >= %lld LIMIT 1",
                       device, (long long)stamp, (long long)stamp);
    if (!e)
        e = gb_db_step(s, &row, fail);
    if (!e && row)
        pos = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    if (e || !pos)
        return e;
    e = gb_past_read(p, pos, set, fail);
    for (int i = 0; !e && (*set)->stamps && i < (*set)->d.set.nops; i++)
        if ((*set)->stamps[i] == stamp)
            *op = &(*set)->d.set.ops[i];
    return e;
}

const char *
gb_past_actor(struct gb_state *st, int64_t id, char out[GB_PAST_ACTOR])
{
    const struct gb_schema *s = gb_state_schema(st);
    sqlite3_stmt *q = NULL;
    struct gb_fail ignored = {0};
    char number[GB_ID_TEXT], name[GB_FIELD_TEXT] = "";
    bool row = false;
    int c = 0;
    if (!id) {
        snprintf(out, GB_PAST_ACTOR, "the hub");
        return out;
    }
    gb_id_print(number, id);
    const struct gb_table *t =
        s->actor_table < 0 ? NULL : &s->tables[s->actor_table];
    while (t && c < t->ncolumns && t->columns[c].type != GB_TEXT)
        c++;
    if (t && c < t->ncolumns &&
        !gb_db_preparef(gb_state_db(st), &q, &ignored,
                        "SELECT \"%w\" FROM \"%w\" WHERE id = %lld",
                        t->columns[c].name, t->name, (long long)id) &&
        !gb_db_step(q, &row, &ignored) && row) {
        struct gb_value v = gb_db_value(q, 0);
        if (v.type == GB_TEXT)
            gb_field_text(name, &v);
    }
    sqlite3_finalize(q);
    snprintf(out, GB_PAST_ACTOR, "%s%s%s", name, *name ? " " : "", number);
    return out;
}
