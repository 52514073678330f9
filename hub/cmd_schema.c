/* cmd_schema.c - `gengbu-hub schema`: the next version of the rules */
#include <stdio.h>
#include <string.h>

#include "engine/tlv.h"
#include "hub/cmd.h"

/* Whether it loads, and may follow the one in force. */
static enum gb_err
check(const struct gb_schema *old, struct gb_span text, struct gb_fail *fail)
{
    struct gb_schema *next = NULL;
    enum gb_err e = gb_schema_load(text, old->version + 1, &next, fail);
    if (!e)
        e = gb_schema_follows(old, next, fail);
    gb_schema_free(next);
    return e;
}

/* The schema, into the ledger. */
static enum gb_err
put(struct gb_office *o, struct gb_span text, struct gb_fail *fail)
{
    uint32_t version = gb_state_schema(o->state)->version + 1;
    struct gb_buf payload;
    struct gb_op op = {.kind = GB_SCHEMA};
    gb_buf_init(&payload, GB_SCHEMA_MAX + 64);
    gb_tlv_number(&payload, GB_SCHEMA_VERSION, version);
    gb_tlv_put(&payload, GB_SCHEMA_TEXT, text);
    op.text = gb_buf_view(&payload);
    enum gb_err e = gb_buf_check(&payload, "the schema", fail);
    if (!e)
        e = gb_office_own(o, &op, 1, 0, fail);
    gb_buf_release(&payload);
    return e;
}

static enum gb_err
follow(struct gb_office *o, const char *folder, struct gb_span text,
       struct gb_fail *fail)
{
    const struct gb_schema *old = gb_state_schema(o->state);
    if (gb_span_equal(old->text, text)) {
        printf("version %u is this schema already\n", old->version);
        return GB_OK;
    }
    enum gb_err e = check(old, text, fail);
    if (!e)
        e = put(o, text, fail);
    if (!e)
        printf("version %u is in force, from %s; handhelds get it with their "
               "next sync\n",
               gb_state_schema(o->state)->version, folder);
    return e;
}

int
gb_cmd_schema(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    struct gb_buf text;
    const char *folder = gb_args_word(args, 1);
    gb_buf_init(&text, GB_SCHEMA_MAX);
    enum gb_err e = gb_schema_read_folder(folder, &text, &fail);
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub schema", &o, &fail);
    if (!e)
        e = gb_office_lock(o, &fail);
    if (!e) {
        e = follow(o, folder, gb_buf_view(&text), &fail);
        gb_office_unlock(o);
    }
    gb_office_close(o);
    gb_buf_release(&text);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
