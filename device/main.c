/* main.c - gengbu, the handheld's program: what it can be told */
#include "verbs.h"

#ifndef GB_VERSION
#define GB_VERSION "0.1.0"
#endif

#define ACTOR                                                                  \
    {                                                                          \
        "actor", 0, "STAFF", "who acts, for this once: 0-3, or @REF"           \
    }
#define LANG                                                                   \
    {                                                                          \
        "lang", 0, "LANG", "language of labels: zh (the default) or en"        \
    }

static const struct gb_option init_options[] = {
    {"ticket", 0, "FILE", "the ticket that the office gave out"},
    {"hub", 0, "URL", "the hub's address, instead of the ticket's"},
    {0}};

static const struct gb_option record_options[] = {
    {"jsonl", 0, "FILE",
     "many records, a line of JSON each; - is standard "
     "input"},
    {"ref", 0, "NAME", "your own name for the record, used once per table"},
    ACTOR,
    GB_OPTION_JSON,
    {0}};

static const struct gb_option set_options[] = {ACTOR, {0}};

static const struct gb_option void_options[] = {
    {"reason", 0, "TEXT", "why; it stays with the record"}, ACTOR, {0}};

static const struct gb_option list_options[] = {
    {"all", 0, NULL, "void records as well"},
    {"limit", 0, "N", "at most so many rows"},
    LANG,
    GB_OPTION_JSON,
    {0}};

static const struct gb_option show_options[] = {LANG, GB_OPTION_JSON, {0}};

static const struct gb_option sync_options[] = {
    {"hub", 0, "URL", "the hub's address; kept when it answers"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_option json_options[] = {GB_OPTION_JSON, {0}};

static const struct gb_command commands[] = {
    {"init", "JOURNAL --ticket FILE [--hub URL]",
     "make a journal from a ticket", init_options, 1, 1, gb_verb_init},
    {"signin", "JOURNAL STAFF",
     "say who holds the handheld from now on; STAFF is 0-3, or @REF", NULL, 2,
     2, gb_verb_signin},
    {"record", "JOURNAL TABLE field=value... | JOURNAL --jsonl FILE",
     "make a record and print its id", record_options, 1, -1, gb_verb_record},
    {"set", "JOURNAL TABLE ID field=value...",
     "change a record, 7-1042, or @REF; field+=N adds to a sum", set_options, 4,
     -1, gb_verb_set},
    {"void", "JOURNAL TABLE ID --reason TEXT",
     "declare a record void, for good; ID is 7-1042, or @REF", void_options, 3,
     4, gb_verb_void},
    {"list", "JOURNAL [TABLE]",
     "the records of a table, or of a view; without one, which there are",
     list_options, 1, 2, gb_verb_list},
    {"show", "JOURNAL TABLE [ID]",
     "one record; ID is 7-1042, or @REF; without one, the table's fields",
     show_options, 2, 3, gb_verb_show},
    {"sync", "JOURNAL [--hub URL]", "exchange work with the hub", sync_options,
     1, 1, gb_verb_sync},
    {"export", "JOURNAL DIR", "write what the hub has not got to a stick", NULL,
     2, 2, gb_verb_export},
    {"import", "JOURNAL PATH...", "take in what the hub wrote to a stick",
     json_options, 2, -1, gb_verb_import},
    {"status", "JOURNAL", "who, where, and what is not sent yet", json_options,
     1, 1, gb_verb_status},
    {"digest", "JOURNAL", "SHA-256 of the accepted records", json_options, 1, 1,
     gb_verb_digest},
    {0}};

static const struct gb_program program = {
    .name = "gengbu",
    .version = GB_VERSION,
    .summary = "the handheld's journal of patrols, inspections and checks",
    .commands = commands,
};

int
main(int argc, char **argv)
{
    return gb_cmd_main(&program, argc, argv);
}
