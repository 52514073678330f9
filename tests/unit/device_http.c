/* device_http.c - device/http.h against servers that behave and that do not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/http.h"
#include "support/loopback.h"

/* -------------------------------------------------------------- server -- */

/* Serves one connection: reads a request, or a part of it, and answers. */
struct script {
    const char *answer;
    size_t piece;    /* bytes of the answer at once; 0: all */
    size_t read_max; /* bytes read of the request; 0: all of it */
    bool silent;     /* no answer until the client goes away */
    bool endless;    /* the answer again and again, until then */
    int fd, port;
    pthread_t thread;
    char request[300000];
    size_t length;
};

/* Whether the request that was read is whole. */
static bool
whole(struct script *s)
{
    s->request[s->length] = 0;
    const char *end = strstr(s->request, "\r\n\r\n");
    if (!end)
        return false;
    if (strstr(s->request, "Transfer-Encoding: chunked"))
        return s->length >= 5 &&
               !memcmp(s->request + s->length - 5, "0\r\n\r\n", 5);
    const char *length = strstr(s->request, "Content-Length: ");
    size_t n = length ? strtoul(length + 16, NULL, 10) : 0;
    return s->length >= (size_t)(end + 4 - s->request) + n;
}

static void *
serve(void *arg)
{
    struct script *s = arg;
    bool leave_given = false;
    size_t max = s->read_max ? s->read_max : sizeof s->request - 1;
    int fd = accept(s->fd, NULL, NULL);
    while (s->length < max && !whole(s)) {
        ssize_t n = recv(fd, s->request + s->length, max - s->length, 0);
        if (n <= 0)
            break;
        s->length += (size_t)n;
        s->request[s->length] = 0;
        if (!leave_given && strstr(s->request, "Expect: 100-continue\r\n") &&
            strstr(s->request, "\r\n\r\n"))
            leave_given = put_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    size_t left = s->silent ? 0 : strlen(s->answer),
           piece = s->piece ? s->piece : left;
    for (const char *p = s->answer; left; p += piece, left -= piece) {
        piece = piece < left ? piece : left;
        put(fd, p, piece);
        if (s->piece)
            sleep_ms(1);
    }
    while (s->endless &&
           send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL) > 0)
        ;
    if (!s->silent)
        shutdown(fd, SHUT_WR); /* what is unread must not reset the answer */
    char rest[4096];
    while (recv(fd, rest, sizeof rest, 0) > 0)
        ;
    close(fd);
    return NULL;
}

/* -------------------------------------------------------------- client -- */

struct client {
    size_t size, given; /* of the request's body, made of 'a' to 'z' */
    struct gb_buf got;
    enum gb_err next_answer, take_answer;
};

static char
letter(size_t i)
{
    return (char)('a' + i % 26);
}

static enum gb_err
next(void *arg, struct gb_buf *piece, struct gb_fail *fail)
{
    struct client *c = arg;
    if (c->next_answer && c->given)
        return gb_fail_set(fail, c->next_answer, "the journal is gone");
    for (size_t i = 0; i < 7777 && c->given < c->size; i++)
        gb_buf_u8(piece, (unsigned)letter(c->given++));
    return GB_OK;
}

static enum gb_err
take(void *arg, struct gb_span bytes, struct gb_fail *fail)
{
    struct client *c = arg;
    gb_buf_span(&c->got, bytes);
    if (c->take_answer)
        return gb_fail_set(fail, c->take_answer, "another site's bundle");
    return gb_buf_check(&c->got, "reply", fail);
}

/* POST to a server that follows the script; what was taken is in c->got. */
static enum gb_err
post(struct script *s, struct client *c, bool known, struct gb_fail *fail)
{
    char url[100];
    s->length = 0;
    s->fd = listen_any(&s->port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/sync", s->port);
    gb_buf_init(&c->got, 1 << 20);
    struct gb_client_post p = {.url = url,
                               .length =
                                   known ? c->size : GB_CLIENT_LENGTH_UNKNOWN,
                               .next = next,
                               .take = take,
                               .arg = c,
                               .stall_s = 1};
    enum gb_err err = gb_client_post(&p, fail);
    pthread_join(s->thread, NULL);
    close(s->fd);
    return err;
}

/* -------------------------------------------------------------- bodies -- */

/* The body of a request, chunked or not, taken apart. */
static size_t
body_of(struct script *s, char *out)
{
    const char *p = strstr(s->request, "\r\n\r\n") + 4;
    size_t n = 0;
    if (!strstr(s->request, "Transfer-Encoding: chunked")) {
        n = s->length - (size_t)(p - s->request);
        memcpy(out, p, n);
        return n;
    }
    for (;;) {
        char *data;
        size_t chunk = strtoul(p, &data, 16);
        if (chunk == 0)
            return n;
        memcpy(out + n, data + 2, chunk);
        n += chunk;
        p = data + 2 + chunk + 2;
    }
}

static void
bodies_travel_whole_both_ways(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7777, 7778, 200000};
    static char body[300000];
    for (size_t i = 0; i < 10; i++) {
        struct script s = {.answer = "HTTP/1.1 200 OK\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n"
                                     "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
                           .piece = i % 3};
        struct client c = {.size = sizes[i / 2]};
        struct gb_fail fail = {0};
        if (post(&s, &c, i % 2, &fail))
            fail_msg("%s", fail.text);
        assert_int_equal(body_of(&s, body), c.size);
        for (size_t k = 0; k < c.size; k++)
            assert_int_equal(body[k], letter(k));
        assert_memory_equal(s.request, "POST /sync HTTP/1.1\r\n", 21);
        assert_non_null(
            strstr(s.request, "Content-Type: application/octet-stream\r\n"));
        assert_true(gb_span_equal(gb_buf_view(&c.got), gb_span_text("hello!")));
        gb_buf_release(&c.got);
    }
}

