/*
 * git_commit.c - commits, in the one form that a hub writes:
 *
 *   tree HEX
 *   parent HEX                                         (not at the root)
 *   author Gengbu hub SITE <ledger@gengbu> SECONDS +0000
 *   committer (the same)
 *   gpgsig -----BEGIN SSH SIGNATURE-----
 *    (its further lines, each behind one space)
 *
 *   message
 *
 * The signed bytes, the payload, are all of this without gpgsig and its lines
 * (OpenSSH's PROTOCOL.sshsig, namespace "git").
 */
#include "git_ledger.h"

#include <stdio.h>
#include <string.h>

#define NAME "Gengbu hub "
#define MAIL " <ledger@gengbu> "
#define NOT_OURS "not as a hub writes them"
#define BUFFER_MAX (2 * (size_t)GB_LEDGER_COMMIT_MAX)

/* ----------------------------------------------------------- writing -- */

static void
add_person(struct gb_buf *out, const char *role,
           const struct gb_commit_parts *c)
{
    gb_buf_printf(out, "%s " NAME, role);
    gb_buf_span(out, c->site);
    gb_buf_printf(out, MAIL "%lld +0000\n", (long long)c->time_s);
}

void
gb_commit_payload(struct gb_buf *out, const struct gb_commit_parts *c)
{
    gb_buf_printf(out, "tree %s\n", git_oid_tostr_s(&c->tree));
    if (!c->root)
        gb_buf_printf(out, "parent %s\n", git_oid_tostr_s(&c->parent));
    add_person(out, "author", c);
    add_person(out, "committer", c);
    gb_buf_text(out, "\n");
    gb_buf_span(out, c->message);
}

void
gb_commit_signed(struct gb_buf *out, struct gb_span payload,
                 struct gb_span signature)
{
    const uint8_t *end = memmem(payload.ptr, payload.len, "\n\n", 2);
    gb_assert(end != NULL);
    size_t head = (size_t)(end - payload.ptr) + 1;
    gb_buf_add(out, payload.ptr, head);
    gb_buf_text(out, "gpgsig ");
    for (size_t i = 0; i < signature.len; i++) {
        gb_buf_u8(out, signature.ptr[i]);
        if (signature.ptr[i] == '\n')
            gb_buf_text(out, " ");
    }
    gb_buf_text(out, "\n");
    gb_buf_add(out, payload.ptr + head, payload.len - head);
}

/* ----------------------------------------------------------- reading -- */

/* The next line without its LF; empty when there is none. */
static struct gb_span
line(struct gb_span *text)
{
    const uint8_t *lf = text->len ? memchr(text->ptr, '\n', text->len) : NULL;
    struct gb_span s = GB_SPAN(text->ptr, 0);
    if (!lf)
        return s;
    s.len = (size_t)(lf - text->ptr);
    *text = GB_SPAN(lf + 1, text->len - s.len - 1);
    return s;
}

static bool
starts_with(struct gb_span s, const char *words)
{
    size_t n = strlen(words);
    return s.len >= n && memcmp(s.ptr, words, n) == 0;
}

/* "tree HEX" and the like. */
static bool
read_link(struct gb_span s, const char *word, git_oid *out)
{
    size_t n = strlen(word);
    return starts_with(s, word) &&
           gb_hex_decode(out->id, GB_OID_BYTES, GB_SPAN(s.ptr + n, s.len - n));
}

/* Site and time; how they are written is checked by writing them again. */
static bool
read_person(struct gb_span s, struct gb_commit_parts *c)
{
    static const char start[] = "committer " NAME;
    size_t n = strlen(start);
    if (!starts_with(s, start))
        return false;
    s = GB_SPAN(s.ptr + n, s.len - n);
    const uint8_t *mail = memmem(s.ptr, s.len, MAIL, strlen(MAIL));
    if (!mail)
        return false;
    c->site = GB_SPAN(s.ptr, (size_t)(mail - s.ptr));
    c->time_s = 0;
    const uint8_t *p = mail + strlen(MAIL), *end = s.ptr + s.len;
    for (unsigned digits = 0; p < end && *p >= '0' && *p <= '9'; p++) {
        if (++digits > 18)
            return false;
        c->time_s = c->time_s * 10 + (*p - '0');
    }
    return gb_utf8_valid(c->site);
}

bool
gb_commit_links(struct gb_span raw, struct gb_commit_parts *out)
{
    memset(out, 0, sizeof *out);
    if (!read_link(line(&raw), "tree ", &out->tree))
        return false;
    struct gb_span next = line(&raw);
    out->root = !starts_with(next, "parent ");
    return out->root || read_link(next, "parent ", &out->parent);
}

