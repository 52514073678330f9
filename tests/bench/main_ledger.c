/* main_ledger.c - ledger_batch, ledger_packs, ledger_files: how a batch becomes
 * durable, and what ten years of them leave. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/sshsig.h"
#include "floor.h"
#include "hub/ledger.h"
#include "hub/ledger_text.h"
#include "world.h"

#define YEARS 10
#define BATCHES 3000 /* a year */
#define SETS 4       /* of such a batch */
#define SET_BYTES 600
#define MORE 100 /* batches while packs and files are counted */

/* ------------------------------------------------------------- batches -- */

/* Sets and their signatures, as files of a batch that begins at `first`. */
struct batch {
    struct gb_ledger_file files[2 * WL_DEVICES + 1];
    char names[2 * WL_DEVICES + 1][GB_LEDGER_NAME_MAX];
    size_t n;
    uint64_t first;
    int64_t time_s;
};

static void
add(struct batch *b, enum gb_ledger_kind kind, uint64_t at,
    struct gb_span bytes)
{
    struct gb_ledger_name name = {.kind = kind,
                                  .position = b->first + at,
                                  .device = (int)at + 1,
                                  .seq = (uint32_t)b->first};
    gb_ledger_name_write(b->names[b->n], &name, b->time_s);
    b->files[b->n] =
        (struct gb_ledger_file){.path = b->names[b->n], .bytes = bytes};
    b->n++;
}

/* Durable in the ledger, and packs merged where there are too many. */
static void
commit(struct gb_ledger *l, struct batch *b, const struct gb_sign_key *key)
{
    struct gb_oid oid;
    char message[60];
    snprintf(message, sizeof message, "batch %llu\n",
             (unsigned long long)b->first);
    struct gb_ledger_batch batch = {.files = b->files,
                                    .count = b->n,
                                    .site = "bench",
                                    .message = message,
                                    .time_s = b->time_s,
                                    .key = key};
    MUST(gb_ledger_prepare(l, &batch, &oid, &bench_why));
    MUST(gb_ledger_publish(l, &bench_why));
}

/* ---------------------------------------------------------- 200 shifts -- */

/* Bytes of all packs. */
static size_t
pack_bytes(const char *ledger)
{
    char path[2 * GB_FILE_PATH_MAX];
    size_t all = 0;
    struct stat st;
    snprintf(path, sizeof path, "%s/objects/pack", ledger);
    DIR *d = opendir(path);
    NEED(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/objects/pack/%s", ledger, e->d_name);
        if (strstr(e->d_name, ".pack") && !stat(path, &st))
            all += (size_t)st.st_size;
    }
    closedir(d);
    return all;
}

/* Milliseconds for the batch of the day; *pack: for a pack of the same files,
 * *file: for as many bytes of any. */
static double
commit_day(const struct world_sets *sets, struct gb_span *armor, double *pack,
           double *file)
{
    static struct batch b;
    static struct gb_span blobs[2 * WL_DEVICES];
    const char *path = bench_scratch("ledger.git");
    struct gb_ledger *l;
    struct gb_sign_key key = world_key(1);
    bench_copy(bench_path("morning/hub/ledger.git"), path);
    size_t before = pack_bytes(path);
    b = (struct batch){.first = 1000000, .time_s = WORLD_EVENING / 1000};
    for (uint64_t i = 0; i < WL_DEVICES; i++) {
        add(&b, GB_LEDGER_SET, i, sets->sets[i].parts.signed_bytes);
        add(&b, GB_LEDGER_SIGNATURE, i, armor[i]);
    }
    MUST(gb_ledger_open(&l, path, GB_LEDGER_WRITE, &bench_why));
    double began = bench_now();
    commit(l, &b, &key);
    double took = bench_now() - began;
    gb_ledger_close(l);
    for (size_t i = 0; i < b.n; i++)
        blobs[i] = b.files[i].bytes;
    bench_remove(bench_scratch("pack.git"));
    *pack = floor_pack(bench_scratch("pack.git"), blobs, b.n) * 1e3;
    *file = floor_file(bench_scratch("pack"), pack_bytes(path) - before) * 1e3;
    return took * 1e3;
}

