/* cmd_status.c - `gengbu-hub status`, `digest`, `rebuild`: the hub as a whole
 */
#include <stdio.h>
#include <string.h>

#include "engine/json.h"
#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/look.h"
#include "hub/quarantine.h"
#include "hub/waiting.h"

struct status {
    struct gb_look look;
    int64_t devices, enrolled, waiting_ops, received_ms;
    uint64_t more;
    size_t waiting_sets, files, packs;
    char print[GB_FINGERPRINT_SIZE], root[65];
};

static enum gb_err
count_entry(void *context, const struct gb_quarantine_entry *entry,
            struct gb_fail *fail)
{
    struct status *s = context;
    (void)entry;
    (void)fail;
    s->files++;
    return GB_OK;
}

static enum gb_err
gather(struct status *s, struct gb_fail *fail)
{
    struct gb_state *st = s->look.state;
    sqlite3 *db = gb_state_db(st);
    struct gb_public_key key;
    char path[GB_FILE_PATH_MAX];
    bool found;
    struct gb_head head = gb_state_head(st);
    gb_hex_encode(s->root, head.root, 32);
    memcpy(key.bytes, gb_state_site(st)->ledger_key, sizeof key.bytes);
    gb_key_fingerprint(s->print, &key);
    enum gb_err e =
        gb_db_int(db, "SELECT count(*) FROM _device WHERE number > 0",
                  &s->devices, &found, fail);
    if (!e)
        e = gb_db_int(db,
                      "SELECT count(*) FROM _device WHERE sign_key NOT NULL",
                      &s->enrolled, &found, fail);
    if (!e)
        e = gb_db_int(db, "SELECT count(*) FROM _wait", &s->waiting_ops, &found,
                      fail);
    if (!e)
        e = gb_state_received(st, head.size, &s->received_ms, fail);
    snprintf(path, sizeof path, "%.3000s/ledger.git", s->look.path);
    if (!e)
        e = gb_ledger_small_packs(path, &s->packs, fail);
    if (!e)
        e = gb_waiting_count(s->look.path, &s->waiting_sets, fail);
    if (!e)
        e = gb_quarantine_list(s->look.path, count_entry, s, &s->more, fail);
    return e;
}

static void
print_status(const struct status *s, struct gb_buf *b)
{
    const struct gb_site *site = gb_state_site(s->look.state);
    char when[GB_TERM_SIZE];
    gb_buf_text(b, "site        ");
    gb_term_clean(b, gb_span_text(site->name));
    gb_buf_printf(b, ", %s, epoch %u\n", site->timezone, site->epoch);
    gb_buf_printf(b, "schema      version %u\n",
                  gb_state_schema(s->look.state)->version);
    gb_buf_printf(b, "ledger      %llu entries, the last received %s\n",
                  (unsigned long long)gb_state_size(s->look.state),
                  gb_term_time(when, s->received_ms));
    gb_buf_printf(b, "tree head   %llu:%s\n",
                  (unsigned long long)gb_state_size(s->look.state), s->root);
    gb_buf_printf(b, "ledger key  %s\n", s->print);
    gb_buf_printf(b, "packs       %zu small ones", s->packs);
    if (s->packs > GB_LEDGER_PACKS_MAX)
        gb_buf_printf(b,
                      ", more than %d: merging them fails (the next batch says "
                      "why)",
                      GB_LEDGER_PACKS_MAX);
    gb_buf_text(b, "\n");
    gb_buf_printf(b, "devices     %lld, tickets used: %lld\n",
                  (long long)s->devices, (long long)s->enrolled);
    gb_buf_printf(b, "waiting     %zu sets for the one before them\n",
                  s->waiting_sets);
    gb_buf_printf(b,
                  "quarantine  %lld operations, %zu pieces of unsigned bytes",
                  (long long)s->waiting_ops, s->files);
    if (s->more)
        gb_buf_printf(b, " and %llu that were not kept",
                      (unsigned long long)s->more);
    gb_buf_text(b, "\n");
}

