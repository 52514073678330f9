/*
 * sshsig.c - what OpenSSH writes: base64, armored signatures and their blobs,
 * public key lines, private key files.  One text stands for one thing: what is
 * read is written back as it was.  Reading takes no memory at all.
 */
#include <string.h>

#include "engine/armor.h"
#include "engine/keyfile.h"
#include "engine/sshsig.h"
#include "support/fuzz.h"

#define KEY_LABEL "OPENSSH PRIVATE KEY"
#define TEXT_MAX (1u << 20)

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FUZZ_NEED(gb_crypto_init(&fuzz_why));
    return 0;
}

/* What was written is what was read; the writing ends here. */
static void
same(struct gb_buf *again, struct gb_span text)
{
    FUZZ_CHECK(gb_span_equal(gb_buf_view(again), text));
    gb_buf_release(again);
}

static void
run_base64(struct gb_span text)
{
    uint8_t bytes[4096];
    struct gb_buf again;
    size_t n = 0;
    if (!gb_base64_decode(bytes, sizeof bytes, &n, text))
        return;
    gb_buf_init(&again, TEXT_MAX);
    gb_base64_encode(&again, GB_SPAN(bytes, n));
    same(&again, text);
}

static void
run_armor(struct gb_span text)
{
    uint8_t bytes[4096];
    struct gb_buf again;
    size_t n = 0;
    if (!gb_armor_decode(bytes, sizeof bytes, &n, "SSH SIGNATURE", text))
        return;
    gb_buf_init(&again, TEXT_MAX);
    gb_armor_encode(&again, "SSH SIGNATURE", GB_SPAN(bytes, n));
    same(&again, text);
}

/* A signature in one of its three forms. */
typedef enum gb_err parse(struct gb_sshsig *out, struct gb_span text,
                          struct gb_fail *fail);
static void
take_signature(parse *form, struct gb_span text)
{
    struct gb_sshsig sig;
    struct gb_buf again;
    struct gb_fail fail = {0};
    fuzz_memory_begin(0);
    enum gb_err e = form(&sig, text, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    FUZZ_CHECK(*sig.ns && strlen(sig.ns) <= GB_SSHSIG_NS_MAX);
    gb_buf_init(&again, TEXT_MAX);
    if (form == gb_sshsig_parse_blob)
        gb_sshsig_blob(&again, &sig.key, sig.ns, &sig.signature);
    else
        gb_sshsig_armor(&again, &sig.key, sig.ns, &sig.signature);
    again.len -= form == gb_sshsig_parse_header;
    same(&again, text);
}

static void
run_text(struct gb_span text)
{
    take_signature(gb_sshsig_parse, text);
}

static void
run_blob(struct gb_span blob)
{
    take_signature(gb_sshsig_parse_blob, blob);
}

static void
run_header(struct gb_span text)
{
    take_signature(gb_sshsig_parse_header, text);
}

/* The armor is sound, and what is inside is not. */
static void
run_armored_blob(struct gb_span blob)
{
    struct gb_buf text;
    gb_buf_init(&text, TEXT_MAX);
    gb_armor_encode(&text, "SSH SIGNATURE", blob);
    take_signature(gb_sshsig_parse, gb_buf_view(&text));
    gb_buf_release(&text);
}

/* A comment of a line may be empty behind its space, and a line feed ends it.
 */
static void
run_line(struct gb_span line)
{
    struct gb_public_key key;
    struct gb_span comment;
    struct gb_fail fail = {0};
    struct gb_buf again, text;
    fuzz_memory_begin(0);
    enum gb_err e = gb_key_line_parse(&key, &comment, line, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    FUZZ_CHECK(gb_key_comment_valid(comment));
    gb_buf_init(&text, TEXT_MAX);
    gb_buf_span(&text, comment);
    gb_buf_u8(&text, 0);
    gb_buf_init(&again, TEXT_MAX);
    FUZZ_NEED(gb_key_line(&again, &key, (char *)text.ptr, &fuzz_why));
    line.len -= line.ptr[line.len - 1] == '\n';
    line.len -= !comment.len && line.ptr[line.len - 1] == ' ';
    same(&again, line);
    gb_buf_release(&text);
}

static void
run_key_blob(struct gb_span blob)
{
    struct gb_public_key key;
    uint8_t again[GB_KEY_BLOB_BYTES];
    if (!gb_key_blob_parse(&key, blob))
        return;
    gb_key_blob(again, &key);
    FUZZ_CHECK(gb_span_equal(GB_SPAN(again, sizeof again), blob));
}

/* A key that was read is the same when it was written; the comment and the
 * check numbers are ssh-keygen's own. */
static void
run_keyfile(struct gb_span text)
{
    struct gb_sign_key key = {0}, back = {0};
    struct gb_fail fail = {0};
    struct gb_buf again;
    fuzz_memory_begin(0);
    enum gb_err e = gb_keyfile_decode(&key, text, &fail);
    fuzz_memory_end();
    if (fuzz_refused(e, &fail))
        return;
    gb_buf_init(&again, TEXT_MAX);
    FUZZ_NEED(gb_keyfile_encode(&again, &key, "fuzz", &fuzz_why));
    FUZZ_NEED(gb_keyfile_decode(&back, gb_buf_view(&again), &fuzz_why));
    FUZZ_CHECK(!memcmp(&key, &back, sizeof key));
    gb_buf_release(&again);
}

static void
run_armored_key(struct gb_span bytes)
{
    struct gb_buf text;
    gb_buf_init(&text, TEXT_MAX);
    gb_armor_encode(&text, KEY_LABEL, bytes);
    run_keyfile(gb_buf_view(&text));
    gb_buf_release(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const run[])(struct gb_span) = {
        run_base64,       run_armor,      run_text,    run_blob,
        run_header,       run_line,       run_keyfile, run_key_blob,
        run_armored_blob, run_armored_key};
    struct gb_reader in = gb_reader_of(GB_SPAN(bytes, n));
    unsigned which = gb_read_u8(&in) % (sizeof run / sizeof *run);
    run[which](fuzz_rest(&in));
    return 0;
}
