/* cmd.c - what the commands share; see cmd.h */
#include "hub/cmd.h"

#include <stdio.h>
#include <string.h>

#include "engine/table_site.h"
#include "engine/term.h"
#include "hub/field.h"

/* Minutes that local time is ahead of UTC, for the schema's views. */
static enum gb_err
note_offset(struct gb_office *o, struct gb_fail *fail)
{
    int64_t ms;
    enum gb_err e = gb_office_now(o, &ms, fail);
    if (e == GB_E_CLOCK) /* refused where it matters */
        return GB_OK;
    return e ? e : gb_table_site_offset(gb_state_db(o->state), ms, fail);
}

/* "PROGRAM: LINE", as an error would be told. */
static void
tell(void *context, const char *line)
{
    struct gb_fail fail = {0};
    gb_fail_set(&fail, GB_E_STATE, "%s", line);
    gb_report(context, &fail);
}

enum gb_err
gb_cmd_open(const struct gb_args *args, const char *program,
            struct gb_office **out, struct gb_fail *fail)
{
    enum gb_err e = gb_office_open(gb_args_word(args, 0), program, out, fail);
    if (!e)
        e = gb_term_zone(gb_state_site((*out)->state)->timezone, fail);
    if (!e)
        e = note_offset(*out, fail);
    if (e) {
        gb_office_close(*out);
        *out = NULL;
        return e;
    }
    (*out)->log = tell;
    (*out)->log_context = (void *)gb_args_program(args)->name;
    return GB_OK;
}

enum gb_err
gb_cmd_supervisor(struct gb_office *o, const char *text, int64_t *actor,
                  struct gb_fail *fail)
{
    int level = 0, table = gb_state_schema(o->state)->actor_table;
    if (!text)
        return gb_fail_set(fail, GB_E_USAGE, "--actor is missing");
    if (table < 0)
        return gb_fail_set(fail, GB_E_STATE, "the schema names no actors");
    enum gb_err e =
        gb_field_record(o->state, table, gb_span_text(text), actor, fail);
    if (!e)
        e = gb_state_level(o->state, true, *actor, gb_state_size(o->state),
                           &level, fail);
    if (!e && level < 2)
        e = gb_fail_set(fail, GB_E_AUTHORITY,
                        "--actor %s has level %d: it takes a supervisor (2)",
                        text, level);
    return e;
}

int
gb_cmd_print(const struct gb_args *args, struct gb_buf *out)
{
    struct gb_fail fail = {0};
    enum gb_err e = gb_buf_check(out, "the output", &fail);
    if (!e && out->len)
        fwrite(out->ptr, 1, out->len, stdout); /* gb_cmd_main() checks */
    gb_buf_release(out);
    return e ? gb_cmd_fail(args, &fail) : 0;
}

enum gb_err
gb_cmd_name(const char *option, const char *text, size_t max,
            struct gb_fail *fail)
{
    struct gb_span s = gb_span_text(text ? text : "");
    if (!text)
        return gb_fail_set(fail, GB_E_USAGE, "--%s is missing", option);
    if (!s.len || s.len > max)
        return gb_fail_set(fail, GB_E_USAGE, "--%s: 1 to %zu bytes", option,
                           max);
    if (!gb_utf8_valid(s))
        return gb_fail_set(fail, GB_E_USAGE, "--%s: not UTF-8", option);
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return gb_fail_set(fail, GB_E_USAGE,
                               "--%s: a control character is in it", option);
    return GB_OK;
}

enum gb_err
gb_cmd_serving(const char *hub, const char *program, struct gb_lock *lock,
               struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX];
    snprintf(path, sizeof path, "%.3000s/serving", hub);
    return gb_lock_take(lock, path, program, 0, fail);
}
