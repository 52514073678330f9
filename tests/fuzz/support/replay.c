/*
 * replay.c - a fuzz target without a fuzzer: `TARGET FILE|FOLDER...` feeds it
 * each file once, in a heap copy of its exact size.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Most targets need nothing. */
__attribute__((weak)) int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

/* 1, or 0 with a word when it cannot be read. */
static size_t
replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(size ? size : 1);
    bool good = f && bytes && fread(bytes, 1, size, f) == size;
    if (f)
        fclose(f);
    if (good)
        LLVMFuzzerTestOneInput(bytes, size);
    else
        fprintf(stderr, "%s: cannot be read\n", path);
    free(bytes);
    return good;
}

/* How many were fed, or 0 when one could not. */
static size_t
replay(const char *path)
{
    struct stat st;
    struct dirent **names;
    size_t count = 0;
    if (stat(path, &st)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    if (!S_ISDIR(st.st_mode))
        return replay_file(path, (size_t)st.st_size);
    int n = scandir(path, &names, NULL, alphasort);
    bool good = n >= 0;
    for (int i = 0; i < n; i++) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        size_t fed = names[i]->d_name[0] == '.' ? 0 : replay(inner);
        good &= fed || names[i]->d_name[0] == '.';
        count += fed;
        free(names[i]);
    }
    free(names);
    return good ? count : 0;
}

int
main(int argc, char **argv)
{
    size_t count = 0;
    bool good = argc > 1;
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        size_t fed = replay(argv[i]);
        good &= fed > 0;
        count += fed;
    }
    printf("%zu inputs\n", count);
    return !good;
}
