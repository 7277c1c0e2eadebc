/*
 * Heads: checkpoints that were kept elsewhere, as the log, the store and `reevectl audit head` have
 * them. As many as memory takes; what is asked of them costs a binary search.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_HEADS_H
#define REEVE_AUDIT_HEADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/crypto.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

struct audit_head {
    uint64_t segment, block;
    uint8_t hash[CRYPTO_SHA256_BYTES];
    bool is_found; /* the block is there */
};

/* Zeroed at the start. */
struct audit_heads {
    struct audit_head *items; /* by segment and block, once one was looked for */
    size_t count, capacity;
    bool is_sorted;
};

void audit_heads_fini(struct audit_heads *heads);

/* ERR_MISSING: no checkpoint in the line. ERR_SYNTAX: there is one, but it is damaged or cut.
 * ERR_MEMORY. */
enum err audit_heads_add(struct audit_heads *heads, struct str line) MUST_USE;

/* Those of this block, which are now found: the first of *count. */
const struct audit_head *audit_heads_find(struct audit_heads *heads, uint64_t segment,
                                          uint64_t block, size_t *count);

#endif
