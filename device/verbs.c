/* verbs.c - see verbs.h */
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/term.h"
#include "fields.h"
#include "present.h"

enum gb_err
gb_verb_open(const struct gb_args *args, struct gb_folder *f,
             const char *holder, enum gb_folder_mode mode, struct gb_fail *fail)
{
    return gb_folder_open(f, gb_args_word(args, 0), holder, mode, fail);
}

enum gb_err
gb_verb_act(const struct gb_args *args, struct gb_folder *f,
            struct gb_fail *fail)
{
    const char *staff = gb_args_value(args, "actor");
    int64_t id;
    if (!staff)
        return GB_OK;
    enum gb_err e = gb_fields_actor(f, staff, false, &id, fail);
    return e ? gb_fail_wrap(fail, "--actor") : GB_OK;
}

enum gb_err
gb_verb_table(const struct gb_args *args, int i, struct gb_folder *f,
              int *table, struct gb_fail *fail)
{
    return gb_fields_table(f, gb_span_text(gb_args_word(args, i)), table, fail);
}

enum gb_err
gb_verb_record_of(const struct gb_args *args, int i, struct gb_folder *f,
                  int table, int64_t *id, struct gb_fail *fail)
{
    return gb_fields_record(f, table, gb_span_text(gb_args_word(args, i)), id,
                            fail);
}

enum gb_err
gb_verb_lang(const struct gb_args *args, const struct gb_schema *s,
             const char **lang, struct gb_fail *fail)
{
    const char *given = gb_args_value(args, "lang");
    *lang = given ? given : GB_PRESENT_LANGUAGE;
    for (int i = 0; given && i < s->nlabels; i++)
        if (!strcmp(s->labels[i].lang, given))
            return GB_OK;
    return given ? gb_fail_set(fail, GB_E_USAGE,
                               "--lang: there are no labels in '%.20s': give "
                               "zh or en",
                               given)
                 : GB_OK;
}

enum gb_err
gb_verb_flush(struct gb_buf *out, struct gb_fail *fail)
{
    enum gb_err e = gb_buf_check(out, "output", fail);
    if (!e && out->len && fwrite(out->ptr, 1, out->len, stdout) != out->len)
        e = gb_file_fail(fail, errno, "standard output", "written");
    gb_buf_clear(out);
    return e;
}
