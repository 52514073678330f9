/* main_audit.c - gengbu-audit: the auditor's program; see audit.h */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/cmd.h"
#include "engine/file.h"
#include "engine/json.h"
#include "engine/set.h"
#include "engine/sshsig.h"
#include "engine/term.h"
#include "hub/audit.h"

#ifndef GB_VERSION
#define GB_VERSION "0.1.0"
#endif

#define REPORT_MAX ((size_t)32 * 1024 * 1024)
#define SIGNERS_MAX ((size_t)16 * 1024 * 1024)
#define LARGE 131072 /* what the system gets back as soon as it is freed */

/* -------------------------------------------------------- interruption -- */

static volatile sig_atomic_t stop;

static void
on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* The first signal ends the audit with its scratch folder removed, the second
 * ends the process. */
static void
catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

/* --------------------------------------------------------- whole check -- */

/* SIZE:ROOT */
static enum gb_err
read_head(const char *text, struct gb_head *out, struct gb_fail *fail)
{
    char *end;
    errno = 0;
    unsigned long long size = strtoull(text, &end, 10);
    bool good = *text >= '0' && *text <= '9' && !errno && *end == ':' &&
                size <= INT64_MAX &&
                gb_hex_decode(out->root, sizeof out->root,
                              gb_span_text(*end ? end + 1 : end));
    out->size = size;
    return good ? GB_OK
                : gb_fail_set(fail, GB_E_USAGE,
                              "--head '%s': give SIZE:ROOT, a number and 64 "
                              "hex digits",
                              text);
}

/* SHA256: and 43 digits of base64 */
static enum gb_err
check_fingerprint(const char *text, struct gb_fail *fail)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";
    if (!strncmp(text, "SHA256:", 7) && strlen(text) == 50 &&
        strspn(text + 7, digits) == 43)
        return GB_OK;
    return gb_fail_set(fail, GB_E_USAGE,
                       "--key '%s': give the fingerprint, SHA256: and 43 "
                       "characters",
                       text);
}

/* Standard output is not looked at: no terminal, and not where errors go. */
static bool
goes_elsewhere(void)
{
    struct stat out, err;
    return !isatty(STDOUT_FILENO) &&
           (fstat(STDOUT_FILENO, &out) || fstat(STDERR_FILENO, &err) ||
            out.st_dev != err.st_dev || out.st_ino != err.st_ino);
}

/* The verdict on standard error, with the ledger's name unless it has it. */
static void
complain(const struct gb_args *args, const struct gb_audit_report *report,
         const struct gb_fail *why)
{
    struct gb_buf line;
    const char *ledger = gb_args_word(args, 0);
    if (!goes_elsewhere())
        return;
    gb_buf_init(&line, REPORT_MAX);
    if (strncmp(why->text, ledger, strlen(ledger))) {
        gb_term_clean(&line, gb_span_text(ledger));
        gb_buf_text(&line, ": ");
    }
    gb_audit_verdict(report, why, &line);
    fprintf(stderr, "%s: %.*s\n", gb_args_program(args)->name, (int)line.len,
            (const char *)line.ptr);
    gb_buf_release(&line);
}

static int
run_audit(const struct gb_args *args)
{
    struct gb_audit_plan plan = {.ledger = gb_args_word(args, 0),
                                 .key = gb_args_value(args, "key"),
                                 .stop = &stop};
    struct gb_audit_report report;
    struct gb_head head = {0};
    struct gb_fail fail = {0}, why = {0};
    struct gb_buf out;
    const char *text = gb_args_value(args, "head");
    enum gb_err e = gb_crypto_init(&fail);
    if (!e && plan.key)
        e = check_fingerprint(plan.key, &fail);
    if (!e && text)
        e = read_head(text, &head, &fail);
    if (e)
        return gb_cmd_fail(args, &fail);
    plan.head = text ? &head : NULL;
    catch_signals();
    enum gb_err verdict = gb_audit_run(&plan, &report, &why);
    gb_buf_init(&out, REPORT_MAX);
    e = gb_args_flag(args, "json")
            ? gb_audit_json(&plan, &report, &why, &out, &fail)
            : gb_audit_show(&plan, &report, &why, &out, &fail);
    fwrite(out.ptr, 1, out.len, stdout);
    if (verdict)
        complain(args, &report, &why);
    gb_buf_release(&out);
    gb_audit_release(&report);
    return e ? gb_cmd_fail(args, &fail) : verdict ? 1 : 0;
}

