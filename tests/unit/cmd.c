/* cmd.c - engine/cmd.h: parsing, help and wrong usage, run as main() would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/cmd.h"
#include "support/alloc.h"

/* ------------------------------------------------- two sample programs -- */

/* Print all that the command was given, in one line. */
static int
run_record(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    int64_t level = -1;
    if (gb_args_int(args, "level", 1, 9, &level, &fail))
        return gb_cmd_fail(args, &fail);
    for (int i = 0; gb_args_word(args, i); i++)
        printf("[%s]", gb_args_word(args, i));
    printf(" %d", gb_args_count(args));
    if (gb_args_flag(args, "json"))
        printf(" json");
    if (gb_args_value(args, "actor"))
        printf(" actor=%s", gb_args_value(args, "actor"));
    if (level >= 0)
        printf(" level=%d", (int)level);
    for (int i = 0; gb_args_nth(args, "set", i); i++)
        printf(" set=%s", gb_args_nth(args, "set", i));
    printf("\n");
    return 0;
}

static int
run_sync(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    gb_fail_set(&fail, gb_args_count(args) == 1 ? GB_E_NETWORK : GB_E_BUSY,
                gb_args_count(args) == 1 ? "no hub: use `gengbu export`" : "%s",
                "");
    return gb_cmd_fail(args, &fail);
}

