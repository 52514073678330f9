/* hub_http.c - hub/http.h over loopback, with clients that misbehave. */
#include <arpa/inet.h>
#include <errno.h>
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/bundle.h"
#include "hub/http.h"

static void
sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000,
                                 .tv_nsec = ms % 1000 * 1000000L},
              NULL);
}

static int64_t
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------ handlers -- */

/* What all handlers count; read by tests when requests are over. */
static struct {
    atomic_int begun, ended, aborted, closed;
    atomic_int frames;   /* whole ones, of all bundles */
    atomic_int in_begin; /* at once, now and at most */
    atomic_int most;
} seen;

struct work {
    struct gb_bundle_in in;
    uint64_t bytes, sent, sum;
    int ms;
    char words[200];
};

static struct work *
new_work(void)
{
    struct work *w = calloc(1, sizeof *w);
    assert_non_null(w);
    seen.begun++;
    return w;
}

static void *
echo_begin(void *arg, const struct gb_http_request *r,
           struct gb_http_reply *refusal)
{
    struct work *w = new_work();
    const char *q = gb_http_query(r, "q"), *h = gb_http_header(r, "X-Who");
    (void)refusal;
    snprintf(w->words, sizeof w->words, "%s %s rest=%s q=%s who=%s arg=%s",
             r->method, r->path, r->rest, q ? q : "-", h ? h : "-",
             (const char *)arg);
    assert_string_equal(r->peer, "127.0.0.1");
    return w;
}

static void
count_data(void *context, struct gb_span bytes)
{
    struct work *w = context;
    w->bytes += bytes.len;
    for (size_t i = 0; i < bytes.len; i++)
        w->sum += bytes.ptr[i];
}

static void
echo_end(void *context, struct gb_http_reply *reply)
{
    struct work *w = context;
    static const struct gb_http_field fields[] = {{"X-Hub", "gengbu"}, {0}};
    seen.ended++;
    reply->fields = fields;
    gb_buf_printf(&reply->body, "%s bytes=%llu sum=%llu", w->words,
                  (unsigned long long)w->bytes, (unsigned long long)w->sum);
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
    struct work *w = context;
    gb_bundle_in_release(&w->in);
    free(w);
    seen.closed++;
}

static const struct gb_http_handler echo = {echo_begin, count_data, echo_end,
                                            count_abort, close_work};

/* Refuses what it does not like, in words. */
static void *
picky_begin(void *arg, const struct gb_http_request *r,
            struct gb_http_reply *refusal)
{
    (void)arg;
    (void)r;
    refusal->status = 403;
    gb_buf_text(&refusal->body, "this site has another hub");
    return new_work();
}

static const struct gb_http_handler picky = {picky_begin, count_data, echo_end,
                                             count_abort, close_work};

/* Takes its time, and counts how many do so at once. */
static void
slow_end(void *context, struct gb_http_reply *reply)
{
    int now = ++seen.in_begin, most = seen.most;
    while (now > most && !atomic_compare_exchange_weak(&seen.most, &most, now))
        ;
    sleep_ms(((struct work *)context)->ms);
    seen.in_begin--;
    seen.ended++;
    reply->status = 202;
    gb_buf_text(&reply->body, "slow");
}

static void *
slow_begin(void *arg, const struct gb_http_request *r,
           struct gb_http_reply *refusal)
{
    (void)r;
    (void)refusal;
    struct work *w = new_work();
    w->ms = *(const int *)arg;
    return w;
}

static const struct gb_http_handler slow = {slow_begin, count_data, slow_end,
                                            count_abort, close_work};

/* Reads a bundle as it arrives. */
static enum gb_err
take_header(void *arg, const struct gb_bundle *b, struct gb_fail *fail)
{
    (void)arg;
    (void)b;
    (void)fail;
    return GB_OK;
}

static enum gb_err
take_frame(void *arg, enum gb_frame type, struct gb_span sealed,
           struct gb_fail *fail)
{
    (void)arg;
    (void)type;
    (void)sealed;
    (void)fail;
    seen.frames++;
    return GB_OK;
}

static void *
bundle_begin(void *arg, const struct gb_http_request *r,
             struct gb_http_reply *refusal)
{
    (void)arg;
    (void)r;
    (void)refusal;
    struct work *w = new_work();
    gb_bundle_in_init(&w->in, &(struct gb_bundle_events){.header = take_header,
                                                         .frame = take_frame});
    return w;
}

static void
bundle_data(void *context, struct gb_span bytes)
{
    struct work *w = context;
    gb_bundle_feed(&w->in, bytes, NULL);
}