/* ------------------------------------------------------------- answers -- */

#define LONG                                                                   \
    "巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更巡更"
#define WHERE "the hub at http://127.0.0.1:"

static const struct {
    const char *answer;
    enum gb_err want;
    const char *got;   /* by take */
    const char *words; /* of the failure */
} answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", GB_OK, "ok", ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GB_OK, "", ""},
    {"HTTP/1.0 200 OK\r\n\r\nto the end", GB_OK, "to the end", ""},
    {"HTTP/1.1 403 F\r\nContent-Length: 9\r\n\r\nnot mine\n", GB_E_REFUSED, "",
     " refuses: not mine (status 403)"},
    {"HTTP/1.1 403 F\r\nContent-Length: 13\r\n\r\nTICKET: used\n", GB_E_TICKET,
     "", " refuses: TICKET: used (status 403)"},
    {"HTTP/1.1 500 F\r\nContent-Length: 13\r\n\r\nTICKET: used\n", GB_E_NETWORK,
     "", " refuses: TICKET: used (status 500)"},
    {"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n", GB_E_REFUSED, "",
     "no reason is given (status 404)"},
    {"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\n"
     "Content-Length: 0\r\n\r\n",
     GB_E_REFUSED, "", "(status 302)"},
    {"HTTP/1.1 204 N\r\n\r\n", GB_E_REFUSED, "", "(status 204)"},
    {"HTTP/1.1 503 S\r\nContent-Length: 4\r\n\r\nstop", GB_E_NETWORK, "",
     "refuses: stop (status 503)"},
    {"HTTP/1.1 400 B\r\n\r\n" LONG LONG LONG LONG LONG, GB_E_REFUSED, "",
     "巡更 (status 400)"},
    {"HTTP/1.1 400 B\r\n\r\n\033[2J\xff", GB_E_REFUSED, "", "?[2J (status"},
    {"HTTP/1.1 400 B\r\n\r\n\xff is no text", GB_E_REFUSED, "", "no reason"},
    {"HTTP/1.1 400 B\r\n\r\n\033[2Jx\r\ny", GB_E_REFUSED, "", "?[2Jx??y"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", GB_E_NETWORK, "half",
     "broke: "},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
     GB_E_NETWORK, "half", "broke: "},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     GB_E_NETWORK, "", "broke: "},
    {"HTTP/1.1 200 OK\r\nContent-Le", GB_E_NETWORK, "", "broke: "},
    {"SSH-2.0-OpenSSH_9.2\r\n", GB_E_NETWORK, "", "broke: "},
    {"", GB_E_NETWORK, "",
     "broke: Empty reply from server; work goes on "
     "offline, the next sync goes on from there"},
};

static void
answers_are_taken_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct script s = {.answer = answers[i].answer};
        struct client c = {.size = 10};
        struct gb_fail fail = {0};
        enum gb_err err = post(&s, &c, true, &fail);
        if (err != answers[i].want || !strstr(fail.text, answers[i].words))
            fail_msg("%zu: %s %s", i, gb_err_name(err), fail.text);
        assert_true(
            gb_span_equal(gb_buf_view(&c.got), gb_span_text(answers[i].got)));
        assert_true(gb_utf8_valid(gb_span_text(fail.text)));
        if (err)
            assert_non_null(strstr(fail.text, WHERE));
        gb_buf_release(&c.got);
    }
}

/* More than curl holds of a header: no hub sends that, and memory is left. */
static void
a_header_without_end_is_no_hubs(void **state)
{
    (void)state;
    static const char start[] = "HTTP/1.1 200 OK\r\nX: ";
    static char answer[5 << 20];
    struct gb_fail fail = {0};
    struct script s = {.answer = answer};
    struct client c = {.size = 5};
    memset(answer, 'x', sizeof answer - 1);
    memcpy(answer, start, sizeof start - 1);
    assert_int_equal(post(&s, &c, true, &fail), GB_E_NETWORK);
    assert_non_null(strstr(fail.text, WHERE));
    if (!strstr(fail.text, "the answer is not one of a hub"))
        fail_msg("%s", fail.text);
    gb_buf_release(&c.got);
}

static void
a_refusal_while_sending_is_heard(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct script s = {.answer = "HTTP/1.1 413 L\r\nConnection: close\r\n"
                                     "Content-Length: 5\r\n\r\nlarge",
                           .read_max = 1000};
        struct client c = {.size = 30 << 20};
        struct gb_fail fail = {0};
        assert_int_equal(post(&s, &c, known, &fail), GB_E_REFUSED);
        assert_non_null(strstr(fail.text, "refuses: large (status 413)"));
        gb_buf_release(&c.got);
    }
}

