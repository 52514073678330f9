/*
 * hub_audit_fixture.h - a hub with two handhelds and a ledger that has a bit
 * of everything; and a forger, who has copied it.
 *
 *   1  the site, its schema           6..7  first sets of both handhelds
 *   2  the first supervisor           8     of 1, an operation quarantined
 *   3  a second member of staff       9     of 2, a fork of its first set
 *   4  handheld 1 enrolled           10     of 1, held: a newer schema
 *   5  handheld 2 enrolled           11..12 second set of 2, third of 1
 */
#ifndef GB_TEST_AUDIT_H
#define GB_TEST_AUDIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/id.h"
#include "engine/sshsig.h"
#include "engine/tlv.h"
#include "hub/audit.h"
#include "hub/ledger_text.h"
#include "hub/office.h"
#include "tests/unit/support/good.h"

#define NOON INT64_C(1795435200) /* 2026-11-23T12:00:00Z */
#define POSITIONS 12
#define COMMITS 10
#define FORGED_FILES 32

static const char audit_schema[] =
    "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, level INTEGER)"
    " STRICT;\n"
    "CREATE TABLE r(id INTEGER PRIMARY KEY, fa INTEGER, la INTEGER) STRICT;\n"
    "INSERT INTO rule VALUES('staff','name','last'),('staff','level','last'),"
    "('r','la','last');\n"
    "INSERT INTO actor VALUES('staff','level');\n";

struct handheld {
    struct gb_sign_key sign, receive;
    uint32_t seq;
    uint8_t sha[32];
};

struct world {
    char dir[128], path[160], ledger[192];
    char forged[160]; /* the forger's copy, forged.git */
    struct gb_office *hub;
    struct handheld h[3]; /* by number */
    int64_t id;
    struct gb_ledger_log log;
};

/* What one set shall be; zeros: the next of its chain, as it must be. */
struct plan {
    int device;
    uint32_t seq, schema;
    const struct gb_head *base;
    int64_t id;
    struct gb_parent parent; /* seq 1: the chain that it continues */
    size_t cut;              /* bytes that are missing at its end */
    uint8_t flip;            /* bits of the last section's last byte */
};

struct made {
    struct gb_buf bytes, personal;
    struct gb_signature sig;
};

