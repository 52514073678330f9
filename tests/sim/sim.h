/*
 * sim.h - a small world run by chance: one hub, some handhelds, people, and
 * everything that goes wrong between them.  All of it is the real code of
 * engine, hub and device; only what a machine gives it comes from here:
 *
 *   time        world.c, in place of hub/clock.c and device/clock.c
 *   network     network.c, in place of hub/http.c and device/http.c
 *   disk        disk.c, for SQLite; the ledger is one in memory (ledger.h)
 *   randomness  random.h, behind libsodium
 *   folders     handheld.c, in place of device/folder.c: a journal stays open
 *               until its machine goes down
 *
 * A world is made from its seed, takes some steps (step.c), then everyone
 * syncs until nothing moves, and check.c holds all that was promised against a
 * naive oracle.  The first broken promise ends the program with the seed.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "device/folder.h"
#include "disk.h"
#include "hub/office.h"
#include "hub/serve.h"

#define SIM_DEVICES_MAX 200
#define SIM_FORGERS 2
#define SIM_PARCELS 16
#define SIM_BACKUPS 8
#define SIM_HOUR ((int64_t)3600000)

enum { SIM_STAFF, SIM_R }; /* tables of the schema */

/* ----------------------------------------------------------- handhelds -- */

/* A write that its steward was told is safe. */
struct sim_write {
    enum gb_kind kind;
    int device, table;
    int64_t id;
    int n;
    struct gb_assign values[4]; /* texts are literals */
    int64_t true_ms;            /* when it was, whatever the clock said */
    struct gb_origin origin;    /* known once it is captured again */
    int took, waits;            /* how often in the ledger */
};

/* A set that a journal sealed: what its operations were. */
struct sim_sealed {
    uint8_t sha[32];
    int device;
    uint32_t seq;
    int *writes; /* numbers of world.writes, owned */
    int n;
};

/* What the hub gives to a new device (again.c). */
struct sim_ticket {
    int number;
    uint8_t secret[32];
    struct gb_folder_keys keys; /* that the device makes then */
    struct gb_buf delta;
};

struct handheld {
    struct gb_folder folder; /* what the device's code knows of it; first */
    struct world *w;
    int machine; /* its place in world.h, from 1 on */
    int number;  /* of the device that its journal makes it */
    const char *db;
    struct gb_folder_keys keys;
    struct sim_disk *disk;
    int64_t offset_ms;  /* how wrong its wall clock is */
    int64_t started_ms; /* when the machine was started last */
    uint8_t boot[16];
    int *writes; /* numbers of what its journal was told, in order */
    int nwrites, room;
    int nsealed;              /* how many of them stand in sets */
    uint32_t seq;             /* sets looked at */
    struct sim_ticket ticket; /* to go on with, being a copy; number 0: none */
    bool owes; /* it took over a copy's work, and has not delivered it */
};

/* A journal's file, put away; and what was in it. */
struct sim_backup {
    struct sim_disk *disk;
    int machine, number;
    struct gb_folder_keys keys;
    int *writes, nwrites, nsealed;
    uint32_t seq;
};

/* --------------------------------------------------------------- world -- */

/* A bundle under way on a stick, or on a network that repeats itself. */
struct sim_parcel {
    bool down;  /* to a device, else to the hub */
    bool stick; /* else by network */
    int device;
    struct gb_buf bytes;
};

/* An enrolled key in wrong hands (forge.c). */
struct forger {
    int number;
    struct gb_sign_key sign, receive;
    uint8_t secret[32];
    uint32_t seq;
    uint8_t sha[32];
    int64_t stamp, counter;
    bool enrolled;
};

/* A handheld talked to the hub over the network. */
struct sim_contact {
    int device;
    uint8_t boot[16];
    int64_t ms; /* true time */
};

/* A record that a copy captured again under another name. */
struct sim_renamed {
    int64_t old, new;
};

/* What the network does to the next exchange. */
struct sim_net {
    int cut_up, cut_down; /* the connection breaks at this byte; -1: not */
    bool lost;            /* the reply never comes */
    bool twice;           /* the request arrives twice */
};

struct world {
    uint64_t seed;
    const char *scenario; /* instead of a seed; NULL: none */
    struct sim_random chance;
    bool tell; /* step by step */
    int step;
    int64_t time_ms; /* that passes for everybody */
    bool calm;       /* nothing goes wrong any more */
    bool lose;       /* but that the replies are lost (scenario.c) */

    struct sim_disk *hub_disk;
    struct gb_ledger_store *store;
    struct gb_office *office;
    struct gb_server *server;
    struct gb_state *reader; /* of whoever imports a stick */
    int64_t hub_started_ms, hub_offset_ms;
    uint32_t versions; /* of the schema, that the hub's people brought in */

    struct handheld *h;
    int n;
    struct forger forgers[SIM_FORGERS];
    struct sim_net net;

    struct sim_write *writes;
    int nwrites, room_writes;
    struct sim_sealed *sealed;
    int nsealed, room_sealed;
    struct sim_contact *contacts;
    int ncontacts, room_contacts;
    struct sim_renamed *renamed;
    int nrenamed, room_renamed;
    int64_t *records; /* ids that were ever made */
    int nrecords, room_records;
    struct sim_parcel parcels[SIM_PARCELS];
    int nparcels;
    struct sim_backup backups[SIM_BACKUPS];
    int nbackups;