/* Part payload and signature. */
static bool
split(struct gb_span raw, struct gb_buf *payload, struct gb_buf *signature)
{
    bool within = false;
    while (raw.len) {
        if (raw.ptr[0] == '\n') {
            gb_buf_span(payload, raw);
            return true;
        }
        struct gb_span s = line(&raw);
        if (starts_with(s, "gpgsig ")) {
            if (signature->len)
                return false;
            gb_buf_add(signature, s.ptr + 7, s.len - 7);
            within = true;
        } else if (starts_with(s, " ")) {
            if (!within)
                return false;
            gb_buf_u8(signature, '\n');
            gb_buf_add(signature, s.ptr + 1, s.len - 1);
        } else {
            within = false;
            gb_buf_span(payload, s);
            gb_buf_u8(payload, '\n');
            if (!s.len) /* no LF up to the end */
                return false;
        }
    }
    return false;
}

/* The parts of a payload. */
static bool
read_parts(struct gb_span payload, struct gb_commit_parts *c)
{
    const uint8_t *end = memmem(payload.ptr, payload.len, "\n\n", 2);
    if (!end || !gb_commit_links(payload, c))
        return false;
    struct gb_span rest = GB_SPAN(payload.ptr, (size_t)(end - payload.ptr) + 1);
    c->message = GB_SPAN(end + 2, payload.len - rest.len - 1);
    struct gb_span s = {NULL, 0};
    while (rest.len)
        s = line(&rest);
    return read_person(s, c);
}

/* Refuse what writing the parts again would not give. */
static enum gb_err
same_again(const struct gb_commit_parts *c, struct gb_span raw,
           const struct gb_buf own[2], struct gb_fail *fail)
{
    struct gb_buf payload, whole;
    gb_buf_init(&payload, BUFFER_MAX);
    gb_buf_init(&whole, BUFFER_MAX);
    gb_commit_payload(&payload, c);
    if (own[1].len)
        gb_commit_signed(&whole, gb_buf_view(&own[0]), gb_buf_view(&own[1]));
    else
        gb_buf_span(&whole, gb_buf_view(&own[0]));
    enum gb_err err = gb_buf_check(&payload, "commit", fail);
    if (!err)
        err = gb_buf_check(&whole, "commit", fail);
    if (!err && !(gb_span_equal(gb_buf_view(&payload), gb_buf_view(&own[0])) &&
                  gb_span_equal(gb_buf_view(&whole), raw)))
        err = gb_fail_set(fail, GB_E_LEDGER, "%s", NOT_OURS);
    gb_buf_release(&payload);
    gb_buf_release(&whole);
    return err;
}

/* Fill in `out` from a commit's bytes. */
static enum gb_err
take_apart(struct gb_ledger_commit *out, struct gb_span raw,
           struct gb_fail *fail)
{
    struct gb_commit_parts c;
    enum gb_err err = GB_OK;
    for (int i = 0; i < 2; i++)
        gb_buf_init(&out->own[i], BUFFER_MAX);
    bool good = split(raw, &out->own[0], &out->own[1]);
    for (int i = 0; i < 2 && !err; i++)
        err = gb_buf_check(&out->own[i], "commit", fail);
    if (!err && !(good && read_parts(gb_buf_view(&out->own[0]), &c)))
        err = gb_fail_set(fail, GB_E_LEDGER, "%s", NOT_OURS);
    if (!err)
        err = same_again(&c, raw, out->own, fail);
    if (err)
        return err;
    out->root = c.root;
    out->parent = gb_git_oid_of(&c.parent);
    out->tree = gb_git_oid_of(&c.tree);
    out->time_s = c.time_s;
    out->site = c.site;
    out->message = c.message;
    out->payload = gb_buf_view(&out->own[0]);
    out->signature = gb_buf_view(&out->own[1]);
    return GB_OK;
}

enum gb_err
gb_commit_load(struct gb_ledger_commit *out, struct gb_ledger *l,
               const git_oid *oid, struct gb_fail *fail)
{
    git_odb_object *object;
    *out = (struct gb_ledger_commit){0};
    enum gb_err err = gb_git_object(&object, l, oid, GIT_OBJECT_COMMIT,
                                    GB_LEDGER_COMMIT_MAX, fail);
    if (err)
        return err;
    err = take_apart(out, gb_git_bytes(object), fail);
    git_odb_object_free(object);
    if (err) {
        gb_ledger_commit_release(out);
        gb_fail_wrap(fail, "commit %s", git_oid_tostr_s(oid));
    }
    return err;
}

enum gb_err
gb_ledger_commit_read(struct gb_ledger *l, const struct gb_oid *commit,
                      struct gb_ledger_commit *out, struct gb_fail *fail)
{
    git_oid oid = gb_git_oid(commit);
    return gb_commit_load(out, l, &oid, fail);
}

void
gb_ledger_commit_release(struct gb_ledger_commit *c)
{
    gb_buf_release(&c->own[0]);
    gb_buf_release(&c->own[1]);
    *c = (struct gb_ledger_commit){0};
}