/* ------------------------------------------------------ one change set -- */

/* The three files of a verification. */
struct files {
    struct gb_buf set, signature, signers;
};

static enum gb_err
read_files(const struct gb_args *args, struct files *f, struct gb_fail *fail)
{
    char beside[GB_FILE_PATH_MAX];
    const char *set = gb_args_word(args, 0);
    const char *signature = gb_args_value(args, "signature");
    const char *signers = gb_args_value(args, "signers");
    if (!signers)
        return gb_fail_set(fail, GB_E_USAGE,
                           "--signers is missing: the file of those who may "
                           "sign");
    int n = snprintf(beside, sizeof beside, "%s.sig", set);
    if (n < 0 || (size_t)n >= sizeof beside)
        return gb_fail_set(fail, GB_E_LIMIT, "the path is too long");
    enum gb_err e = gb_file_read(set, &f->set, fail);
    if (!e)
        e = gb_file_read(signature ? signature : beside, &f->signature, fail);
    if (!e)
        e = gb_file_read(signers, &f->signers, fail);
    return e;
}

/* What the set says of itself; its signature is good. */
static void
describe(struct gb_json_writer *w, struct gb_span bytes,
         const struct gb_public_key *key)
{
    char hex[65], print[GB_FINGERPRINT_SIZE];
    struct gb_set_info info;
    struct gb_set set;
    struct gb_fail ignored = {0};
    struct gb_sha256 sha = gb_sha256(bytes);
    if (gb_set_info(bytes, &info, &ignored))
        return;
    gb_hex_encode(hex, info.site, sizeof info.site);
    gb_json_pair_text(w, "site", hex);
    gb_json_pair_int(w, "device", info.device);
    gb_json_pair_int(w, "seq", info.seq);
    gb_hex_encode(hex, sha.bytes, sizeof sha.bytes);
    gb_json_pair_text(w, "sha256", hex);
    gb_hex_encode(hex, info.prev, sizeof info.prev);
    gb_json_pair_text(w, "previous", hex);
    gb_json_pair_int(w, "schema", info.schema);
    gb_json_pair_int(w, "clock_ms", info.clock_ms);
    gb_json_pair_int(w, "base_epoch", info.base.epoch);
    gb_json_pair_int(w, "base_size", (int64_t)info.base.size);
    gb_hex_encode(hex, info.base.root, sizeof info.base.root);
    gb_json_pair_text(w, "base_root", hex);
    gb_json_key(w, "operations");
    if (gb_set_decode_times(bytes, &set, &ignored)) {
        gb_json_put_null(w);
    } else {
        gb_json_put_int(w, set.nops);
        gb_set_release(&set);
    }
    gb_key_fingerprint(print, key);
    gb_json_pair_text(w, "key", print);
}

static enum gb_err
print_json(struct gb_span bytes, const struct gb_public_key *key,
           const struct gb_fail *why, struct gb_fail *fail)
{
    struct gb_buf out;
    gb_buf_init(&out, REPORT_MAX);
    struct gb_json_writer w = gb_json_writer(&out, true);
    gb_json_begin_object(&w);
    gb_json_pair_bool(&w, "ok", !why->code);
    gb_json_pair_text(&w, "error", why->code ? why->text : NULL);
    if (!why->code)
        describe(&w, bytes, key);
    gb_json_end_object(&w);
    gb_buf_text(&out, "\n");
    enum gb_err e = gb_buf_check(&out, "the report", fail);
    fwrite(out.ptr, 1, out.len, stdout);
    gb_buf_release(&out);
    return e;
}