    /* for the summary */
    int64_t operations, quarantined, kills, again, forged;
};

/* The one that runs now: clocks and network have no other way to ask. */
extern struct world *sim_world;
/* Where what must lie in files lies: folders of this process. */
const char *sim_folder(void);
const char *sim_hub_folder(void);

/* A world of n handhelds (0: by chance), and its end. */
void sim_world_make(struct world *w, uint64_t seed, int n);
void sim_world_free(struct world *w);
/* How many devices the hub of this process knows; before the first world. */
void sim_world_largest(int n);

/* One line of the story, when it is told. */
void sim_tell(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A promise is broken: says so, with the seed, and ends the program. */
_Noreturn void sim_broken(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What must work. */
#define SIM_MUST(w, call)                                                      \
    do {                                                                       \
        struct gb_fail why = {0};                                              \
        if (call)                                                              \
            sim_broken(w, "%s: %s", #call, why.text);                          \
    } while (0)

/* An array with room for one more. */
void *sim_grow(void *array, int n, int *room, size_t size);
int64_t sim_count(sqlite3 *db, const char *sql);
/* The set that a journal sealed, or NULL: nobody here did. */
const struct sim_sealed *sim_sealed_find(const struct world *w,
                                         const uint8_t sha[32]);
/* Whether a copy calls a record so now. */
bool sim_renamed(const struct world *w, int64_t old, int64_t new);

/* --------------------------------------------------------------- parts -- */

/* hub.c */
void sim_hub_start(struct world *w);
void sim_hub_stop(struct world *w);
/* The machine went down: what its disk kept, and up again. */
void sim_hub_restart(struct world *w);
void sim_hub_rebuild(struct world *w);
/* What a stick or the network brings; by = the bundle's device, for a story. */
void sim_hub_import(struct world *w, struct gb_span bytes);

/* handheld.c */
void sim_handheld_open(struct handheld *h);
void sim_handheld_close(struct handheld *h);
/* Look what stands in sets now; after whatever may have sealed. */
void sim_handheld_look(struct handheld *h);
/* The machine went down: what its disk kept. */
void sim_handheld_restart(struct handheld *h);
/* The machine that works under a number, or NULL. */
struct handheld *sim_handheld_of(struct world *w, int number);
void sim_handheld_path(const struct handheld *h, char out[160]);
void sim_handheld_now(void *context, struct gb_now *out);
/* Its journal's file is put away (NULL: there is no room for more), and put
 * back on a machine: what that one made since is gone unless it was delivered.
 */
const struct sim_backup *sim_back_up(struct handheld *h);
void sim_put_back(struct handheld *h, const struct sim_backup *b);

/* write.c: one thing that a steward does, with what may come of it */
void sim_write_step(struct handheld *h);
/* One write as it is told, which must be taken; returns the record.  And what
 * to tell: one column gets a number. */
int64_t sim_write_this(struct handheld *h, struct sim_write what);
struct sim_write sim_write_of(struct handheld *h, enum gb_kind kind, int64_t id,
                              const char *name, int64_t v);

/* carry.c: sync, sticks */
void sim_sync(struct handheld *h);
/* The parts of a sync: what the network will do, whether an error only says
 * that something went wrong on the way, what the machines went through. */
void sim_network_begin(const struct handheld *h);
bool sim_excused(const struct handheld *h, enum gb_err e);
void sim_sync_after(struct handheld *h);
void sim_stick_out(struct handheld *h);
void sim_stick_in(struct world *w);
/* The hub's stick for a handheld, and what a handheld makes of one. */
struct sim_parcel *sim_stick_down(struct handheld *h);
void sim_stick_take(struct handheld *h, struct gb_span bytes);
/* Room for one more; when there is none, one that never arrives. */
struct sim_parcel *sim_parcel_new(struct world *w);
/* A bundle of sets, sealed to the hub, with the request in front. */
void sim_bundle(struct world *w, int device, struct gb_span request,
                const struct gb_buf *sets, int n, struct gb_buf *out);

/* again.c: a ticket's payload, its delta, the journal that it makes; and a copy
 * that goes on under a new number */
void sim_ticket_device(struct gb_buf *b, const struct sim_ticket *t, int level,
                       const char *area);
enum gb_err sim_ticket_fill(struct world *w, struct sim_ticket *t,
                            struct gb_fail *fail);
enum gb_err sim_ticket_use(struct handheld *h, const struct sim_ticket *t,
                           int level, struct gb_fail *fail);
void sim_go_on(struct handheld *h);

/* people.c, forge.c: the hub's people; others with keys */
void sim_people(struct world *w);
void sim_schema_upgrade(struct world *w);
extern const char *const sim_schema_texts[3]; /* versions */
void sim_forge(struct world *w);

/* network.c: bytes that came before, once more */
void sim_network_repeat(struct world *w, struct gb_span bytes);

/* scenario.c: worlds that broke a promise once; each is run and checked */
void sim_scenarios(struct world *w);

/* step.c, check.c */
void sim_step(struct world *w);
void sim_finish(struct world *w);
void sim_check(struct world *w);

#endif