static void
bundle_end(void *context, struct gb_http_reply *reply)
{
    struct work *w = context;
    struct gb_fail fail = {0};
    seen.ended++;
    if (gb_bundle_finish(&w->in, &fail))
        reply->status = 400;
    gb_buf_text(&reply->body, reply->status ? fail.text : "complete");
}

static const struct gb_http_handler bundle = {
    bundle_begin, bundle_data, bundle_end, count_abort, close_work};

/* Gives 80 MiB in pieces of 1 MiB, or breaks after the third. */
#define PIECES 80
static char no_break[] = "0", breaks[] = "3";

static enum gb_err
next_piece(void *context, struct gb_buf *piece)
{
    struct work *w = context;
    if (w->words[0] == '3' && w->sent == 3)
        return GB_E_IO;
    uint8_t *to = w->sent < PIECES ? gb_buf_grow(piece, 1 << 20) : NULL;
    if (to)
        memset(to, 'a' + (int)(w->sent++ % 26), 1 << 20);
    return GB_OK;
}

static void *
large_begin(void *arg, const struct gb_http_request *r,
            struct gb_http_reply *refusal)
{
    (void)r;
    (void)refusal;
    struct work *w = new_work();
    memcpy(w->words, arg, 2);
    return w;
}

static void
large_end(void *context, struct gb_http_reply *reply)
{
    (void)context;
    seen.ended++;
    reply->type = "application/octet-stream";
    reply->next = next_piece;
}

static const struct gb_http_handler large = {large_begin, NULL, large_end,
                                             count_abort, close_work};

static char word_a[] = "a", word_b[] = "b";
static int ms_20 = 20, ms_700 = 700, ms_2500 = 2500;

static const struct gb_http_route routes[] = {
    {"GET", "/echo", 0, &echo, word_a},
    {"POST", "/echo", 3 << 20, &echo, word_b},
    {"GET", "/blob/*", 0, &echo, word_a},
    {"POST", "/picky", 100, &picky, NULL},
    {"POST", "/slow20", 100, &slow, &ms_20},
    {"POST", "/slow700", 100, &slow, &ms_700},
    {"POST", "/slow2500", 100, &slow, &ms_2500},
    {"POST", "/sync", 1 << 20, &bundle, NULL},
    {"GET", "/large", 0, &large, no_break},
    {"GET", "/broken", 0, &large, breaks},
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
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", gb_http_port(server));
    assert_string_equal(gb_http_url(server), url);
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
    gb_http_stop(server, 5000);
    server = NULL;
    assert_int_equal(seen.begun, seen.closed);
    return 0;
}

/* ------------------------------------------------------------- clients -- */

static int
dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)gb_http_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* False when the other side has closed. */
static bool
put(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool
put_text(int fd, const char *text)
{
    return put(fd, text, strlen(text));
}

/* All until the other side closes, as text; closes fd. */
static void
get_all(int fd, char *out, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = recv(fd, out + n, size - 1 - n, 0)) > 0)
        n += (size_t)got;
    out[n] = 0;
    close(fd);
}

/* One request with its body given as text, and the whole answer. */
static const char *
ask(const char *head, const char *body)
{
    static char answer[20000];
    char text[1000];
    int fd = dial();
    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", head);
    put_text(fd, text);
    if (body)
        snprintf(text, sizeof text, "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    put_text(fd, body ? text : "\r\n");
    get_all(fd, answer, sizeof answer);
    return answer;
}

static void
assert_answer(const char *answer, int status, const char *words)
{
    char want[40];
    snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    if (strncmp(answer, want, strlen(want)) || !strstr(answer, words))
        fail_msg("not %d with '%s' but: %s", status, words, answer);
}

/* -------------------------------------------------------------- answers -- */

static const struct {
    const char *head, *body;
    int status;
    const char *words;
} asked[] = {
    {"GET /echo", NULL, 200, "GET /echo rest= q=- who=- arg=a bytes=0 sum=0"},
    {"GET /echo?q=%E5%B7%A1", NULL, 200, "q=巡"},
    {"GET /echo", NULL, 200, "X-Hub: gengbu\r\n"},
    {"GET /echo", NULL, 200, "Content-Type: text/plain; charset=utf-8\r\n"},
    {"GET /echo HTTP/1.1\r\nX-Who: 7\r\nX:", NULL, 200, "who=7"},
    {"POST /echo", "abc", 200, "arg=b bytes=3 sum=294"},
    {"POST /echo", "", 200, "bytes=0"},
    {"GET /blob/", NULL, 200, "rest= "},
    {"GET /blob/a/b%20c", NULL, 200, "rest=a/b c "},
    {"GET /blob", NULL, 404, "nothing is here\n"},
    {"GET /", NULL, 404, "nothing"},
    {"POST /nothing", "abc", 404, "nothing"},
    {"GET /echo/", NULL, 404, "nothing"},
    {"PUT /echo", "x", 405, "Allow: GET, HEAD, POST\r\n"},
    {"POST /blob/x", "x", 405, "Allow: GET, HEAD\r\n"},
    {"GET /sync", NULL, 405, "Allow: POST\r\n"},
    {"HEAD /sync", NULL, 405, "Allow: POST\r\n"},
    {"POST /picky", "abc", 403, "this site has another hub"},
    {"GET /echo", "x", 413, "larger than is taken"},
    {"POST /sync", "GBXX", 400, "not a bundle"},
    {"POST /sync", "GB", 400, "breaks off after 0 frames"},
};

static void
requests_are_answered_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_answer(ask(asked[i].head, asked[i].body), asked[i].status,
                      asked[i].words);
    assert_int_equal(seen.aborted, 0);
}

