/* A map from texts to items of one size, which start zeroed. In memory of a heap; nothing is
 * removed. Hashed under a key of its own, since some texts are a client's choice. */
#ifndef REEVE_CTL_AUDIT_MAP_H
#define REEVE_CTL_AUDIT_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/ctl/heap.h"

/* An item and its key, as they are listed. */
struct map_slot {
    struct str key;
    void *item;
};

struct map {
    struct heap *heap;
    struct map_place *places; /* open addressing, at most half full */
    struct map_entry *last;   /* that was asked for: the same is often asked for again */
    size_t item_bytes;
    size_t capacity, count;
};

void map_init(struct map *map, struct heap *heap, size_t item_bytes);

/* The item of `key`, made where there is none. The key is copied. */
void *map_get(struct map *map, struct str key);
/* NULL: there is none. */
void *map_find(const struct map *map, struct str key);

/* All of them, by key; borrowed until the next map_get(). Gives `count` slots of the heap's memory. */
struct map_slot *map_sorted(const struct map *map);

#endif
