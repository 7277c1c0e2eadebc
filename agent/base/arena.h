/*
 * Memory for one request: bump allocation from one block given at init, all freed and wiped at
 * once by arena_reset(), since credentials pass through it (but for what is taken openly). Never grows: a request that needs more
 * fails closed.
 */
#ifndef REEVE_BASE_ARENA_H
#define REEVE_BASE_ARENA_H

#include <stddef.h>

#include "agent/base/str.h"

struct arena {
    char *block;
    size_t capacity_bytes;
    size_t used_bytes;
    size_t open_bytes; /* from the block's end */
};

/* Borrows block for the arena's life. */
void arena_init(struct arena *arena, void *block, size_t capacity_bytes);

/* `bytes` bytes aligned for any type, not zeroed; NULL when they do not fit. */
void *arena_take(struct arena *arena, size_t bytes);

/* The same for what holds nothing of a credential: it is not wiped. */
void *arena_take_open(struct arena *arena, size_t bytes);

/* A copy of s; an absent slice when it does not fit. */
struct str arena_copy(struct arena *arena, struct str s);

/* Wipes what was used, and frees all. */
void arena_reset(struct arena *arena);

#endif