/* Whatever it is that refuses, it is not listened to for ever. */
static void
a_refusal_without_end_is_cut_off(void **state)
{
    (void)state;
    static const char *const refusals[] = {"HTTP/1.1 500 I\r\n\r\nno ",
                                           "HTTP/1.1 302 F\r\n\r\nno "};
    for (size_t i = 0; i < 2; i++) {
        struct script s = {.answer = refusals[i], .endless = true};
        struct client c = {.size = 5};
        struct gb_fail fail = {0};
        alarm(30);
        assert_int_equal(post(&s, &c, true, &fail),
                         i ? GB_E_REFUSED : GB_E_NETWORK);
        alarm(0);
        assert_non_null(strstr(fail.text, "refuses: no "));
        gb_buf_release(&c.got);
    }
}

static void
callbacks_end_the_exchange_with_their_own_words(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    struct script s = {.answer = ""};
    struct client c = {.size = 100000, .next_answer = GB_E_DATABASE};
    assert_int_equal(post(&s, &c, false, &fail), GB_E_DATABASE);
    assert_string_equal(fail.text, "the journal is gone");
    gb_buf_release(&c.got);
    s = (struct script){
        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nstart"};
    c = (struct client){.size = 5, .take_answer = GB_E_SITE};
    assert_int_equal(post(&s, &c, true, &fail), GB_E_SITE);
    assert_string_equal(fail.text, "another site's bundle");
    gb_buf_release(&c.got);
}

static void
silence_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct gb_fail fail = {0};
    struct script s = {.answer = "", .silent = true};
    struct client c = {.size = 5};
    int64_t began = now_ms();
    assert_int_equal(post(&s, &c, true, &fail), GB_E_NETWORK);
    /* one second, and the five over which curl averages */
    assert_true(now_ms() - began < 12000);
    if (!strstr(fail.text, "too slow"))
        fail_msg("%s", fail.text);
    gb_buf_release(&c.got);
}

/* ----------------------------------------------------------- addresses -- */

/* POST to a URL at which nobody answers. */
static enum gb_err
post_to(const char *url, int connect_ms, struct gb_fail *fail)
{
    struct client c = {.size = 5};
    struct gb_client_post p = {.url = url,
                               .length = 5,
                               .next = next,
                               .take = take,
                               .arg = &c,
                               .connect_ms = connect_ms};
    return gb_client_post(&p, fail);
}

static void
a_hub_that_is_not_there_is_named(void **state)
{
    (void)state;
    int port, fd = listen_any(&port);
    char url[100], want[200];
    struct gb_fail fail = {0};
    close(fd);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/sync", port);
    assert_int_equal(post_to(url, 0, &fail), GB_E_NETWORK);
    snprintf(want, sizeof want, WHERE "%d cannot be reached: ", port);
    assert_ptr_equal(strstr(fail.text, want), fail.text);
    assert_non_null(strstr(fail.text, "; work goes on offline, or use "
                                      "`gengbu export`"));
}

static void
a_hub_that_does_not_accept_is_given_up(void **state)
{
    (void)state;
    int port, fd = listen_any(&port), first, second;
    char url[100];
    struct gb_fail fail = {0};
    assert_int_equal(listen(fd, 0), 0);
    first = dial(port); /* the whole backlog */
    second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    int64_t began = now_ms();
    assert_int_equal(post_to(url, 400, &fail), GB_E_NETWORK);
    assert_true(now_ms() - began >= 390 && now_ms() - began < 4000);
    assert_non_null(strstr(fail.text, "cannot be reached"));
    close(first);
    close(second);
    close(fd);
}

static void
what_is_no_url_is_wrong_usage(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "ftp://127.0.0.1/",
                                       "http://",
                                       "file:///etc/passwd",
                                       "http://127.0.0.1:99999/",
                                       "http://a b/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct gb_fail fail = {0};
        assert_int_equal(post_to(urls[i], 0, &fail), GB_E_USAGE);
        assert_non_null(strstr(fail.text, "http://192.168.1.2:8440"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_travel_whole_both_ways),
        cmocka_unit_test(answers_are_taken_as_the_table_says),
        cmocka_unit_test(a_header_without_end_is_no_hubs),
        cmocka_unit_test(a_refusal_without_end_is_cut_off),
        cmocka_unit_test(a_refusal_while_sending_is_heard),
        cmocka_unit_test(callbacks_end_the_exchange_with_their_own_words),
        cmocka_unit_test(silence_is_not_waited_for_for_ever),
        cmocka_unit_test(a_hub_that_is_not_there_is_named),
        cmocka_unit_test(a_hub_that_does_not_accept_is_given_up),
        cmocka_unit_test(what_is_no_url_is_wrong_usage),
    };
    setenv("no_proxy", "127.0.0.1", 1);
    return cmocka_run_group_tests_name("device_http", tests, NULL, NULL);
}