static void
print_text(struct gb_span bytes, const struct gb_public_key *key)
{
    char print[GB_FINGERPRINT_SIZE], sha[65];
    struct gb_set_info info;
    struct gb_fail ignored = {0};
    struct gb_sha256 hash = gb_sha256(bytes);
    gb_key_fingerprint(print, key);
    gb_hex_encode(sha, hash.bytes, sizeof hash.bytes);
    if (!gb_set_info(bytes, &info, &ignored))
        printf("OK: set %u of device %d, %s, signed by %s\n", info.seq,
               info.device, sha, print);
}

static int
run_verify(const struct gb_args *args)
{
    struct files f;
    struct gb_fail why = {0}, fail = {0};
    struct gb_public_key key;
    const char *when = gb_args_value(args, "time");
    struct gb_audit_set in = {.identity = gb_args_value(args, "identity"),
                              .time_s = (int64_t)time(NULL)};
    gb_buf_init(&f.set, GB_SET_MAX);
    gb_buf_init(&f.signature, GB_SSHSIG_MAX);
    gb_buf_init(&f.signers, SIGNERS_MAX);
    enum gb_err e = gb_crypto_init(&why);
    if (!e && when && !gb_audit_time(gb_span_text(when), &in.time_s))
        e = gb_fail_set(&why, GB_E_USAGE, "--time '%s': give YYYYMMDDHHMMSSZ",
                        when);
    if (!e)
        e = read_files(args, &f, &why);
    in.signed_bytes = gb_buf_view(&f.set);
    in.signature = gb_buf_view(&f.signature);
    in.signers = gb_buf_view(&f.signers);
    if (!e && (e = gb_audit_set_verify(&in, &key, &why)))
        gb_fail_wrap(&why, "%s", gb_args_word(args, 0));
    int status = e ? gb_cmd_fail(args, &why) : 0;
    if (e != GB_E_USAGE && gb_args_flag(args, "json") &&
        print_json(in.signed_bytes, &key, &why, &fail))
        status = gb_cmd_fail(args, &fail);
    else if (!e && !gb_args_flag(args, "json"))
        print_text(in.signed_bytes, &key);
    gb_buf_release(&f.set);
    gb_buf_release(&f.signature);
    gb_buf_release(&f.signers);
    return status;
}

/* -------------------------------------------------------- command line -- */

static const struct gb_option audit_options[] = {
    {"key", 0, "FINGERPRINT", "of the site's first ledger key, SHA256:..."},
    {"head", 0, "SIZE:ROOT", "a tree head that is remembered"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_option verify_options[] = {
    {"signers", 0, "FILE", "those who may sign, as in signers/changesets"},
    {"signature", 0, "FILE", "instead of FILE.gbcs.sig"},
    {"identity", 0, "NAME", "who must have signed, instead of DEVICE@SITE"},
    {"time", 0, "YYYYMMDDHHMMSSZ", "when the key must be valid, not now"},
    GB_OPTION_JSON,
    {0}};

static const struct gb_command commands[] = {
    {.summary = "LEDGER.git [--key FINGERPRINT] [--head SIZE:ROOT]",
     .help = "check a whole ledger; without --key only that it is consistent",
     .options = audit_options,
     .min = 1,
     .max = 1,
     .run = run_audit},
    {.name = "verify",
     .summary = "FILE.gbcs --signers FILE",
     .help = "check the signature of one change set",
     .options = verify_options,
     .min = 1,
     .max = 1,
     .run = run_verify},
    {0}};

static const struct gb_program program = {
    .name = "gengbu-audit",
    .version = GB_VERSION,
    .summary = "check a Gengbu ledger without trusting its hub",
    .commands = commands};

int
main(int argc, char **argv)
{
    /* Versions of a folder come and go by thousands; left to itself, malloc
     * keeps room for the largest in each thread's memory. */
    mallopt(M_MMAP_THRESHOLD, LARGE);
    return gb_cmd_main(&program, argc, argv);
}
