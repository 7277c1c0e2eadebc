/*
 * How many fetches each source address has caused that are still under way. A counter lives as long
 * as it is above zero, so there are no more of them than fetches.
 */
#ifndef REEVE_DIRECTORY_SOURCES_H
#define REEVE_DIRECTORY_SOURCES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/siphash.h"
#include "agent/base/str.h"

/* Known by a keyed hash of its bytes: two that share one would share a bound, no more. */
struct source {
    struct source *chain;
    uint64_t hash;
    size_t count;
};

struct sources {
    struct siphash_key key;
    struct source **buckets;
    size_t mask;
    size_t max; /* of one source */
};

/* `expected_count` sizes the table. */
enum err sources_init(struct sources *sources, const struct siphash_key *key, size_t max,
                      size_t expected_count) MUST_USE;
/* Counters may still stand: who holds one must not give it back then. */
void sources_fini(struct sources *sources);

/* Counts one more. ERR_FULL: the source is at its bound. */
enum err sources_take(struct sources *sources, struct str bytes, struct source **out) MUST_USE;
/* NULL accepted. */
void sources_give(struct sources *sources, struct source *source);

#endif
