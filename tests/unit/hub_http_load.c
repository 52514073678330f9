/* hub_http_load.c - hub/http.h under load: slow, large, many, stopped. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/http.h"
#include "support/loopback.h"

/* ------------------------------------------------------------ handlers -- */

/* What all handlers count. */
static struct {
    atomic_int begun, aborted, closed;
    atomic_int working, most; /* handlers at work now, and at most */
} seen;

struct work {
    uint64_t bytes, sent;
    int arg;
};

static void *
begin(void *arg, const struct gb_http_request *r, struct gb_http_reply *refusal)
{
    (void)r;
    (void)refusal;
    struct work *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->arg = *(const int *)arg;
    seen.begun++;
    return w;
}

static void
count_data(void *context, struct gb_span bytes)
{
    struct work *w = context;
    w->bytes += bytes.len;
}

static void
count_abort(void *context)
{
    assert_non_null(context);
    seen.aborted++;
}

static void
close_work(void *context)
{
    free(context);
    seen.closed++;
}

/* Takes its time, and counts how many do so at once. */
static void
slow_end(void *context, struct gb_http_reply *reply)
{
    const struct work *w = context;
    int now = ++seen.working, most = seen.most;
    while (now > most && !atomic_compare_exchange_weak(&seen.most, &most, now))
        ;
    sleep_ms(w->arg);
    seen.working--;
    reply->status = 202;
    gb_buf_printf(&reply->body, "slow, %d bytes", (int)w->bytes);
}

static const struct gb_http_handler slow = {begin, count_data, slow_end,
                                            count_abort, close_work};

/* Gives 80 MiB in pieces of 1 MiB, or breaks after so many. */
#define PIECES 80

static enum gb_err
next_piece(void *context, struct gb_buf *piece)
{
    struct work *w = context;
    if (w->sent == (uint64_t)w->arg && w->arg < PIECES)
        return GB_E_IO;
    uint8_t *to = w->sent < PIECES ? gb_buf_grow(piece, 1 << 20) : NULL;
    if (to)
        memset(to, 'a' + (int)(w->sent++ % 26), 1 << 20);
    return GB_OK;
}

static void
large_end(void *context, struct gb_http_reply *reply)
{
    (void)context;
    reply->type = "application/octet-stream";
    reply->next = next_piece;
}

static const struct gb_http_handler large = {begin, NULL, large_end,
                                             count_abort, close_work};

static int no_time, ms_20 = 20, ms_700 = 700, ms_2500 = 2500;
static int pieces_80 = PIECES, pieces_3 = 3;

static const struct gb_http_route routes[] = {
    {"POST", "/slow0", 100, &slow, &no_time},
    {"POST", "/slow20", 100, &slow, &ms_20},
    {"POST", "/slow700", 100, &slow, &ms_700},
    {"POST", "/slow2500", 100, &slow, &ms_2500},
    {"GET", "/large", 0, &large, &pieces_80},
    {"GET", "/broken", 0, &large, &pieces_3},
    {0}};

/* ------------------------------------------------------------- fixture -- */

static struct gb_http_server *server;

static void
start_server(unsigned connections, unsigned idle_s)
{
    struct gb_fail fail = {0};
    memset((void *)&seen, 0, sizeof seen);
    struct gb_http_config config = {.listen = "127.0.0.1:0",
                                    .routes = routes,
                                    .connections = connections,
                                    .idle_s = idle_s};
    if (gb_http_start(&config, &server, &fail))
        fail_msg("%s", fail.text);
}

static void
stop_server(int grace_ms)
{
    struct gb_http_server *s = server;
    server = NULL; /* an assertion that fails meanwhile ends the test */
    gb_http_stop(s, grace_ms);
}

static int
setup(void **state)
{
    (void)state;
    start_server(0, 0);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    stop_server(5000);
    assert_int_equal(seen.begun, seen.closed);
    return 0;
}

static int
port(void)
{
    return gb_http_port(server);
}

/* ----------------------------------------------------------- slow ones -- */

