#include "agent/ctl/audit/map.h"

#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/siphash.h"

#define CAPACITY_FIRST 8

static struct siphash_key hash_key;

static uint64_t hash_of(struct str key)
{
    return siphash_64(&hash_key, key.ptr, key.len);
}

void map_init(struct map *map, struct heap *heap, size_t item_bytes)
{
    if (hash_key.k0 == 0 && crypto_random(&hash_key, sizeof(hash_key)) != ERR_OK) {
        heap_fail();
    }
    *map = (struct map){.heap = heap, .item_bytes = item_bytes};
}

/* The key's slot, or the free one where it would be. */
static struct map_slot *slot_of(const struct map *map, struct str key, uint64_t hash)
{
    size_t at = hash & (map->capacity - 1);

    while (map->slots[at].item &&
           (map->slots[at].hash != hash || !str_equal(map->slots[at].key, key))) {
        at = (at + 1) & (map->capacity - 1);
    }
    return &map->slots[at];
}

static void grow(struct map *map)
{
    struct map_slot *old = map->slots;
    size_t old_capacity = map->capacity;

    map->capacity = old_capacity > 0 ? 2 * old_capacity : CAPACITY_FIRST;
    map->slots = heap_take(map->heap, map->capacity * sizeof(*map->slots));
    map->last = NULL;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].item) {
            *slot_of(map, old[i].key, old[i].hash) = old[i];
        }
    }
}

/* The key's text stands behind the item: both are looked at together. */
static void add(struct map *map, struct map_slot *slot, struct str key, uint64_t hash)
{
    char *item = heap_take(map->heap, map->item_bytes + key.len + 1);

    if (key.len > 0) {
        memcpy(item + map->item_bytes, key.ptr, key.len);
    }
    *slot = (struct map_slot){str_make(item + map->item_bytes, key.len), item, hash};
    map->count++;
}

void *map_get(struct map *map, struct str key)
{
    if (map->last && str_equal(map->last->key, key)) {
        return map->last->item;
    }
    if (2 * (map->count + 1) > map->capacity) {
        grow(map);
    }
    uint64_t hash = hash_of(key);
    struct map_slot *slot = slot_of(map, key, hash);
    if (!slot->item) {
        add(map, slot, key, hash);
    }
    map->last = slot;
    return slot->item;
}

void *map_find(const struct map *map, struct str key)
{
    return map->capacity > 0 ? slot_of(map, key, hash_of(key))->item : NULL;
}

static int compare(const void *left, const void *right)
{
    struct str a = ((const struct map_slot *)left)->key, b = ((const struct map_slot *)right)->key;
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct map_slot *map_sorted(const struct map *map)
{
    struct map_slot *sorted = heap_take(map->heap, (map->count + 1) * sizeof(*sorted));
    size_t count = 0;

    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].item) {
            sorted[count++] = map->slots[i];
        }
    }
    if (count > 0) {
        qsort(sorted, count, sizeof(*sorted), compare);
    }
    return sorted;
}
