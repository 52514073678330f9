/* main_hub.c - gengbu-hub: the office's server and its commands */
#include "engine/digest.h"
#include "hub/cmd.h"
#include "hub/serve.h"

#ifndef GB_VERSION
#define GB_VERSION "0.1.0"
#endif

static const struct gb_option init_options[] = {
    {"site", 0, "NAME", "the site's name (needed)"},
    {"admin", 0, "NAME", "the first supervisor (needed)"},
    {"schema", 0, "DIR", "records and rules; the installed ones if not given"},
    {"timezone", 0, "TZ", "of the site, Asia/Shanghai if not given"},
    {0}};

static const struct gb_option enrol_options[] = {
    {"name", 0, "NAME", "of the handheld (needed)"},
    {"level", 0, "N",
     "its authority: 1 staff (the default), 2 supervisor, up to 8"},
    {"set", 0, "NAME=VALUE...", "an attribute, such as area=A3"},
    {"device", 0, "N",
     "no new one: change its name, its level, or (all of) its attributes"},
    {"out", 0, "TICKET", "the ticket's file; ticket-N.json if not given"},
    {"url", 0, "URL",
     "the hub's address; where it was last served if not "
     "given"},
    {"quiet", 'q', NULL, "print no QR code"},
    {0}};

static const struct gb_option serve_options[] = {
    {"listen", 0, "ADDR:PORT",
     GB_SERVE_LISTEN " if not given; port 0: any free one"},
    {0}};

static const struct gb_option export_options[] = {
    {"device", 0, "N", "the handheld that it is for (needed)"},
    {"to", 0, "DIR", "where the file goes, a stick perhaps (needed)"},
    {0}};

static const struct gb_option resolve_options[] = {
    {"keep", 0, "K", "the K-th value, as `conflicts` counts them"},
    {"value", 0, "V", "or this one"},
    {"actor", 0, "STAFF", "the supervisor who decides (needed)"},
    {"reason", 0, "TEXT", "why (needed)"},
    {"expect", 0, "TOKEN",
     "refuse if the values are not those that "
     "`conflicts` showed with it"},
    {0}};

static const struct gb_option quarantine_options[] = {
    {"actor", 0, "STAFF", "the supervisor who lets it take effect (retry)"},
    {"reason", 0, "TEXT", "why (retry)"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_option digest_options[] = {
    {"device", 0, "N", "of what this handheld has when it is in step"}, {0}};

static const struct gb_option devices_options[] = {
    {"lost", 0, "N", "give up what this handheld took over of another one"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_option json_options[] = {GB_OPTION_JSON, {0}};

static const struct gb_command commands[] = {
    {"init", "HUB --site NAME --admin NAME [--schema DIR] [--timezone TZ]",
     "make a new hub", init_options, 1, 1, gb_cmd_init},
    {"load", "HUB TABLE FILE.csv", "take in reference data, or its changes",
     NULL, 3, 3, gb_cmd_load},
    {"enrol",
     "HUB (--name NAME | --device N) [--level N] [--set NAME=VALUE]... [--out "
     "TICKET]",
     "make the ticket of one more handheld", enrol_options, 1, 1, gb_cmd_enrol},
    {"serve", "HUB [--listen ADDR:PORT]",
     "serve handhelds on the office network", serve_options, 1, 1,
     gb_cmd_serve},
    {"import", "HUB PATH...", "take in what handhelds exported", json_options,
     2, -1, gb_cmd_import},
    {"export", "HUB --device N --to DIR", "write what a handheld lacks",
     export_options, 1, 1, gb_cmd_export},
    {"status", "HUB", "the hub as a whole", json_options, 1, 1, gb_cmd_status},
    {"devices", "HUB", "the handhelds, and where they stand", devices_options,
     1, 1, gb_cmd_devices},
    {"digest", "HUB [--device N]",
     "SHA-256 over all records, or a handheld's scope", digest_options, 1, 1,
     gb_cmd_digest},
    {"conflicts", "HUB", "what was edited at once", json_options, 1, 1,
     gb_cmd_conflicts},
    {"resolve",
     "HUB TABLE:ID:COLUMN (--keep K | --value V) --actor STAFF --reason TEXT",
     "decide a conflict", resolve_options, 2, 2, gb_cmd_resolve},
    {"explain", "HUB TABLE ID [COLUMN]", "each write, and why it shows or not",
     json_options, 3, 4, gb_cmd_explain},
    {"quarantine", "HUB [show N | retry N --actor STAFF --reason TEXT]",
     "what did not take effect, why, and once more", quarantine_options, 1, 3,
     gb_cmd_quarantine},
    {"schema", "HUB DIR", "put the next version of the rules in force", NULL, 2,
     2, gb_cmd_schema},
    {"backup", "HUB DIR", "copy ledger, personal values and keys", NULL, 2, 2,
     gb_cmd_backup},
    {"rebuild", "HUB", "make hub.db anew from the ledger", json_options, 1, 1,
     gb_cmd_rebuild},
    {0}};

static const struct gb_program program = {
    "gengbu-hub", GB_VERSION, "the office hub of handhelds that work offline",
    commands};

int
main(int argc, char **argv)
{
    struct gb_fail fail = {0};
    if (gb_crypto_init(&fail))
        return gb_report(program.name, &fail);
    return gb_cmd_main(&program, argc, argv);
}