static void
head_has_no_body(void **state)
{
    (void)state;
    static const char *const heads[] = {"HEAD /echo", "HEAD /large",
                                        "HEAD /nothing"};
    for (int i = 0; i < 3; i++) {
        const char *answer = ask(heads[i], NULL);
        assert_answer(answer, i < 2 ? 200 : 404, "");
        assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    }
    assert_non_null(strstr(ask(heads[0], NULL), "Content-Length: "));
}

static void
one_connection_serves_many_requests(void **state)
{
    (void)state;
    char answer[20000];
    int fd = dial();
    for (int i = 0; i < 20; i++)
        put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3"
                     "\r\n\r\nabc");
    put_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    int count = 0;
    for (const char *p = answer; (p = strstr(p, "sum=294")); p++)
        count++;
    assert_int_equal(count, 20);
    assert_int_equal(seen.closed, 21);
}

/* ---------------------------------------------------------------- bodies -- */

static void
a_body_too_large_is_refused(void **state)
{
    (void)state;
    char answer[2000];
    static char mib[1 << 20];
    /* announced and large: at once, before its bytes */
    int fd = dial();
    put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: 99999999999\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 413, "larger");
    /* announced, waiting for leave: at once too */
    fd = dial();
    put_text(fd, "POST /slow20 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                 "Connection: close\r\nContent-Length: 101\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 413, "larger");
    assert_int_equal(seen.begun, 0);
    /* not announced: when it has become too large */
    fd = dial();
    put_text(fd, "POST /slow20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        put_text(fd, "14\r\n");
        put(fd, mib, 20);
        put_text(fd, "\r\n");
    }
    put_text(fd, "0\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 413, "larger");
    assert_int_equal(seen.begun, 1);
    assert_int_equal(seen.aborted, 1);
    /* without end: cut */
    fd = dial();
    put_text(fd, "POST /sync HTTP/1.1\r\nHost: x\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    int sent = 0;
    while (sent < 100 && put_text(fd, "100000\r\n") && put(fd, mib, 1 << 20) &&
           put_text(fd, "\r\n"))
        sent++;
    assert_true(sent < 30);
    close(fd);
}

/* A body of 3 MiB in one way or the other; its answer. */
static void
send_three_mib(int fd, bool chunked, size_t piece)
{
    static uint8_t body[3 << 20];
    memset(body, 1, sizeof body);
    put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    put_text(fd, chunked ? "Transfer-Encoding: chunked\r\n\r\n"
                         : "Content-Length: 3145728\r\n\r\n");
    for (size_t at = 0; at < sizeof body; at += piece) {
        size_t n = sizeof body - at < piece ? sizeof body - at : piece;
        char size[20];
        snprintf(size, sizeof size, "%zx\r\n", n);
        if (chunked)
            put_text(fd, size);
        put(fd, body + at, n);
        if (chunked)
            put_text(fd, "\r\n");
    }
    if (chunked)
        put_text(fd, "0\r\n\r\n");
}

static void
bodies_arrive_whole_however_they_are_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = {777, 65536, 3 << 20};
    char answer[2000];
    for (int i = 0; i < 6; i++) {
        int fd = dial();
        send_three_mib(fd, i % 2, pieces[i / 2]);
        get_all(fd, answer, sizeof answer);
        assert_answer(answer, 200, "bytes=3145728 sum=3145728");
    }
}

