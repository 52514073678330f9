/*
 * delta_private.h - what the files of a delta being made share: delta_make.c
 * decides what to bring, delta_part.c packs it into parts.
 *
 * A part is sent when the next thing would not fit; nothing that is brought
 * has to fit one part, because the lists and large records are byte streams
 * that are cut wherever a part is full.
 */
#ifndef GB_DELTA_PRIVATE_H
#define GB_DELTA_PRIVATE_H

#include "delta.h"

struct gb_delta_out {
    struct gb_state *st;
    const struct gb_delta_ask *ask;
    const struct gb_sign_key *key;
    gb_delta_sink *sink;
    void *context;
    struct gb_delta_head head;
    /* of the part being made */
    size_t bytes, nrecords;
    struct gb_buf groups; /* finished groups of records */
    size_t ngroups;
    struct gb_rec *rows; /* of the open group, */
    size_t nrows;
    int table; /* of this table */
    struct gb_arena arena;
    struct gb_buf joined[GB_DELTA_JOINED_COUNT];
};

/* Begin: the head is filled in. */
enum gb_err gb_delta_out_open(struct gb_delta_out *o, struct gb_fail *fail);
void gb_delta_out_release(struct gb_delta_out *o);
/* A record as it is now; *found false: there is none. */
enum gb_err gb_delta_bring(struct gb_delta_out *o, int table, int64_t id,
                           struct gb_fail *fail);
/* More of a stream. */
enum gb_err gb_delta_stream(struct gb_delta_out *o, enum gb_delta_joined_kind k,
                            struct gb_span bytes, struct gb_fail *fail);
/* "table, id" in a stream. */
enum gb_err gb_delta_name(struct gb_delta_out *o, enum gb_delta_joined_kind k,
                          int table, int64_t id, struct gb_fail *fail);
/* The last part. */
enum gb_err gb_delta_out_end(struct gb_delta_out *o, struct gb_fail *fail);

#endif
