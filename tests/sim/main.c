/*
 * main.c - sim SEED [COUNT] [--devices N] [--steps N] [-v]
 *          sim --scenarios [-v]
 *
 * Runs COUNT worlds (1) from SEED on and ends at the first broken promise, with
 * the seed and the command that plays it again; -v tells the story of each.
 * When it is stopped it says where to go on.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define WORLD_S_MAX 300 /* of one world: longer, and something hangs */

static struct world the_world;
static char folder[64], hub_folder[80];
static char again[200]; /* the command that replays the current world */
static int devices, steps;
static volatile sig_atomic_t stopped;

const char *
sim_folder(void)
{
    return folder;
}

const char *
sim_hub_folder(void)
{
    return hub_folder;
}

/* ---------------------------------------------------------- randomness -- */

static const char *
random_name(void)
{
    return "simulation";
}

static uint32_t
random_word(void)
{
    static struct sim_random first = {1};
    return (uint32_t)sim_next(sim_world && sim_world->seed ? &sim_world->chance
                                                           : &first);
}

static void
random_bytes(void *const out, const size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)random_word();
}

static struct randombytes_implementation from_the_seed = {
    .implementation_name = random_name,
    .random = random_word,
    .buf = random_bytes,
};

/* ------------------------------------------------------------- folders -- */

static void
remove_folder(void)
{
    gb_file_remove_all(folder, NULL);
}

/* In memory where there is such a place: much is written, and synced. */
static void
make_folder(void)
{
    char stick[80];
    const char *top = getenv("TMPDIR");
    if (!access("/dev/shm", W_OK))
        top = "/dev/shm";
    snprintf(folder, sizeof folder, "%.40s/gengbu-sim-XXXXXX",
             top && *top ? top : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
    atexit(remove_folder);
    snprintf(hub_folder, sizeof hub_folder, "%s/hub", folder);
    snprintf(stick, sizeof stick, "%s/stick", folder);
    mkdir(stick, 0700);
}

/* ------------------------------------------------------------- signals -- */

static void
say_again(void)
{
    if (*again)
        printf("replay: %s\n", again);
}

/* A crash of the code, or of an assertion: the seed is all that is left. */
static void
crash(int number)
{
    const char *what = number == SIGALRM ? "hangs" : "crashed";
    if (the_world.scenario)
        printf("scenario \"%s\": %s\n", the_world.scenario, what);
    else
        printf("seed %llu, step %d: %s\n", (unsigned long long)the_world.seed,
               the_world.step, what);
    say_again();
    fflush(stdout);
    remove_folder();
    signal(number, SIG_DFL);
    raise(number);
}

static void
stop(int number)
{
    (void)number;
    stopped = 1;
}

/* -------------------------------------------------------------- worlds -- */

/* How many steps a world takes, unless it was said. */
static int
choose_steps(struct world *w)
{
    static const int all[] = {6, 12, 20, 30, 60};
    return steps ? steps : all[sim_below(&w->chance, 5)] + 3 * (w->n - 2);
}

static void
run(uint64_t seed, const char *program)
{
    struct world *w = &the_world;
    char more[60] = "";
    if (devices)
        snprintf(more, sizeof more, " --devices %d", devices);
    if (steps)
        snprintf(more + strlen(more), sizeof more - strlen(more), " --steps %d",
                 steps);
    snprintf(again, sizeof again, "%s %llu 1%s -v", program,
             (unsigned long long)seed, more);
    alarm(WORLD_S_MAX);
    sim_world_make(w, seed, devices);
    for (int n = choose_steps(w); n > 0; n--)
        sim_step(w);
    sim_finish(w);
    sim_check(w);
    sim_world_free(w);
    alarm(0);
}

/* -------------------------------------------------------- command line -- */

struct options {
    uint64_t seed, count;
    bool scenarios;
};

static int
usage(void)
{
    fprintf(stderr,
            "usage: sim SEED [COUNT] [--devices 2..%d] [--steps N] [-v]\n"
            "       sim --scenarios [-v]\n",
            SIM_DEVICES_MAX);
    return 2;
}

/* A whole number from `least` to `most`; false when it is none. */
static bool
number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    *out = text ? strtoull(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end && *out >= least &&
           *out <= most;
}

static bool
read_options(char **argv, struct options *o)
{
    uint64_t v, plain[2] = {0, 1};
    int n = 0;
    for (char **at = argv + 1; *at; at++) {
        if (!strcmp(*at, "-v"))
            the_world.tell = true;
        else if (!strcmp(*at, "--scenarios"))
            o->scenarios = true;
        else if (!strcmp(*at, "--devices") &&
                 number(at[1], 2, SIM_DEVICES_MAX, &v))
            devices = (int)v, at++;
        else if (!strcmp(*at, "--steps") && number(at[1], 1, 1000000, &v))
            steps = (int)v, at++;
        else if (n == 2 || !number(*at, 1, UINT64_MAX / 2, &plain[n++]))
            return false;
    }
    o->seed = plain[0];
    o->count = plain[1];
    return o->scenarios ? !n : n > 0;
}

/* Signals, folder, randomness: once. */
static void
prepare(void)
{
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
    randombytes_set_implementation(&from_the_seed);
    if (sodium_init() < 0)
        exit(1);
    make_folder();
    atexit(say_again);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], crash);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (devices > 8)
        sim_world_largest(devices);
}

static void
run_all(const struct options *o, const char *program)
{
    struct world sum = {0};
    clock_t began = clock();
    uint64_t seed = o->seed;
    for (; seed < o->seed + o->count && !stopped; seed++) {
        run(seed, program);
        sum.operations += the_world.operations;
        sum.quarantined += the_world.quarantined;
        sum.kills += the_world.kills;
        sum.again += the_world.again;
        sum.forged += the_world.forged;
    }
    printf("%llu worlds, %lld operations (%lld wait, %lld copies went "
           "on), %lld forged sets, %lld machines went down: all as "
           "promised, %.1f s; next seed %llu\n",
           (unsigned long long)(seed - o->seed), (long long)sum.operations,
           (long long)sum.quarantined, (long long)sum.again,
           (long long)sum.forged, (long long)sum.kills,
           (double)(clock() - began) / CLOCKS_PER_SEC,
           (unsigned long long)seed);
}

int
main(int argc, char **argv)
{
    struct options o = {0};
    (void)argc;
    if (!read_options(argv, &o))
        return usage();
    prepare();
    if (o.scenarios) {
        snprintf(again, sizeof again, "%s --scenarios -v", argv[0]);
        sim_scenarios(&the_world);
        printf("scenarios: all as promised\n");
    } else {
        run_all(&o, argv[0]);
    }
    *again = 0;
    return 0;
}
