/* hub_http.c - hub/http.h over loopback: routes, bodies, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/bundle.h"
#include "hub/http.h"
#include "support/loopback.h"

/* ------------------------------------------------------------ handlers -- */

/* What all handlers count; read by tests when requests are over. */
static struct {
    atomic_int begun, ended, aborted, closed;
    atomic_int frames; /* whole ones, of all bundles */
} seen;

struct work {
    struct gb_bundle_in in;
    uint64_t bytes, sum;
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
    const char *h = gb_http_header(r, "X-Who");
    (void)refusal;
    snprintf(w->words, sizeof w->words, "%s %s rest=%s who=%s arg=%s",
             r->method, r->path, r->rest, h ? h : "-", (const char *)arg);
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

/* Has no memory, and so nothing to close. */
static void *
no_begin(void *arg, const struct gb_http_request *r,
         struct gb_http_reply *refusal)
{
    (void)arg;
    (void)r;
    refusal->status = 503;
    return NULL;
}

static const struct gb_http_handler none = {no_begin, count_data, echo_end,
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

static char word_a[] = "a", word_b[] = "b";

static const struct gb_http_route routes[] = {
    {"GET", "/echo", 0, &echo, word_a},
    {"POST", "/echo", 3 << 20, &echo, word_b},
    {"GET", "/blob/*", 0, &echo, word_a},
    {"POST", "/small", 100, &echo, word_b},
    {"POST", "/picky", 100, &picky, NULL},
    {"POST", "/none", 100, &none, NULL},
    {"POST", "/sync", 1 << 20, &bundle, NULL},
    {0}};

/* ------------------------------------------------------------- fixture -- */

static struct gb_http_server *server;

static int
setup(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    memset((void *)&seen, 0, sizeof seen);
    struct gb_http_config config = {.listen = "127.0.0.1:0", .routes = routes};
    if (gb_http_start(&config, &server, &fail))
        fail_msg("%s", fail.text);
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", gb_http_port(server));
    assert_string_equal(gb_http_url(server), url);
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

static int
port(void)
{
    return gb_http_port(server);
}

/* ------------------------------------------------------------- answers -- */

static const struct {
    const char *head, *body;
    int status;
    const char *words;
} asked[] = {
    {"GET /echo", NULL, 200, "GET /echo rest= who=- arg=a bytes=0 sum=0"},
    {"GET /echo?q=%E5%B7%A1", NULL, 200, "GET /echo rest= who=- arg=a "},
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
    {"POST /none", "abc", 503, ""},
    {"GET /echo", "x", 413, "larger than is taken"},
    {"POST /sync", "GBXX", 400, "not a bundle"},
    {"POST /sync", "GB", 400, "breaks off after 0 frames"},
};

static void
requests_are_answered_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        assert_answer(ask(port(), asked[i].head, asked[i].body),
                      asked[i].status, asked[i].words);
    assert_int_equal(seen.aborted, 0);
}

static void
head_has_no_body(void **state)
{
    (void)state;
    static const char *const heads[] = {"HEAD /echo", "HEAD /nothing"};
    for (int i = 0; i < 2; i++) {
        const char *answer = ask(port(), heads[i], NULL);
        assert_answer(answer, i ? 404 : 200, "");
        assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    }
    assert_non_null(strstr(ask(port(), heads[0], NULL), "Content-Length: "));
}

static void
one_connection_serves_many_requests(void **state)
{
    (void)state;
    char answer[20000];
    int fd = dial(port());
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

/* -------------------------------------------------------------- bodies -- */

static void
a_body_too_large_is_refused(void **state)
{
    (void)state;
    char answer[2000];
    static char mib[1 << 20];
    /* announced and large: at once, before its bytes */
    int fd = dial(port());
    put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: 99999999999\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 413, "larger");
    /* announced, waiting for leave: at once too */
    fd = dial(port());
    put_text(fd, "POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                 "Connection: close\r\nContent-Length: 101\r\n\r\n");
    get_all(fd, answer, sizeof answer);
    assert_answer(answer, 413, "larger");
    assert_int_equal(seen.begun, 0);
    /* not announced: when it has become too large */
    fd = dial(port());
    put_text(fd, "POST /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
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
    fd = dial(port());
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
        int fd = dial(port());
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
    int fd = dial(port());
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

/* ----------------------------------------------------------- addresses -- */

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
        TEST(addresses_that_cannot_be_are_named),
    };
    return cmocka_run_group_tests_name("hub_http", tests, NULL, NULL);
}
