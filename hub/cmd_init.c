/* cmd_init.c - `gengbu-hub init`: a new hub */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/term.h"
#include "hub/cmd.h"

#define ZONE "Asia/Shanghai"

/* Where a schema may lie, as seen from the program's folder: installed, in
 * the build, unpacked beside it. */
static const char *const places[] = {"../share/gengbu/schema", "../schema",
                                     "schema"};

/* The folder of the schema: as given, or the first of the places. */
static enum gb_err
find_schema(const struct gb_args *args, char out[GB_FILE_PATH_MAX],
            struct gb_fail *fail)
{
    char self[GB_FILE_PATH_MAX], real[PATH_MAX];
    const char *given = gb_args_value(args, "schema");
    if (given) {
        snprintf(out, GB_FILE_PATH_MAX, "%s", given);
        return GB_OK;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        const char *folder = dirname(self);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            snprintf(out, GB_FILE_PATH_MAX, "%.3000s/%s", folder, places[i]);
            if (!access(out, R_OK | X_OK) && realpath(out, real)) {
                snprintf(out, GB_FILE_PATH_MAX, "%s", real);
                return GB_OK;
            }
        }
    }
    return gb_fail_set(fail, GB_E_USAGE,
                       "no schema is installed beside the program: name one "
                       "with --schema DIR");
}

/* What to do next, and what to write down. */
static enum gb_err
welcome(const struct gb_args *args, const char *schema, struct gb_fail *fail)
{
    struct gb_office *o = NULL;
    char print[GB_FINGERPRINT_SIZE];
    const char *hub = gb_args_word(args, 0);
    enum gb_err e = gb_cmd_open(args, "gengbu-hub init", &o, fail);
    if (e)
        return e;
    gb_key_fingerprint(print, &o->keys.ledger.public_key);
    const struct gb_site *site = gb_state_site(o->state);
    printf("%s is the hub of %s, schema from %s, time zone %s\n"
           "\n"
           "Ledger key: %s\n"
           "Write this down and keep it away from the hub: an audit checks the "
           "whole\n"
           "history against it (`gengbu-audit %s/ledger.git --key %s`).\n"
           "\n"
           "Next: `gengbu-hub load %s TABLE FILE.csv` for reference data,\n"
           "      `gengbu-hub enrol %s --name NAME` for each handheld,\n"
           "      `gengbu-hub serve %s`.\n",
           hub, site->name, schema, site->timezone, print, hub, print, hub, hub,
           hub);
    gb_office_close(o);
    return GB_OK;
}

int
gb_cmd_init(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_buf schema;
    char folder[GB_FILE_PATH_MAX];
    const char *hub = gb_args_word(args, 0);
    const char *zone = gb_args_value(args, "timezone");
    struct gb_office_plan plan = {.site = gb_args_value(args, "site"),
                                  .admin = gb_args_value(args, "admin"),
                                  .timezone = zone ? zone : ZONE};
    gb_buf_init(&schema, GB_SCHEMA_MAX);
    enum gb_err e = gb_cmd_name("site", plan.site, 127, &fail);
    if (!e)
        e = gb_cmd_name("admin", plan.admin, 127, &fail);
    if (!e)
        e = gb_cmd_name("timezone", plan.timezone, 63, &fail);
    if (!e) /* before there is a hub */
        e = gb_term_zone(plan.timezone, &fail);
    if (!e)
        e = find_schema(args, folder, &fail);
    if (!e)
        e = gb_schema_read_folder(folder, &schema, &fail);
    plan.schema = gb_buf_view(&schema);
    if (!e)
        e = gb_office_init(hub, &plan, &fail);
    gb_buf_release(&schema);
    if (!e)
        e = welcome(args, folder, &fail);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
