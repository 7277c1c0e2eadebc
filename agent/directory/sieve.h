/*
 * A bounded list of slots that knows which one to give up: SIEVE (Zhang and others, "SIEVE is
 * Simpler than LRU", NSDI 2024). A use sets one bit; a hand goes from the oldest to the newest,
 * clears bits, and takes the first slot without. A scan of names that nobody asks for again leaves
 * as it came.
 *
 * The hand takes at most SIEVE_STEPS_MAX steps at a time: where all that it saw were used, the one
 * it stands on goes.
 */
#ifndef REEVE_DIRECTORY_SIEVE_H
#define REEVE_DIRECTORY_SIEVE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/directory/slot.h"

#define SIEVE_STEPS_MAX 64

struct sieve {
    struct slot *newest;
    struct slot *oldest;
    struct slot *hand; /* NULL: starts at the oldest */
    size_t count;
    size_t max; /* at least 1 */
};

static inline bool sieve_is_full(const struct sieve *sieve)
{
    return sieve->count >= sieve->max;
}

void sieve_add(struct sieve *sieve, struct slot *slot);
void sieve_remove(struct sieve *sieve, struct slot *slot);
/* Puts a copy of the slot, at another address, in its place. */
void sieve_replace(struct sieve *sieve, const struct slot *slot, struct slot *copy);

/* Takes out the slot to give up. The list must not be empty. */
struct slot *sieve_evict(struct sieve *sieve);

#endif
