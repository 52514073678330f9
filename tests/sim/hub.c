/* hub.c - the hub's machine: up, down, and what comes to it; see sim.h */
#include "hub/ingest.h"
#include "sim.h"

/* What the server says of each sync, into the story. */
static void
hear(void *context, const char *line)
{
    sim_tell(context, "  hub: %s", line);
}

void
sim_hub_start(struct world *w)
{
    char path[GB_FILE_PATH_MAX];
    SIM_MUST(w, gb_office_open(sim_hub_folder(), "sim", &w->office, &why));
    SIM_MUST(
        w, gb_serve_start(w->office, "127.0.0.1:0", hear, w, &w->server, &why));
    gb_office_path(w->office, "hub.db", path);
    SIM_MUST(w, gb_state_open_reader(path, w->office->site, &w->reader, &why));
}

void
sim_hub_stop(struct world *w)
{
    gb_state_close(w->reader);
    gb_serve_stop(w->server);
    gb_office_close(w->office);
    w->reader = NULL;
    w->server = NULL;
    w->office = NULL;
}

void
sim_hub_restart(struct world *w)
{
    sim_hub_stop(w);
    sim_tell(w, "the hub's machine went down, and is up again");
    sim_disk_restart(w->hub_disk);
    w->hub_started_ms = w->time_ms;
    w->kills++;
    sim_hub_start(w);
}

/* What `gengbu-hub rebuild` does, whose files are the simulation's. */
void
sim_hub_rebuild(struct world *w)
{
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    sim_hub_stop(w);
    for (int i = 0; i < 3; i++)
        sim_disk_remove(w->hub_disk, files[i]);
    SIM_MUST(w, gb_office_rebuild(sim_hub_folder(), NULL, NULL, &why));
    sim_hub_start(w);
}

/* As `gengbu-hub import` takes a file in. */
void
sim_hub_import(struct world *w, struct gb_span bytes)
{
    struct gb_fail fail = {0};
    SIM_MUST(w, gb_state_refresh(w->reader, &why));
    struct gb_ingest g = {.hub = w->office->path,
                          .site = w->office->site,
                          .receive = &w->office->keys.receive,
                          .reader = w->reader,
                          .intake = gb_intake_direct(w->office),
                          .file = true};
    gb_ingest_init(&g);
    enum gb_err e = GB_OK;
    for (size_t at = 0, n; at < bytes.len && !e; at += n) {
        n = bytes.len - at < 65536 ? bytes.len - at : 65536;
        e = gb_ingest_feed(&g, GB_SPAN(bytes.ptr + at, n), &fail);
    }
    struct gb_fail end = {0};
    gb_ingest_finish(&g, e ? &end : &fail);
    sim_tell(w, "  import: %u taken, %u known, %u waiting, %u refused %s",
             g.taken, g.known, g.waiting, g.refused,
             fail.code ? fail.text : g.why.text);
    gb_ingest_release(&g);
}
