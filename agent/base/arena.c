#include "agent/base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "agent/base/crypto.h"

void arena_init(struct arena *arena, void *block, size_t capacity_bytes)
{
    *arena = (struct arena){.block = block, .capacity_bytes = capacity_bytes};
}

static size_t padding(const struct arena *arena)
{
    uintptr_t next = (uintptr_t)arena->block + arena->used_bytes;

    return (size_t)(-next & (alignof(max_align_t) - 1));
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t left = arena->capacity_bytes - arena->used_bytes - arena->open_bytes;
    size_t gap = padding(arena);

    if (gap > left || bytes > left - gap) {
        return NULL;
    }
    char *taken = arena->block + arena->used_bytes + gap;
    arena->used_bytes += gap + bytes;
    return taken;
}

/* Downwards from the end, to where the alignment fits. */
void *arena_take_open(struct arena *arena, size_t bytes)
{
    size_t left = arena->capacity_bytes - arena->used_bytes - arena->open_bytes;
    uintptr_t end = (uintptr_t)arena->block + arena->capacity_bytes - arena->open_bytes;
    size_t gap = (size_t)((end - bytes) & (alignof(max_align_t) - 1));

    if (bytes > left || gap > left - bytes) {
        return NULL;
    }
    arena->open_bytes += bytes + gap;
    return arena->block + arena->capacity_bytes - arena->open_bytes;
}

struct str arena_copy(struct arena *arena, struct str s)
{
    char *copy = arena_take(arena, s.len);

    if (!copy) {
        return STR_ABSENT;
    }
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return str_make(copy, s.len);
}

void arena_reset(struct arena *arena)
{
    crypto_wipe(arena->block, arena->used_bytes);
    arena->used_bytes = 0;
    arena->open_bytes = 0;
}