/* Run a shell command in the world's folder; its exit status. */
static inline int __attribute__((format(printf, 2, 3)))
sh(const struct world *w, const char *format, ...)
{
    char command[2000];
    va_list args;
    int n = snprintf(command, sizeof command, "cd '%s' || exit 1\n", w->dir);
    va_start(args, format);
    vsnprintf(command + n, sizeof command - (size_t)n, format, args);
    va_end(args);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ------------------------------------------------------------ the hub -- */

static inline void
enrol(struct world *w, int number)
{
    struct handheld *h = &w->h[number];
    struct gb_buf b;
    gb_sign_key_generate(&h->sign);
    gb_sign_key_generate(&h->receive);
    gb_buf_init(&b, 4096);
    gb_tlv_number(&b, GB_DEVICE_NUMBER, (uint64_t)number);
    gb_tlv_put(&b, GB_DEVICE_NAME, gb_span_text("手持机"));
    gb_tlv_number(&b, GB_DEVICE_LEVEL, 2);
    gb_tlv_put(&b, GB_DEVICE_SIGN_KEY, GB_SPAN(h->sign.public_key.bytes, 32));
    gb_tlv_put(&b, GB_DEVICE_RECEIVE_KEY,
               GB_SPAN(h->receive.public_key.bytes, 32));
    struct gb_op op = {.kind = GB_DEVICE, .text = gb_buf_view(&b)};
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
    gb_buf_release(&b);
}

/* One set of one insert. */
static inline void
make_set(struct world *w, const struct plan *p, struct made *m,
         struct gb_arriving *a)
{
    struct handheld *h = &w->h[p->device];
    const struct gb_schema *s = gb_state_schema(w->hub->state);
    struct gb_written value = {.column = 0, .value = gb_value_int(++w->id)};
    struct gb_boot boot = {.id = {1}, .wall_ms = NOON * 1000 - 60000};
    struct gb_origin origin = {.device = p->parent.device, .stamp = w->id};
    struct gb_op op = {.kind = GB_INSERT,
                       .table = 1,
                       .id = p->id ? p->id : gb_id_make(p->device, w->id),
                       .actor = 1,
                       .time_ms = boot.wall_ms + w->id,
                       .stamp = (boot.wall_ms + w->id) * 65536,
                       .values = &value,
                       .nvalues = 1};
    struct gb_set set = {.device = p->device,
                         .seq = p->seq ? p->seq : h->seq + 1,
                         .schema = s->version,
                         .clock_ms = op.time_ms,
                         .base =
                             p->base ? *p->base : gb_state_head(w->hub->state),
                         .boots = &boot,
                         .nboots = 1,
                         .ops = &op,
                         .nops = 1,
                         .origins = p->parent.device ? &origin : NULL,
                         .parent = p->parent};
    memcpy(set.site, w->hub->site, sizeof set.site);
    if (set.seq != 1)
        memcpy(set.prev, h->sha, sizeof set.prev);
    *a = (struct gb_arriving){.skew = {.clock_ms = op.time_ms}};
    gb_buf_init(&m->bytes, GB_SET_MAX);
    gb_buf_init(&m->personal, GB_SET_MAX);
    GOOD(gb_set_encode(&set, s, &m->bytes, &why));
    GOOD(gb_set_encode_personal(&set, s, &m->personal, &why));
    if (p->schema) /* bytes 60 to 63 of the header */
        m->bytes.ptr[63] = (uint8_t)p->schema;
    m->bytes.len -= p->cut;
    m->bytes.ptr[m->bytes.len - 2] ^= p->flip;
    a->parts.signed_bytes = gb_buf_view(&m->bytes);
    m->sig = gb_sshsig_sign(&h->sign, GB_NS_CHANGESET, a->parts.signed_bytes);
    a->parts.signature = GB_SPAN(m->sig.bytes, sizeof m->sig.bytes);
    a->parts.personal = gb_buf_view(&m->personal);
    struct gb_sha256 sha = gb_sha256(a->parts.signed_bytes);
    if (set.seq > h->seq) {
        h->seq = set.seq;
        memcpy(h->sha, sha.bytes, sizeof h->sha);
    }
}

/* A batch of sets. */
static inline void
deliver(struct world *w, const struct plan *plans, size_t n)
{
    struct made made[4];
    struct gb_arriving sets[4];
    for (size_t i = 0; i < n; i++)
        make_set(w, &plans[i], &made[i], &sets[i]);
    GOOD(gb_office_commit(w->hub, sets, n, &why));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sets[i].outcome, GB_TAKEN);
        gb_buf_release(&made[i].bytes);
        gb_buf_release(&made[i].personal);
    }
}

static inline void
insert_staff(struct world *w)
{
    struct gb_written values[2] = {
        {.column = 0, .value = gb_value_text(gb_span_text("李四"))},
        {.column = 1, .value = gb_value_int(1)}};
    struct gb_op op = {.kind = GB_INSERT, .values = values, .nvalues = 2};
    GOOD(gb_office_new_id(w->hub, &op.id, &why));
    GOOD(gb_office_own(w->hub, &op, 1, 0, &why));
}

static inline void
fill(struct world *w)
{
    insert_staff(w);
    enrol(w, 1);
    enrol(w, 2);
    deliver(w, (struct plan[]){{.device = 1}, {.device = 2}}, 2);
    deliver(w, &(struct plan){.device = 1, .id = gb_id_make(7, 1)}, 1);
    deliver(w, &(struct plan){.device = 2, .seq = 1}, 1);
    deliver(w, &(struct plan){.device = 1, .schema = 9}, 1);
    deliver(w, (struct plan[]){{.device = 2}, {.device = 1}}, 2);
}

static inline void
open_log(struct world *w)
{
    struct gb_ledger *l;
    GOOD(gb_ledger_open(&l, w->ledger, GB_LEDGER_READ, &why));
    GOOD(gb_ledger_log(l, NULL, &w->log, &why));
    gb_ledger_close(l);
}

