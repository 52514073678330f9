/* http.c - see http.h */
#include "http.h"

#include <stdio.h>
#include <string.h>

#include "http_curl.h"

#define REASON_MAX 300 /* bytes kept of what a hub says when it refuses */
#define TOO_LARGE                                                              \
    ((CURLcode)100) /* CURLE_TOO_LARGE, which curl 8.6 brought                 \
                     */

/* One POST on its way. */
struct exchange {
    const struct gb_client_post *post;
    const struct gb_curl *lib;
    CURL *curl;
    struct gb_buf piece; /* of the request's body */
    size_t given;        /* of the piece */
    struct gb_buf reason;
    bool headed;         /* the reply's header has come whole */
    bool answered;       /* some of its body has */
    struct gb_fail fail; /* what next or take said */
    char curl_says[CURL_ERROR_SIZE];
};

/* --------------------------------------------------------- both bodies -- */

/* Fill `to` from the piece, asking for another when it is used up
 * (CURLOPT_READFUNCTION). */
static size_t
read_body(char *to, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t max = size * count;
    if (x->given == x->piece.len) {
        gb_buf_clear(&x->piece);
        x->given = 0;
        enum gb_err err = x->post->next(x->post->arg, &x->piece, &x->fail);
        if (!err)
            err = gb_buf_check(&x->piece, "request", &x->fail);
        x->fail.code = err;
        if (err)
            return CURL_READFUNC_ABORT;
    }
    size_t left = x->piece.len - x->given, n = left < max ? left : max;
    if (n)
        memcpy(to, x->piece.ptr + x->given, n);
    x->given += n;
    return n;
}

/* A line of the header; an empty one ends it, as it does that of a "100
 * Continue" before (CURLOPT_HEADERFUNCTION).  curl takes a header that breaks
 * off for a whole one. */
static size_t
read_header(char *line, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t n = size * count;
    x->headed = n > 0 && (line[0] == '\r' || line[0] == '\n');
    return n;
}

/* The reply goes to `take`, or is what the hub gives as its reason
 * (CURLOPT_WRITEFUNCTION). */
static size_t
write_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t n = size * count;
    long status = 0;
    x->answered = true;
    x->lib->easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        x->fail.code = x->post->take(x->post->arg, GB_SPAN(bytes, n), &x->fail);
        return x->fail.code ? CURL_WRITEFUNC_ERROR : n;
    }
    size_t room = REASON_MAX - x->reason.len;
    gb_buf_add(&x->reason, bytes, n < room ? n : room);
    return n <= room ? n : CURL_WRITEFUNC_ERROR; /* enough is known */
}

/* -------------------------------------------------------------- errors -- */

/* The URL's scheme, host and port: what people know the hub by. */
static int
origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t n = (size_t)(host - url) + strcspn(host, "/?#");
    return n < 200 ? (int)n : 200;
}

/* What curl failed at. */
static enum gb_err
curl_failed(const struct exchange *x, CURLcode code, struct gb_fail *fail)
{
    const char *url = x->post->url;
    const char *says =
        *x->curl_says ? x->curl_says : x->lib->easy_strerror(code);
    double connected = 0, answering = 0;
    x->lib->easy_getinfo(x->curl, CURLINFO_CONNECT_TIME, &connected);
    x->lib->easy_getinfo(x->curl, CURLINFO_STARTTRANSFER_TIME, &answering);
    /* up to 8.5, curl says so of a header beyond its own ceiling, too */
    bool memory = code == CURLE_OUT_OF_MEMORY;
    bool endless = memory && answering > 0 && !x->headed;
    if (memory && !endless)
        return gb_fail_memory(fail);
    if (endless || code == TOO_LARGE)
        says = "the answer is not one of a hub";
    if (code == CURLE_SSL_CONNECT_ERROR)
        says = "a hub speaks http://, and this is https://";
    /* the second also stands for an answer that is no HTTP */
    if (connected <= 0 &&
        (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL))
        return gb_fail_set(fail, GB_E_USAGE,
                           "hub '%.200s': give a URL such as "
                           "http://192.168.1.2:8440",
                           url);
    return gb_fail_set(
        fail, GB_E_NETWORK,
        connected > 0 ? "the connection to the hub at %.*s broke: %s; work "
                        "goes on offline, the next sync goes on from there"
                      : "the hub at %.*s cannot be reached: %s; work goes on "
                        "offline, or use `gengbu export`",
        origin_length(url), url, says);
}

