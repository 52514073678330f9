/* cmd_serve.c - `gengbu-hub serve`: until a signal */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/term.h"
#include "hub/cmd.h"
#include "hub/serve.h"

/* One line with the time, to standard error. */
static void
log_line(void *context, const char *line)
{
    char time_text[GB_TERM_SIZE];
    struct timespec t;
    struct gb_buf clean;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &t);
    gb_term_time(time_text, (int64_t)t.tv_sec * 1000);
    gb_buf_init(&clean, 8192);
    gb_term_clean(&clean, gb_span_text(line));
    fprintf(stderr, "%s %.*s\n", time_text, (int)clean.len,
            clean.ptr ? (const char *)clean.ptr : "");
    gb_buf_release(&clean);
}

/* Tickets made from now on name this address. */
static enum gb_err
remember(const struct gb_office *o, const char *url, struct gb_fail *fail)
{
    char path[GB_FILE_PATH_MAX], line[200];
    gb_office_path(o, "address", path);
    snprintf(line, sizeof line, "%s\n", url);
    return gb_file_write(path, gb_span_text(line), 0644, fail);
}

/* Serve until one of the signals, which are blocked in every thread. */
static enum gb_err
serve(struct gb_office *o, const char *listen, const sigset_t *signals,
      struct gb_fail *fail)
{
    struct gb_server *server;
    int which;
    enum gb_err e = gb_serve_start(o, listen, log_line, NULL, &server, fail);
    if (e)
        return e;
    e = remember(o, gb_serve_url(server), fail);
    if (!e) {
        printf("%s\n", gb_serve_url(server));
        fflush(stdout);
        sigwait(signals, &which);
        /* a second signal ends it at once */
        pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    }
    gb_serve_stop(server);
    return e;
}

/* Hundreds of threads come and go.  The C library would give them a heap for
 * each processor eight times over, and keep what each once needed. */
static void
save_memory(void)
{
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 2);
#endif
}

int
gb_cmd_serve(const struct gb_args *args)
{
    struct gb_fail fail = {0};
    struct gb_office *o = NULL;
    struct gb_lock serving = {.fd = -1};
    sigset_t signals;
    const char *listen = gb_args_value(args, "listen");
    save_memory();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    enum gb_err e = gb_cmd_open(args, "gengbu-hub serve", &o, &fail);
    if (!e)
        e = gb_cmd_serving(o->path, o->program, &serving, &fail);
    if (!e)
        e = serve(o, listen ? listen : GB_SERVE_LISTEN, &signals, &fail);
    gb_office_close(o);
    gb_lock_release(&serving);
    return e ? gb_cmd_fail(args, &fail) : 0;
}
