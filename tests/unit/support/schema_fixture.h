/* schema_fixture.h - schemas for tests, loaded from their SQL. */
#ifndef GB_TEST_SCHEMA_FIXTURE_H
#define GB_TEST_SCHEMA_FIXTURE_H

#include "engine/schema.h"

/* One file of SQL as a schema; a mistake fails the test.  The caller frees. */
struct gb_schema *schema_fixture(const char *sql, uint32_t version);

/*
 * Every type and every rule: table 0 `thing` has them all, table 1 `person`
 * has personal columns between others, table 2 `wide` has 60 columns, of
 * which c59 is personal, and table 3 `tag` has one.
 */
struct gb_schema *schema_fixture_every(uint32_t version);
/* Its SQL; the caller frees. */
char *schema_fixture_every_sql(void);

#endif