static void
write_status(const struct status *s, struct gb_buf *b)
{
    struct gb_state *st = s->look.state;
    const struct gb_site *site = gb_state_site(st);
    struct gb_json_writer w = gb_json_writer(b, true);
    char id[33];
    gb_hex_encode(id, site->id, sizeof site->id);
    gb_json_begin_object(&w);
    gb_json_pair_text(&w, "site", site->name);
    gb_json_pair_text(&w, "site_id", id);
    gb_json_pair_text(&w, "timezone", site->timezone);
    gb_json_pair_int(&w, "epoch", site->epoch);
    gb_json_pair_int(&w, "size", (int64_t)gb_state_size(st));
    gb_json_pair_text(&w, "root", s->root);
    gb_json_pair_int(&w, "schema", gb_state_schema(st)->version);
    gb_json_pair_int(&w, "received_ms", s->received_ms);
    gb_json_pair_text(&w, "ledger_key", s->print);
    gb_json_pair_int(&w, "packs", (int64_t)s->packs);
    gb_json_pair_bool(&w, "packs_untidy", s->packs > GB_LEDGER_PACKS_MAX);
    gb_json_pair_int(&w, "devices", s->devices);
    gb_json_pair_int(&w, "enrolled", s->enrolled);
    gb_json_pair_int(&w, "waiting_sets", (int64_t)s->waiting_sets);
    gb_json_pair_int(&w, "quarantined_operations", s->waiting_ops);
    gb_json_pair_int(&w, "quarantined_files", (int64_t)s->files);
    gb_json_pair_int(&w, "quarantined_uncounted", (int64_t)s->more);
    gb_json_end_object(&w);
    gb_buf_text(b, "\n");
}

int
gb_cmd_status(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct status s = {0};
    struct gb_buf out;
    gb_buf_init(&out, 65536);
    enum gb_err e = gb_look_open(gb_args_word(args, 0), &s.look, &fail);
    if (!e)
        e = gather(&s, &fail);
    if (!e && gb_args_flag(args, "json"))
        write_status(&s, &out);
    else if (!e)
        print_status(&s, &out);
    gb_look_close(&s.look);
    if (!e)
        return gb_cmd_print(args, &out);
    gb_buf_release(&out);
    return gb_cmd_fail(args, &fail);
}

/* -------------------------------------------------------------- digest -- */

/* The digest as hex, of the hub that the first word names: all of it, or what
 * a device has (0: all). */
static enum gb_err
digest(const struct gb_args *args, int device, char hex[65], uint64_t *size,
       struct gb_fail *fail)
{
    struct gb_look look;
    uint8_t sum[32];
    enum gb_err e = gb_look_open(gb_args_word(args, 0), &look, fail);
    if (e)
        return e;
    e = device ? gb_state_digest_of(look.state, device, sum, fail)
               : gb_state_digest(look.state, sum, fail);
    *size = gb_state_size(look.state);
    gb_look_close(&look);
    if (!e)
        gb_hex_encode(hex, sum, sizeof sum);
    return e;
}

int
gb_cmd_digest(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    char hex[65];
    uint64_t size;
    int64_t device = 0;
    if (gb_args_int(args, "device", 1, GB_DEVICE_MAX, &device, &fail) ||
        digest(args, (int)device, hex, &size, &fail))
        return gb_cmd_fail(args, &fail);
    printf("%s\n", hex);
    return 0;
}

/* ------------------------------------------------------------- rebuild -- */

static void
show_progress(void *context, uint64_t done, uint64_t all)
{
    struct gb_progress *p = context;
    p->total = all;
    gb_progress_at(p, done);
}

int
gb_cmd_rebuild(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_lock serving = {.fd = -1};
    struct gb_office *office = NULL;
    struct gb_progress progress;
    const char *hub = gb_args_word(args, 0);
    struct gb_buf out;
    char hex[65] = "";
    uint64_t size = 0;
    struct gb_look look = {0};
    gb_buf_init(&out, 4096);
    gb_progress_begin(&progress, "rebuild", 0, false);
    enum gb_err e = gb_look_site(hub, &look, &fail);
    if (!e)
        e = gb_cmd_serving(hub, "gengbu-hub rebuild", &serving, &fail);
    if (!e)
        e = gb_office_rebuild(hub, show_progress, &progress, &fail);
    if (!e) /* the time zone's offset is not in the ledger */
        e = gb_cmd_open(args, "gengbu-hub rebuild", &office, &fail);
    gb_office_close(office);
    gb_progress_end(&progress);
    gb_lock_release(&serving);
    if (!e)
        e = digest(args, 0, hex, &size, &fail);
    if (e) {
        gb_buf_release(&out);
        return gb_cmd_fail(args, &fail);
    }
    if (gb_args_flag(args, "json")) {
        struct gb_json_writer w = gb_json_writer(&out, true);
        gb_json_begin_object(&w);
        gb_json_pair_int(&w, "size", (int64_t)size);
        gb_json_pair_text(&w, "digest", hex);
        gb_json_end_object(&w);
        gb_buf_text(&out, "\n");
    } else {
        gb_buf_printf(&out, "hub.db made anew from %llu entries, digest %s\n",
                      (unsigned long long)size, hex);
    }
    return gb_cmd_print(args, &out);
}