static void
a_slow_client_is_waited_for(void **state)
{
    (void)state;
    char answer[2000];
    static const char text[] = "POST /slow0 HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\nContent-Length: 20\r\n"
                               "\r\n01234567890123456789";
    int fd = dial(port());
    for (size_t i = 0; i < sizeof text - 1; i++) {
        put(fd, text + i, 1);
        sleep_ms(5);
    }
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 202, "20 bytes");
}

static void
idle_clients_are_cut_and_busy_handlers_are_not(void **state)
{
    (void)state;
    char answer[2000];
    stop_server(0);
    start_server(0, 1);
    int64_t began = now_ms();
    int idle = dial(port()), half = dial(port());
    put_text(half,
             "POST /slow20 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
             "GB");
    assert_answer(ask(port(), "POST /slow2500", "x"), 202, "slow");
    get_all(idle, answer, sizeof answer);
    get_all(half, answer, sizeof answer);
    assert_true(now_ms() - began < 6000);
    assert_int_equal(seen.aborted, 1);
}

/* ------------------------------------------------------- large replies -- */

/* Read a chunked answer to its end; *whole says whether the end came. */
static uint64_t
read_chunks(FILE *f, bool *whole)
{
    char line[200];
    static char bytes[1 << 20];
    uint64_t total = 0;
    while (fgets(line, sizeof line, f) && strcmp(line, "\r\n"))
        ;
    *whole = false;
    while (fgets(line, sizeof line, f)) {
        size_t n = strtoul(line, NULL, 16);
        *whole = n == 0;
        if (n == 0 || n > sizeof bytes || fread(bytes, 1, n, f) != n ||
            !fgets(line, sizeof line, f))
            break;
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], 'a' + (total + i) / (1 << 20) % 26);
        total += n;
    }
    return total;
}

/* Largest resident size of this process, KiB. */
static long
peak_kib(void)
{
    char line[200];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

static void
a_large_reply_never_stands_in_memory(void **state)
{
    (void)state;
    bool whole;
    long before = peak_kib();
    FILE *f = fdopen(dial(port()), "r+");
    assert_non_null(f);
    fputs("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f);
    fflush(f);
    assert_int_equal(read_chunks(f, &whole), PIECES << 20);
    assert_true(whole);
    fclose(f);
    assert_true(peak_kib() - before < 20 * 1024);
}

static void
a_reply_that_fails_is_seen_to_be_broken(void **state)
{
    (void)state;
    bool whole;
    FILE *f = fdopen(dial(port()), "r+");
    assert_non_null(f);
    fputs("GET /broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f);
    fflush(f);
    assert_true(read_chunks(f, &whole) <= 3 << 20);
    assert_false(whole);
    fclose(f);
}

static void
head_of_a_large_reply_has_no_body(void **state)
{
    (void)state;
    const char *answer = ask(port(), "HEAD /large", NULL);
    assert_answer(answer, 200, "Content-Type: application/octet-stream\r\n");
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void
a_client_that_leaves_a_reply_is_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char some[1000];
        int fd = dial(port());
        put_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(recv(fd, some, sizeof some, 0) > 0);
        close(fd);
    }
    for (int ms = 0; seen.closed < 5 && ms < 5000; ms += 5)
        sleep_ms(5);
    assert_int_equal(seen.closed, 5);
    assert_int_equal(seen.aborted, 0);
}

/* -------------------------------------------------------- many at once -- */

static atomic_int good_answers;

static void *
ask_slow(void *arg)
{
    char answer[1000];
    int fd = dial(port());
    if (fd < 0)
        return NULL;
    put_text(fd, arg);
    get_all(fd, answer, sizeof answer);
    if (!strncmp(answer, "HTTP/1.1 202 ", 13) && strstr(answer, "slow"))
        good_answers++;
    return NULL;
}

static char slow20[] = "POST /slow20 HTTP/1.1\r\nHost: x\r\nConnection: close"
                       "\r\nContent-Length: 3\r\n\r\nabc";
static char slow700[] = "POST /slow700 HTTP/1.1\r\nHost: x\r\nConnection: close"
                        "\r\nContent-Length: 3\r\n\r\nabc";

/* So many clients at once. */
static void
run_clients(pthread_t *threads, int count, char *request)
{
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], &small, ask_slow, request),
                         0);
    pthread_attr_destroy(&small);
}

