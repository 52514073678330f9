/* main_get.c - what the memory of a handheld's sync is held against: a program
 * with the same libraries, which gets one page. */
#include <curl/curl.h>
#include <jansson.h>
#include <sodium.h>
#include <sqlite3.h>
#include <zlib.h>

/* The page is thrown away. */
static size_t
drop(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

int
main(int argc, char **argv)
{
    CURL *c;
    json_t *none = json_object();
    if (argc != 2 || sodium_init() < 0 || sqlite3_initialize() ||
        !zlibVersion() || !none || curl_global_init(CURL_GLOBAL_DEFAULT) ||
        !(c = curl_easy_init()))
        return 2;
    curl_easy_setopt(c, CURLOPT_URL, argv[1]);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, drop);
    int failed = curl_easy_perform(c) != CURLE_OK;
    curl_easy_cleanup(c);
    curl_global_cleanup();
    json_decref(none);
    return failed;
}
