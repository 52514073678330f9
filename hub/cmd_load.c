/* cmd_load.c - `gengbu-hub load`: reference data from CSV files */
#include <stdio.h>

#include "engine/near.h"
#include "hub/cmd.h"
#include "hub/load.h"

int
gb_cmd_load(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    struct gb_loaded done;
    struct gb_buf text;
    const char *name = gb_args_word(args, 1), *file = gb_args_word(args, 2);
    int table = -1;
    gb_buf_init(&text, GB_LOAD_MAX);
    enum gb_err e = gb_file_read(file, &text, &fail);
    if (!e)
        e = gb_cmd_open(args, "gengbu-hub load", &o, &fail);
    if (!e)
        e = gb_near_table(gb_state_schema(o->state), gb_span_text(name), &table,
                          &fail);
    if (!e) {
        e = gb_load_csv(o, table, gb_buf_view(&text), &done, &fail);
        if (e)
            gb_fail_wrap(&fail, "%s", file);
    }
    gb_office_close(o);
    gb_buf_release(&text);
    if (e)
        return gb_cmd_fail(args, &fail);
    printf("%s: %u new, %u changed, %u as they were%s\n", name, done.added,
           done.changed, done.same,
           done.added && !done.named
               ? ": without a column ref, loaded again they are new again"
               : "");
    return 0;
}