static const struct gb_option record_options[] = {
    {"actor", 'a', "STAFF", "who does it"},
    {"level", 0, "N", "from 1 to 9"},
    {"set", 's', "COLUMN=VALUE...", "a value; may be repeated"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_command commands[] = {
    {"record", "JOURNAL TABLE field=value...", "write a new record",
     record_options, 2, -1, run_record},
    {"sync", "JOURNAL", "exchange with the hub", NULL, 1, 2, run_sync},
    {0}};
static const struct gb_program program = {"gengbu", "0.1.0",
                                          "the handheld's journal", commands};

static int
run_audit(const struct gb_args *args)
{
    printf("audit %s key=%s\n", gb_args_word(args, 0),
           gb_args_value(args, "key"));
    return 1;
}

static int
run_verify(const struct gb_args *args)
{
    printf("verify %s\n", gb_args_word(args, 0));
    return 0;
}

static const struct gb_option audit_options[] = {
    {"key", 'k', "FINGERPRINT", "the site's first ledger key"}, {0}};
static const struct gb_command audit_commands[] = {
    {NULL, "LEDGER.git [--key FINGERPRINT]", "check a whole ledger",
     audit_options, 1, 1, run_audit},
    {"verify", "FILE.gbcs", "check one change set", NULL, 1, 1, run_verify},
    {0}};
static const struct gb_program audit = {"gengbu-audit", "0.1.0",
                                        "check a ledger", audit_commands};

/* ------------------------------------------------------------- running -- */

/* What a run wrote to both its outputs, and its status. */
struct result {
    int status;
    char out[2000], err[2000];
};

/* Give a stream a file of its own; returns what it was before. */
static int
divert(FILE *stream, FILE *to)
{
    fflush(stream);
    int before = dup(fileno(stream));
    assert_true(before >= 0);
    assert_true(dup2(fileno(to), fileno(stream)) >= 0);
    return before;
}

static void
restore(FILE *stream, int before, FILE *from, char *text, size_t size)
{
    fflush(stream);
    dup2(before, fileno(stream));
    close(before);
    rewind(from);
    size_t n = fread(text, 1, size - 1, from);
    text[n] = 0;
    fclose(from);
}

static struct result
run_program(const struct gb_program *p, const char *line)
{
    static char words[400];
    char *argv[20], *rest;
    int argc = 0;
    snprintf(words, sizeof words, "%s%s%s", p->name, *line ? " " : "", line);
    for (char *w = strtok_r(words, " ", &rest); w;
         w = strtok_r(NULL, " ", &rest))
        argv[argc++] = w;
    argv[argc] = NULL;
    struct result r;
    FILE *out = tmpfile(), *err = tmpfile();
    assert_non_null(out);
    assert_non_null(err);
    int old_out = divert(stdout, out), old_err = divert(stderr, err);
    r.status = gb_cmd_main(p, argc, argv);
    restore(stderr, old_err, err, r.err, sizeof r.err);
    restore(stdout, old_out, out, r.out, sizeof r.out);
    return r;
}

/* -------------------------------------------------------------- tables -- */

#define RECORD_USAGE "; usage: gengbu record JOURNAL TABLE field=value...\n"

static const struct {
    const struct gb_program *program;
    const char *line;
    int status;
    const char *out, *err;
} runs[] = {
    {&program, "record J scan", 0, "[J][scan] 2\n", ""},
    {&program, "record J scan a=1 b=", 0, "[J][scan][a=1][b=] 4\n", ""},
    {&program, "record --json J --actor 0-1 scan x", 0,
     "[J][scan][x] 3 json actor=0-1\n", ""},
    {&program, "--json --actor 7 record J scan", 0,
     "[J][scan] 2 json actor=7\n", ""},
    {&program, "--actor=7 record J scan", 0, "[J][scan] 2 actor=7\n", ""},
    {&program, "-a record record J scan", 0, "[J][scan] 2 actor=record\n", ""},
    {&program, "record J -a7 scan", 0, "[J][scan] 2 actor=7\n", ""},
    {&program, "record J scan -sa=1 --set b=2", 0,
     "[J][scan] 2 set=a=1 set=b=2\n", ""},
    {&program, "record J -- --json -x", 0, "[J][--json][-x] 3\n", ""},
    {&program, "record J - scan", 0, "[J][-][scan] 3\n", ""},
    {&program, "record J scan --actor -5", 0, "[J][scan] 2 actor=-5\n", ""},
    {&program, "record J scan --level 9", 0, "[J][scan] 2 level=9\n", ""},
    {&program, "record J scan --level 10", 2, "",
     "gengbu: --level '10': give a number from 1 to 9" RECORD_USAGE},
    {&program, "record J scan --level 3x", 2, "",
     "gengbu: --level '3x': give a number from 1 to 9" RECORD_USAGE},
    {&program, "record J scan --level=", 2, "",
     "gengbu: --level '': give a number from 1 to 9" RECORD_USAGE},
    {&program, "record J scan --level 99999999999999999999", 2, "",
     "gengbu: --level '99999999999999999999': give a number from 1 to "
     "9" RECORD_USAGE},
    {&program, "record", 2, "", "gengbu: JOURNAL is missing" RECORD_USAGE},
    {&program, "record J", 2, "", "gengbu: TABLE is missing" RECORD_USAGE},
    {&program, "record J scan --lev 3", 2, "",
     "gengbu: unknown option --lev: write --level" RECORD_USAGE},
    {&program, "record J scan --js", 2, "",
     "gengbu: unknown option --js: write --json" RECORD_USAGE},
    {&program, "record J scan --lev=3", 2, "",
     "gengbu: unknown option --lev: write --level" RECORD_USAGE},
    {&program, "record J scan --actor --level", 0,
     "[J][scan] 2 actor=--level\n", ""},
    {&program, "record J scan --nmae x", 2, "",
     "gengbu: unknown option --nmae" RECORD_USAGE},
    {&program, "record J scan --nmae=x", 2, "",
     "gengbu: unknown option --nmae" RECORD_USAGE},
    {&program, "record J scan -x", 2, "",
     "gengbu: unknown option -x" RECORD_USAGE},
    {&program, "record J scan --actor", 2, "",
     "gengbu: --actor needs STAFF" RECORD_USAGE},
    {&program, "record J scan -a", 2, "",
     "gengbu: --actor needs STAFF" RECORD_USAGE},
    {&program, "record J scan --json=1", 2, "",
     "gengbu: --json takes no argument" RECORD_USAGE},
    {&program, "record J scan --help=1", 2, "",
     "gengbu: --help takes no argument" RECORD_USAGE},
    {&program, "record J scan -h=", 2, "",
     "gengbu: --help takes no argument" RECORD_USAGE},
    {&program, "-h=1 --json record J scan", 2, "",
     "gengbu: --help takes no argument" RECORD_USAGE},
    {&audit, "-h= L.git", 2, "",
     "gengbu-audit: --help takes no argument; usage: gengbu-audit LEDGER.git "
     "[--key FINGERPRINT]\n"},
    {&program, "sync -hx", 0,
     "usage: gengbu sync JOURNAL\nexchange with the hub\n\nOptions:\n"
     "  -h, --help  show this\n",
     ""},
    {&program, "record J scan -a 1 --actor 2", 2, "",
     "gengbu: --actor is given twice" RECORD_USAGE},
    {&program, "sync", 2, "",
     "gengbu: JOURNAL is missing; usage: gengbu sync JOURNAL\n"},
    {&program, "sync a b c", 2, "",
     "gengbu: 'c' is one word too many; usage: gengbu sync JOURNAL\n"},
    {&program, "sync J", 1, "", "gengbu: no hub: use `gengbu export`\n"},
    {&program, "sync J x", 1, "", "gengbu: in use by another process\n"},
    {&program, "recrod J", 2, "",
     "gengbu: unknown command 'recrod': did you mean 'record'? "
     "`gengbu --help` lists them all\n"},
    {&program, "rec J", 2, "",
     "gengbu: unknown command 'rec': did you mean 'record'? "
     "`gengbu --help` lists them all\n"},
    {&program, "snc", 2, "",
     "gengbu: unknown command 'snc': did you mean 'sync'? "
     "`gengbu --help` lists them all\n"},
    {&program, "巡更", 2, "",
     "gengbu: unknown command '巡更': `gengbu --help` lists them all\n"},
    {&program, "", 2, "",
     "gengbu: a command is needed: `gengbu --help` lists them\n"},
    {&program, "--json", 2, "",
     "gengbu: no command stands with '--json': `gengbu --help` lists them\n"},
    {&program, "--version", 0, "gengbu 0.1.0\n", ""},
    {&program, "-V", 0, "gengbu 0.1.0\n", ""},
    {&audit, "L.git", 1, "audit L.git key=(null)\n", ""},
    {&audit, "--key SHA256:x L.git", 1, "audit L.git key=SHA256:x\n", ""},
    {&audit, "--key verify L.git", 1, "audit L.git key=verify\n", ""},
    {&audit, "L.git -k x", 1, "audit L.git key=x\n", ""},
    {&audit, "verify a.gbcs", 0, "verify a.gbcs\n", ""},
    {&audit, "-- verify", 1, "audit verify key=(null)\n", ""},
    {&audit, "", 2, "",
     "gengbu-audit: LEDGER.git is missing; usage: gengbu-audit LEDGER.git "
     "[--key FINGERPRINT]\n"},
    {&audit, "verify", 2, "",
     "gengbu-audit: FILE.gbcs is missing; usage: gengbu-audit verify "
     "FILE.gbcs\n"},
    {&audit, "--version", 0, "gengbu-audit 0.1.0\n", ""},
    {&program, "--help", 0,
     "gengbu - the handheld's journal\n\n"
     "usage: gengbu COMMAND ...\n\nCommands:\n"
     "  record  write a new record\n"
     "  sync    exchange with the hub\n\nOptions:\n"
     "  -h, --help     show this; `COMMAND --help` shows a command's\n"
     "  -V, --version  show the version\n",
     ""},
    {&program, "record --help", 0,
     "usage: gengbu record JOURNAL TABLE field=value...\n"
     "write a new record\n\nOptions:\n"
     "  -a, --actor STAFF          who does it\n"
     "      --level N              from 1 to 9\n"
     "  -s, --set COLUMN=VALUE...  a value; may be repeated\n"
     "      --json                 print one JSON document\n"
     "  -h, --help                 show this\n",
     ""},
    {&program, "--help sync", 0,
     "usage: gengbu sync JOURNAL\nexchange with the hub\n\nOptions:\n"
     "  -h, --help  show this\n",
     ""},
    {&audit, "--help", 0,
     "gengbu-audit - check a ledger\n\n"
     "usage: gengbu-audit LEDGER.git [--key FINGERPRINT]\n"
     "check a whole ledger\n\ngengbu-audit COMMAND ...\n\nCommands:\n"
     "  verify  check one change set\n\nOptions:\n"
     "  -k, --key FINGERPRINT  the site's first ledger key\n"
     "  -h, --help             show this; `COMMAND --help` shows a "
     "command's\n"
     "  -V, --version          show the version\n",
     ""},
};

static void
every_line_is_answered_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct result r = run_program(runs[i].program, runs[i].line);
        if (r.status != runs[i].status || strcmp(r.out, runs[i].out) ||
            strcmp(r.err, runs[i].err))
            fail_msg("%s %s: status %d\n%s\n%s", runs[i].program->name,
                     runs[i].line, r.status, r.out, r.err);
    }
}