/* A bundle of 20 frames, each of a length of its own. */
static void
make_bundle(struct gb_buf *out, size_t ends[20])
{
    static const uint8_t bytes[4000];
    gb_buf_init(out, 1 << 20);
    struct gb_bundle_out b = {.write = gb_bundle_to_buf, .arg = out};
    assert_int_equal(
        gb_bundle_begin(&b, &(struct gb_bundle){.device = 7}, NULL), GB_OK);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(
            gb_bundle_add(&b, GB_FRAME_SET, GB_SPAN(bytes, i * i * 10), NULL),
            GB_OK);
        ends[i] = out->len;
    }
    assert_int_equal(gb_bundle_end(&b, NULL), GB_OK);
}

/* Send the first n bytes of a bundle and go away. */
static void
send_and_leave(struct gb_span all, size_t n, bool chunked, bool reset)
{
    char head[200];
    int fd = dial();
    snprintf(head, sizeof head,
             chunked ? "POST /sync HTTP/1.1\r\nHost: x\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
                     : "POST /sync HTTP/1.1\r\nHost: x\r\n"
                       "Content-Length: %zu\r\n\r\n",
             all.len);
    put_text(fd, head);
    put(fd, all.ptr, n);
    if (reset) {
        sleep_ms(20); /* a reset drops what is not read yet */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                   sizeof(struct linger));
    }
    close(fd);
}

static void
a_broken_body_loses_only_the_broken_frame(void **state)
{
    (void)state;
    size_t ends[20];
    struct gb_buf b;
    unsigned seed = 20261123;
    make_bundle(&b, ends);
    for (int i = 0; i < 60; i++) {
        seed = seed * 1103515245 + 12345;
        size_t n = (seed >> 8) % b.len;
        int want = 0, aborted = seen.aborted;
        while (want < 20 && ends[want] <= n)
            want++;
        seen.frames = 0;
        send_and_leave(gb_buf_view(&b), n, i % 2, i % 5 == 0);
        for (int ms = 0; seen.aborted == aborted && ms < 5000; ms += 5)
            sleep_ms(5);
        assert_int_equal(seen.aborted, aborted + 1);
        if (seen.frames != want)
            fail_msg("%zu of %zu bytes: %d frames of %d", n, b.len, seen.frames,
                     want);
    }
    assert_int_equal(seen.ended, 0);
    gb_buf_release(&b);
}

/* ------------------------------------------------------------ slow ones -- */

static void
a_slow_client_is_waited_for(void **state)
{
    (void)state;
    char answer[2000];
    static const char text[] = "POST /echo HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\nContent-Length: 20\r\n"
                               "\r\n01234567890123456789";
    int fd = dial();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        put(fd, text + i, 1);
        sleep_ms(5);
    }
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 200, "bytes=20 ");
}

static void
idle_clients_are_cut_and_busy_handlers_are_not(void **state)
{
    (void)state;
    char answer[2000];
    gb_http_stop(server, 0);
    start_server(0, 1);
    int64_t began = now_ms();
    int idle = dial(), half = dial();
    put_text(half, "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
                   "GB");
    assert_answer(ask("POST /slow2500", "x"), 202, "slow");
    get_all(idle, answer, sizeof answer);
    get_all(half, answer, sizeof answer);
    assert_true(now_ms() - began < 6000);
    assert_int_equal(seen.aborted, 1);
}

/* ---------------------------------------------------------- large replies --
 */

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
    FILE *f = fdopen(dial(), "r+");
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
    FILE *f = fdopen(dial(), "r+");
    assert_non_null(f);
    fputs("GET /broken HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f);
    fflush(f);
    assert_true(read_chunks(f, &whole) <= 3 << 20);
    assert_false(whole);
    fclose(f);
}

static void
a_client_that_leaves_a_reply_is_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        char some[1000];
        int fd = dial();
        put_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(recv(fd, some, sizeof some, 0) > 0);
        close(fd);
    }
    for (int ms = 0; seen.closed < 5 && ms < 5000; ms += 5)
        sleep_ms(5);
    assert_int_equal(seen.closed, 5);
    assert_int_equal(seen.aborted, 0);
}

/* ------------------------------------------------------------ many at once --
 */

static atomic_int good_answers;

