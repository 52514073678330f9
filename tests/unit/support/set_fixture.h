/* set_fixture.h - change sets for tests. */
#ifndef GB_TEST_SET_FIXTURE_H
#define GB_TEST_SET_FIXTURE_H

#include "engine/op.h"

/* An empty set of device 7, with one boot and room for n operations. */
void set_fixture_begin(struct gb_set *set, const struct gb_schema *s, int n);
/* The next operation, at a time, with room for all of its table's values. */
struct gb_op *set_fixture_op(struct gb_set *set, const struct gb_schema *s,
                             enum gb_kind kind, int table, int64_t time_ms);
/* Write a value: columns must rise. */
void set_fixture_write(struct gb_op *op, int column, struct gb_value v);
/* A salt of bytes `fill` for personal values. */
void set_fixture_salt(struct gb_set *set, struct gb_op *op, uint8_t fill);

/* Anything that the schema allows: all kinds, boots, actors, origins. */
void set_fixture_random(struct gb_set *set, const struct gb_schema *s,
                        uint64_t seed, int nops);

/* The reference workload: a schema, and a device's shift. */
struct gb_schema *set_fixture_shift_schema(void);
void set_fixture_shift(struct gb_set *set, const struct gb_schema *s, int day,
                       int device, int inserts, int changes, int voids);

/* Fails the test unless everything that a set says is the same; `hidden`:
 * personal values of b are hidden, and its salts are not there. */
void set_fixture_same(const struct gb_set *a, const struct gb_set *b,
                      const struct gb_schema *s, bool hidden);

#endif
