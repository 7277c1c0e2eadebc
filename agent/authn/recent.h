/*
 * Digests that were met, for a time: a table of a fixed size. What finds its places taken pushes the
 * one out that was used least lately. One thread.
 */
#ifndef REEVE_AUTHN_RECENT_H
#define REEVE_AUTHN_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/siphash.h"

struct recent;

/* For at least so many. Gives a new table; NULL when out of memory. */
struct recent *recent_new(size_t count);
/* NULL accepted; wipes. */
void recent_free(struct recent *recent);

/* Whether it was added and its time is not over, which is then a use. Constant time in the digest's
 * bytes. */
bool recent_has(struct recent *recent, const struct siphash_digest *digest, int64_t now_us);

void recent_add(struct recent *recent, const struct siphash_digest *digest, int64_t until_us);

#endif