static inline void
make_hub(struct world *w)
{
    struct gb_schema_file file = {"w.sql", gb_span_text(audit_schema)};
    struct gb_buf pack;
    const char *tmp = getenv("TMPDIR");
    GOOD(gb_crypto_init(&why));
    snprintf(w->dir, sizeof w->dir, "%.80s/audit-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->path, sizeof w->path, "%s/hub", w->dir);
    snprintf(w->ledger, sizeof w->ledger, "%s/ledger.git", w->path);
    snprintf(w->forged, sizeof w->forged, "%s/forged.git", w->dir);
    gb_buf_init(&pack, GB_SCHEMA_MAX);
    GOOD(gb_schema_pack(&file, 1, &pack, &why));
    struct gb_office_plan plan = {"锦绣花园", "张三", "Asia/Shanghai",
                                  gb_buf_view(&pack)};
    GOOD(gb_office_init(w->path, &plan, &why));
    GOOD(gb_office_open(w->path, "test", &w->hub, &why));
    gb_buf_release(&pack);
}

static inline int
set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    setenv("GENGBU_CLOCK_MS", "1795435200000", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    make_hub(w);
    fill(w);
    GOOD(gb_ledger_consolidate(w->hub->ledger, 0, &why));
    open_log(w);
    assert_int_equal(w->log.count, COMMITS);
    *state = w;
    return 0;
}

static inline int
tear_down(void **state)
{
    struct world *w = *state;
    gb_office_close(w->hub);
    gb_ledger_log_release(&w->log);
    sh(w, "rm -rf '%s'", w->dir);
    free(w);
    return 0;
}

/* -------------------------------------------------------------- audits -- */

static inline void
fingerprint(const struct world *w, char out[GB_FINGERPRINT_SIZE])
{
    gb_key_fingerprint(out, &w->hub->keys.ledger.public_key);
}

/* Run an audit that finds what is wrong somewhere from..to (0..0: nowhere in
 * particular), and says so. */
static inline void
expect_says(const struct gb_audit_plan *plan, uint64_t from, uint64_t to,
            const char *what, const char *says)
{
    struct gb_audit_report r;
    struct gb_fail f = {0};
    enum gb_err e = gb_audit_run(plan, &r, &f);
    if (!e || r.verdict != GB_AUDIT_WRONG)
        fail_msg("%s: %s %s", what, e ? "only not checked:" : "OK", f.text);
    if (r.position < from || r.position > to)
        fail_msg("%s: at %llu, not %llu..%llu: %s", what,
                 (unsigned long long)r.position, (unsigned long long)from,
                 (unsigned long long)to, f.text);
    assert_true(r.position <= r.position_last);
    if (!*f.text || !strstr(f.text, says))
        fail_msg("%s: does not say '%s': %s", what, says, f.text);
    gb_audit_release(&r);
}

static inline void
expect_wrong(const struct gb_audit_plan *plan, uint64_t from, uint64_t to,
             const char *what)
{
    expect_says(plan, from, to, what, "");
}

static inline void
expect_ok(const struct gb_audit_plan *plan, struct gb_audit_report *r)
{
    struct gb_fail f = {0};
    if (gb_audit_run(plan, r, &f))
        fail_msg("%s at %llu: %s", plan->ledger,
                 (unsigned long long)r->position, f.text);
    assert_int_equal(r->verdict, GB_AUDIT_OK);
    assert_int_equal(r->position, 0);
}

/* ------------------------------------------------------------- forging -- */

/* A commit taken apart, to be made again. */
struct forgery {
    struct gb_ledger_file files[FORGED_FILES];
    struct gb_buf bytes[FORGED_FILES];
    char paths[FORGED_FILES][GB_LEDGER_PATH_MAX + 1];
    size_t n;
    char message[512], site[128];
    int64_t time_s;
    struct gb_sign_key key;
};

static inline void
forge_add(struct forgery *f, const char *path, struct gb_span bytes)
{
    assert_true(f->n < FORGED_FILES);
    snprintf(f->paths[f->n], sizeof f->paths[0], "%s", path);
    gb_buf_init(&f->bytes[f->n], GB_LEDGER_FILE_MAX);
    gb_buf_span(&f->bytes[f->n], bytes);
    f->n++;
}

static inline void
forge_drop(struct forgery *f, size_t i)
{
    gb_buf_release(&f->bytes[i]);
    f->n--;
    memmove(&f->bytes[i], &f->bytes[i + 1], (f->n - i) * sizeof f->bytes[0]);
    memmove(f->paths[i], f->paths[i + 1], (f->n - i) * sizeof f->paths[0]);
}

/* Its file whose path ends like this. */
static inline size_t
forge_find(const struct forgery *f, const char *end)
{
    for (size_t i = 0; i < f->n; i++) {
        size_t n = strlen(f->paths[i]), m = strlen(end);
        if (n >= m && !strcmp(f->paths[i] + n - m, end))
            return i;
    }
    fail_msg("no file *%s", end);
    return 0;
}

static inline enum gb_err
forge_take(void *context, const struct gb_ledger_change *c,
           struct gb_fail *fail)
{
    (void)fail;
    if (strcmp(c->path, ".gitattributes"))
        forge_add(context, c->path, c->bytes);
    return GB_OK;
}

/* Take the n-th commit apart. */
static inline void
forge_begin(const struct world *w, struct forgery *f, size_t n)
{
    struct gb_ledger *l;
    struct gb_ledger_commit c;
    *f = (struct forgery){.key = w->hub->keys.ledger};
    GOOD(gb_ledger_open(&l, w->ledger, GB_LEDGER_READ, &why));
    GOOD(gb_ledger_commit_read(l, &w->log.commits[n], &c, &why));
    GOOD(gb_ledger_changes(l, &w->log.commits[n], forge_take, f, &why));
    snprintf(f->message, sizeof f->message, "%.*s", (int)c.message.len,
             (const char *)c.message.ptr);
    snprintf(f->site, sizeof f->site, "%.*s", (int)c.site.len,
             (const char *)c.site.ptr);
    f->time_s = c.time_s;
    gb_ledger_commit_release(&c);
    gb_ledger_close(l);
}

/* Put it on top of what forged.git has. */
static inline void
forge_commit(const struct world *w, struct forgery *f)
{
    struct gb_ledger *l;
    struct gb_oid commit;
    for (size_t i = 0; i < f->n; i++) {
        f->files[i].path = f->paths[i];
        f->files[i].bytes = gb_buf_view(&f->bytes[i]);
    }
    struct gb_ledger_batch b = {.files = f->files,
                                .count = f->n,
                                .site = f->site,
                                .message = f->message,
                                .time_s = f->time_s,
                                .key = &f->key};
    GOOD(gb_ledger_open(&l, w->forged, GB_LEDGER_WRITE, &why));
    GOOD(gb_ledger_prepare(l, &b, &commit, &why));
    GOOD(gb_ledger_publish(l, &why));
    gb_ledger_close(l);
}

static inline void
forge_end(struct forgery *f)
{
    while (f->n)
        forge_drop(f, f->n - 1);
}

/* forged.git becomes the ledger up to before the n-th commit. */
static inline void
forge_copy(const struct world *w, size_t n)
{
    char hex[2 * GB_OID_BYTES + 1] = "";
    if (n)
        gb_hex_encode(hex, w->log.commits[n - 1].bytes, GB_OID_BYTES);
    assert_int_equal(sh(w,
                        "rm -rf forged.git && cp -r hub/ledger.git forged.git "
                        "&& if test '%s'; then echo '%s' >forged.git/refs/"
                        "heads/main; else rm forged.git/refs/heads/main; fi",
                        hex, hex),
                     0);
}

/* Positions of the n-th commit's batch. */
static inline void
forge_range(const struct forgery *f, uint64_t *from, uint64_t *to)
{
    unsigned long long a, b;
    assert_int_equal(sscanf(f->message, "batch %llu..%llu", &a, &b), 2);
    *from = a;
    *to = b;
}

#endif
