/* decode.c - see decode.h */
#include "hub/decode.h"

enum gb_err
gb_decode(const struct gb_state *st, struct gb_span signed_bytes,
          struct gb_decoded *out, struct gb_fail *fail)
{
    struct gb_sha256 sha = gb_sha256(signed_bytes);
    return gb_decode_hashed(st, signed_bytes, &sha, out, fail);
}

enum gb_err
gb_decode_hashed(const struct gb_state *st, struct gb_span signed_bytes,
                 const struct gb_sha256 *sha, struct gb_decoded *out,
                 struct gb_fail *fail)
{
    struct gb_set_info info;
    enum gb_err e = gb_set_info(signed_bytes, &info, fail);
    *out = (struct gb_decoded){0};
    return e ? e
             : gb_decode_by(gb_state_schema_of(st, info.schema), &info,
                            signed_bytes, sha, out, fail);
}

enum gb_err
gb_decode_by(const struct gb_schema *schema, const struct gb_set_info *info,
             struct gb_span signed_bytes, const struct gb_sha256 *sha,
             struct gb_decoded *out, struct gb_fail *fail)
{
    struct gb_fail why = {0};
    *out = (struct gb_decoded){.info = *info, .schema = schema};
    out->in = (struct gb_incoming){.signed_bytes = signed_bytes,
                                   .info = &out->info,
                                   .sha = *sha,
                                   .times = !schema};
    enum gb_err e = schema
                        ? gb_set_decode(signed_bytes, schema, &out->set, &why)
                        : gb_set_decode_times(signed_bytes, &out->set, &why);
    if (e == GB_E_MEMORY)
        return gb_fail_set(fail, e, "%s", why.text);
    out->good = e == GB_OK;
    out->in.set = out->good ? &out->set : NULL;
    return GB_OK;
}

void
gb_decoded_release(struct gb_decoded *d)
{
    gb_set_release(&d->set);
}
