/* seal.c - see seal.h */
#include "seal.h"

#include <assert.h>
#include <sodium.h>

#include "digest.h"

static_assert(GB_SEAL_OVERHEAD == crypto_box_SEALBYTES,
              "what the library adds");

enum gb_err
gb_seal(struct gb_buf *out, const struct gb_box_public *receiver,
        struct gb_span plain, struct gb_fail *fail)
{
    if (plain.len > SIZE_MAX - GB_SEAL_OVERHEAD)
        return gb_fail_set(fail, GB_E_LIMIT, "too large to be sealed");
    uint8_t *to = gb_buf_grow(out, plain.len + GB_SEAL_OVERHEAD);
    if (!to)
        return gb_buf_check(out, "sealed container", fail);
    if (crypto_box_seal(to, plain.ptr, plain.len, receiver->bytes)) {
        out->len -= plain.len + GB_SEAL_OVERHEAD;
        return gb_fail_set(fail, GB_E_KEY,
                           "nothing can be sealed to the receiver's key");
    }
    return GB_OK;
}

enum gb_err
gb_unseal(struct gb_buf *out, const struct gb_box_key *receiver,
          struct gb_span sealed, struct gb_fail *fail)
{
    if (sealed.len < GB_SEAL_OVERHEAD)
        return gb_fail_set(fail, GB_E_SIGNATURE,
                           "too short for a sealed container: send or copy it "
                           "again");
    size_t n = sealed.len - GB_SEAL_OVERHEAD;
    uint8_t *to = gb_buf_grow(out, n);
    if (!to)
        return gb_buf_check(out, "opened container", fail);
    if (crypto_box_seal_open(to, sealed.ptr, sealed.len,
                             receiver->public_key.bytes, receiver->secret)) {
        gb_wipe(to, n);
        out->len -= n;
        return gb_fail_set(fail, GB_E_SIGNATURE,
                           "not sealed to this key, or altered on the way: "
                           "send or copy it again");
    }
    return GB_OK;
}
