/* What the tests of records share. */
#ifndef REEVE_TESTS_UNIT_DIRECTORY_RECORD_PARSE_H
#define REEVE_TESTS_UNIT_DIRECTORY_RECORD_PARSE_H

#include "agent/directory/record.h"

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY STR("reeve:x")

/* A good record of at most 16 fields under KEY, which the caller frees. Parses copies of the fields
 * and scrambles them afterwards. */
struct record *parse(enum record_kind kind, const char *const (*pairs)[2], size_t count);

#endif