/* A status that is not 200, with the hub's own words if they are text. */
static enum gb_err
refused(const struct exchange *x, long status, struct gb_fail *fail)
{
    struct gb_span s = gb_buf_view(&x->reason);
    while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    /* the ceiling may have cut within a character */
    for (int i = 0; i < 3 && s.len && !gb_utf8_valid(s); i++)
        s.len--;
    if (!s.len || !gb_utf8_valid(s))
        s = gb_span_text("no reason is given");
    const char *url = x->post->url;
    enum gb_err e = status >= 500 ? GB_E_NETWORK : GB_E_REFUSED;
    if (status == 403 && s.len > 8 && !memcmp(s.ptr, "TICKET: ", 8))
        e = GB_E_TICKET;
    return gb_fail_set(fail, e, "the hub at %.*s refuses: %.*s (status %ld)%s",
                       origin_length(url), url, (int)s.len, (const char *)s.ptr,
                       status,
                       status == 404 ? ": its address has no path" : "");
}

/* How it went. */
static enum gb_err
outcome(struct exchange *x, CURLcode code, struct gb_fail *fail)
{
    long status = 0;
    x->lib->easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (x->fail.code) {
        if (fail)
            *fail = x->fail;
        return x->fail.code;
    }
    /* A hub that refuses may cut the upload short once it has said why. */
    if (code && !(x->answered && status != 200))
        return curl_failed(x, code, fail);
    if (!x->headed)
        return curl_failed(x, CURLE_GOT_NOTHING, fail);
    return status == 200 ? GB_OK : refused(x, status, fail);
}

/* ---------------------------------------------------------------- post -- */

/* Set what is the same for all requests. */
static void
set_common(struct exchange *x)
{
    const struct gb_client_post *p = x->post;
    const struct gb_curl *lib = x->lib;
    CURL *c = x->curl;
    lib->easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_says);
    lib->easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    lib->easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    lib->easy_setopt(c, CURLOPT_USERAGENT, "gengbu");
    lib->easy_setopt(
        c, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(p->connect_ms ? p->connect_ms : GB_CLIENT_CONNECT_MS));
    lib->easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    lib->easy_setopt(c, CURLOPT_LOW_SPEED_TIME,
                     (long)(p->stall_s ? p->stall_s : GB_CLIENT_STALL_S));
}

/* Set the request: address, bodies, header.  NULL when there is no memory,
 * else the header list, which outlives the transfer. */
static struct curl_slist *
set_request(struct exchange *x)
{
    const struct gb_client_post *p = x->post;
    const struct gb_curl *lib = x->lib;
    CURL *c = x->curl;
    char type[120];
    snprintf(type, sizeof type, "Content-Type: %.100s",
             p->type ? p->type : "application/octet-stream");
    struct curl_slist *header = lib->slist_append(NULL, type);
    if (header && p->length == GB_CLIENT_LENGTH_UNKNOWN) {
        struct curl_slist *longer =
            lib->slist_append(header, "Transfer-Encoding: chunked");
        if (!longer)
            lib->slist_free_all(header);
        header = longer;
    }
    if (!header || lib->easy_setopt(c, CURLOPT_URL, p->url)) {
        lib->slist_free_all(header);
        return NULL;
    }
    lib->easy_setopt(c, CURLOPT_POST, 1L);
    if (p->length != GB_CLIENT_LENGTH_UNKNOWN)
        lib->easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->length);
    lib->easy_setopt(c, CURLOPT_HTTPHEADER, header);
    lib->easy_setopt(c, CURLOPT_READFUNCTION, read_body);
    lib->easy_setopt(c, CURLOPT_READDATA, x);
    lib->easy_setopt(c, CURLOPT_WRITEFUNCTION, write_body);
    lib->easy_setopt(c, CURLOPT_WRITEDATA, x);
    lib->easy_setopt(c, CURLOPT_HEADERFUNCTION, read_header);
    lib->easy_setopt(c, CURLOPT_HEADERDATA, x);
    return header;
}

enum gb_err
gb_client_post(const struct gb_client_post *post, struct gb_fail *fail)
{
    struct exchange x = {.post = post};
    struct curl_slist *header = NULL;
    enum gb_err err = gb_curl_load(&x.lib, fail);
    if (err)
        return err;
    gb_buf_init(&x.piece, GB_CLIENT_PIECE_MAX);
    gb_buf_init(&x.reason, REASON_MAX);
    x.curl = x.lib->easy_init();
    if (x.curl)
        header = set_request(&x);
    if (header) {
        set_common(&x);
        err = outcome(&x, x.lib->easy_perform(x.curl), fail);
    } else {
        err = gb_fail_memory(fail);
    }
    x.lib->slist_free_all(header);
    x.lib->easy_cleanup(x.curl);
    gb_buf_release(&x.piece);
    gb_buf_release(&x.reason);
    return err;
}
