/* The fingerprint of a hash's fields, whatever their order: tells whether a record changed. */
#ifndef REEVE_DIRECTORY_PRINT_H
#define REEVE_DIRECTORY_PRINT_H

#include <stddef.h>

#include "agent/base/siphash.h"
#include "agent/store/store.h"

/* The sum of a keyed 128-bit hash of each field: the value under the key that its name gives. */
struct siphash_digest print_fields(const struct siphash_key *key, const struct store_field *fields,
                                   size_t count);

#endif