static void *
ask_slow(void *arg)
{
    char answer[1000];
    int fd = dial();
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
    gb_http_stop(server, 0);
    start_server(4, 0);
    good_answers = 0;
    run_clients(threads, 40, slow20);
    for (int i = 0; i < 40; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(good_answers, 40);
    assert_true(seen.most <= 4);
}

/* ------------------------------------------------------------ start, stop --
 */

static void
stopping_lets_running_requests_finish(void **state)
{
    (void)state;
    pthread_t threads[5];
    good_answers = 0;
    run_clients(threads, 5, slow700);
    while (seen.in_begin < 5)
        sleep_ms(5);
    int waiting = dial(); /* a connection without a request holds up nothing */
    int64_t began = now_ms();
    gb_http_stop(server, 5000);
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
    int half = dial();
    put_text(half, "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
                   "GB");
    while (!seen.begun)
        sleep_ms(5);
    int64_t began = now_ms();
    gb_http_stop(server, 300);
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
    pthread_t thread;
    char answer[2000];
    int fd = dial();
    put_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(recv(fd, answer, sizeof answer, 0) > 0);
    good_answers = 0;
    run_clients(&thread, 1, slow700);
    while (!seen.in_begin)
        sleep_ms(5);
    struct gb_http_server *stopping = server;
    pid_t child = fork(); /* asks while the parent stops */
    assert_true(child >= 0);
    if (!child) {
        sleep_ms(200);
        put_text(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        get_all(fd, answer, sizeof answer);
        _exit(strncmp(answer, "HTTP/1.1 503 ", 13) ? 1 : 0);
    }
    gb_http_stop(stopping, 5000);
    pthread_join(thread, NULL);
    assert_int_equal(good_answers, 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
    start_server(0, 0);
}

static void
addresses_that_cannot_be_are_named(void **state)
{
    (void)state;
    char taken[40], url[100];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", gb_http_port(server));
    const struct {
        const char *listen;
        enum gb_err want;
        const char *words;
    } cases[] = {
        {taken, GB_E_BUSY, "in use by another program"},
        {"", GB_E_USAGE, "ADDR:PORT"},
        {"8440", GB_E_USAGE, "ADDR:PORT"},
        {":8440", GB_E_USAGE, "ADDR:PORT"},
        {"127.0.0.1", GB_E_USAGE, "ADDR:PORT"},
        {"127.0.0.1:", GB_E_USAGE, "ADDR:PORT"},
        {"127.0.0.1:65536", GB_E_USAGE, "ADDR:PORT"},
        {"127.0.0.1:80x", GB_E_USAGE, "ADDR:PORT"},
        {"::1:80", GB_E_USAGE, "ADDR:PORT"},
        {"[]:80", GB_E_USAGE, "ADDR:PORT"},
        {"203.0.113.9:0", GB_E_IO, "no address of this machine"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gb_fail fail = {0};
        struct gb_http_server *s;
        struct gb_http_config config = {.listen = cases[i].listen,
                                        .routes = routes};
        assert_int_equal(gb_http_start(&config, &s, &fail), cases[i].want);
        assert_null(s);
        assert_non_null(strstr(fail.text, cases[i].words));
        assert_non_null(strstr(fail.text, cases[i].listen));
    }
    struct gb_http_server *six;
    struct gb_http_config config = {.listen = "[::1]:0", .routes = routes};
    if (!gb_http_start(&config, &six, NULL)) { /* where there is IPv6 */
        snprintf(url, sizeof url, "http://[::1]:%d", gb_http_port(six));
        assert_string_equal(gb_http_url(six), url);
        gb_http_stop(six, 0);
    }
    gb_http_stop(NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_as_the_table_says),
        TEST(head_has_no_body),
        TEST(one_connection_serves_many_requests),
        TEST(a_body_too_large_is_refused),
        TEST(bodies_arrive_whole_however_they_are_cut),
        TEST(a_broken_body_loses_only_the_broken_frame),
        TEST(a_slow_client_is_waited_for),
        TEST(idle_clients_are_cut_and_busy_handlers_are_not),
        TEST(a_large_reply_never_stands_in_memory),
        TEST(a_reply_that_fails_is_seen_to_be_broken),
        TEST(a_client_that_leaves_a_reply_is_forgotten),
        TEST(two_hundred_clients_at_once_are_served),
        TEST(more_clients_than_connections_wait_their_turn),
        TEST(stopping_lets_running_requests_finish),
        TEST(stopping_cuts_those_that_take_too_long),
        TEST(requests_during_a_stop_are_sent_away),
        TEST(addresses_that_cannot_be_are_named),
    };
    return cmocka_run_group_tests_name("hub_http", tests, NULL, NULL);
}