static void
two_hundred_clients_at_once_are_served(void **state)
{
    (void)state;
    pthread_t threads[200];
    good_answers = 0;
    run_clients(threads, 200, slow20);
    for (int i = 0; i < 200; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good_answers, 200);
    assert_true(seen.most > 1); /* not one after another */
}

static void
more_clients_than_connections_wait_their_turn(void **state)
{
    (void)state;
    pthread_t threads[40];
    stop_server(0);
    start_server(4, 0);
    good_answers = 0;
    run_clients(threads, 40, slow20);
    for (int i = 0; i < 40; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good_answers, 40);
    assert_true(seen.most <= 4);
}

static void
clients_that_only_look_in_use_up_nothing(void **state)
{
    (void)state;
    stop_server(0);
    start_server(4, 0);
    for (int i = 0; i < 300; i++) {
        int fd = dial(port());
        if (i % 3 == 0)
            put_text(fd, "POST /slow0 HT");
        if (i % 3 == 1)
            put_text(fd, "nonsense\r\n\r\n");
        close(fd);
    }
    assert_answer(ask(port(), "POST /slow0", "x"), 202, "slow");
}

/* ---------------------------------------------------------------- stop -- */

static void
stopping_lets_running_requests_finish(void **state)
{
    (void)state;
    pthread_t threads[5];
    good_answers = 0;
    run_clients(threads, 5, slow700);
    while (seen.working < 5)
        sleep_ms(5);
    int waiting =
        dial(port()); /* a connection without a request holds up nothing */
    int64_t began = now_ms();
    stop_server(5000);
    assert_true(now_ms() - began < 3000);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good_answers, 5);
    close(waiting);
    assert_int_equal(seen.begun, seen.closed);
    start_server(0, 0);
}

static void
stopping_cuts_those_that_take_too_long(void **state)
{
    (void)state;
    int half = dial(port());
    put_text(half,
             "POST /slow20 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
             "GB");
    while (!seen.begun)
        sleep_ms(5);
    int64_t began = now_ms();
    stop_server(300);
    assert_true(now_ms() - began >= 300 && now_ms() - began < 3000);
    assert_int_equal(seen.aborted, 1);
    assert_int_equal(seen.closed, 1);
    close(half);
    start_server(0, 0);
}

static void
requests_during_a_stop_are_sent_away(void **state)
{
    (void)state;
    static const char keep[] =
        "POST /slow0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
    pthread_t thread;
    char answer[2000];
    int fd = dial(port());
    put_text(fd, keep);
    assert_true(recv(fd, answer, sizeof answer, 0) > 0);
    good_answers = 0;
    run_clients(&thread, 1, slow700);
    while (!seen.working)
        sleep_ms(5);
    pid_t child = fork(); /* asks while the parent stops */
    assert_true(child >= 0);
    if (!child) {
        sleep_ms(200);
        put_text(fd, keep);
        get_all(fd, answer, sizeof answer);
        _exit(strncmp(answer, "HTTP/1.1 503 ", 13) ? 1 : 0);
    }
    stop_server(5000);
    pthread_join(thread, NULL);
    assert_int_equal(good_answers, 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    start_server(0, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slow_client_is_waited_for),
        TEST(idle_clients_are_cut_and_busy_handlers_are_not),
        TEST(a_large_reply_never_stands_in_memory),
        TEST(a_reply_that_fails_is_seen_to_be_broken),
        TEST(head_of_a_large_reply_has_no_body),
        TEST(a_client_that_leaves_a_reply_is_forgotten),
        TEST(two_hundred_clients_at_once_are_served),
        TEST(more_clients_than_connections_wait_their_turn),
        TEST(clients_that_only_look_in_use_up_nothing),
        TEST(stopping_lets_running_requests_finish),
        TEST(stopping_cuts_those_that_take_too_long),
        TEST(requests_during_a_stop_are_sent_away),
    };
    return cmocka_run_group_tests_name("hub_http_load", tests, NULL, NULL);
}