static void
measure_batch(void)
{
    static struct world_sets sets;
    static struct gb_buf armor[WL_DEVICES];
    static struct gb_span views[WL_DEVICES];
    double values[BENCH_RUNS_MAX], floors[BENCH_RUNS_MAX], file = 0;
    int runs = bench_runs();
    world_sets(&sets, false);
    for (int i = 0; i < WL_DEVICES; i++) {
        struct gb_sign_key key = world_key(i + 1);
        struct gb_signature sig;
        memcpy(sig.bytes, sets.sets[i].parts.signature.ptr, sizeof sig.bytes);
        gb_buf_init(&armor[i], GB_SSHSIG_MAX);
        gb_sshsig_armor(&armor[i], &key.public_key, GB_NS_CHANGESET, &sig);
        views[i] = gb_buf_view(&armor[i]);
    }
    for (int i = 0; i < runs; i++)
        values[i] = commit_day(&sets, views, &floors[i], &file);
    fprintf(stderr, "bench: a file as long as the pack took %.1f ms\n", file);
    bench_report("ledger_batch", values, floors, runs);
    for (int i = 0; i < WL_DEVICES; i++)
        gb_buf_release(&armor[i]);
    world_sets_release(&sets);
}

/* ----------------------------------------------------------- ten years -- */

/* Batch `number` of ten years: bytes that do not compress. */
static void
commit_small(struct gb_ledger *l, int number, const struct gb_sign_key *key)
{
    static struct batch b;
    static uint8_t bytes[SETS][SET_BYTES], text[SETS][300];
    b = (struct batch){.first = (uint64_t)number * SETS + 1,
                       .time_s = WORLD_EVENING / 1000 +
                                 (int64_t)number * (365 * 86400 / BATCHES)};
    for (uint64_t i = 0; i < SETS; i++) {
        gb_random(bytes[i], sizeof bytes[i]);
        gb_random(text[i], sizeof text[i]);
        add(&b, GB_LEDGER_SET, i, GB_SPAN(bytes[i], sizeof bytes[i]));
        add(&b, GB_LEDGER_SIGNATURE, i, GB_SPAN(text[i], sizeof text[i]));
    }
    add(&b, GB_LEDGER_BATCH, 0, GB_SPAN(text[0], sizeof text[0]));
    commit(l, &b, key);
    MUST(gb_ledger_consolidate(l, GB_LEDGER_PACKS_MAX, &bench_why));
}

static void
make_decade(void *path)
{
    struct gb_ledger *l;
    struct gb_sign_key key = world_key(1);
    MUST(gb_ledger_init(path, &bench_why));
    MUST(gb_ledger_open(&l, path, GB_LEDGER_WRITE, &bench_why));
    for (int i = 0; i < YEARS * BATCHES; i++)
        commit_small(l, i, &key);
    gb_ledger_close(l);
}

static size_t
open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    NEED(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 3; /* . and .. and this folder itself */
}

static void
measure_decade(void)
{
    char path[GB_FILE_PATH_MAX];
    struct gb_ledger *l;
    struct gb_ledger_log log;
    struct gb_sign_key key = world_key(1);
    size_t packs = 0, files = 0, n;
    snprintf(path, sizeof path, "%s", bench_path("decade.git"));
    if (!bench_kept(path, world_format())) {
        bench_apart(make_decade, path);
        bench_keep(path, world_format());
    }
    MUST(gb_ledger_open(&l, path, GB_LEDGER_WRITE, &bench_why));
    MUST(gb_ledger_log(l, NULL, &log, &bench_why));
    for (int i = 0; i < MORE; i++) {
        commit_small(l, (int)log.count + i, &key);
        MUST(gb_ledger_packs(l, &n, &bench_why));
        packs = n > packs ? n : packs;
        n = open_files();
        files = n > files ? n : files;
    }
    gb_ledger_log_release(&log);
    gb_ledger_close(l);
    bench_report_one("ledger_packs", (double)packs, 0);
    bench_report_one("ledger_files", (double)files, 0);
}

int
main(void)
{
    if (bench_wanted("ledger_batch"))
        measure_batch();
    if (bench_wanted("ledger_packs") || bench_wanted("ledger_files"))
        measure_decade();
    return 0;
}