static void
running_out_of_memory_is_reported(void **state)
{
    (void)state;
    alloc_fail_from(0);
    char name[] = "gengbu", sync[] = "sync", j[] = "J";
    char *argv[] = {name, sync, j, NULL};
    FILE *err = tmpfile();
    assert_non_null(err);
    char text[200];
    int old = divert(stderr, err);
    int status = gb_cmd_main(&program, 3, argv);
    alloc_fail_never();
    restore(stderr, old, err, text, sizeof text);
    assert_int_equal(status, 1);
    assert_string_equal(text, "gengbu: out of memory\n");
}

static void
a_full_disk_behind_stdout_is_an_error(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w"), *err = tmpfile();
    assert_non_null(full);
    assert_non_null(err);
    char name[] = "gengbu", version[] = "--version", text[200];
    char *argv[] = {name, version, NULL};
    int old_out = divert(stdout, full), old_err = divert(stderr, err);
    int status = gb_cmd_main(&program, 2, argv);
    restore(stderr, old_err, err, text, sizeof text);
    dup2(old_out, fileno(stdout));
    close(old_out);
    clearerr(stdout);
    fclose(full);
    assert_int_equal(status, 1);
    assert_string_equal(text, "gengbu: writing to standard output failed: "
                              "No space left on device\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_answered_as_the_table_says),
        cmocka_unit_test(running_out_of_memory_is_reported),
        cmocka_unit_test(a_full_disk_behind_stdout_is_an_error),
    };
    return cmocka_run_group_tests_name("cmd", tests, NULL, NULL);
}
