#include "agent/ctl/audit/map.h"

#include <stddef.h>
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

/* With many maps each look-up misses the processor's caches: a place is small, and an item stands beside its
 * key. */
struct map_entry {
    size_t length; /* of the key, which stands behind the item */
    char item[];
};

struct map_place {
    uint64_t hash;
    struct map_entry *entry; /* NULL: free */
};

_Static_assert(offsetof(struct map_entry, item) % _Alignof(void *) == 0,
               "an item may have pointers");

static struct str key_of(const struct map *map, const struct map_entry *entry)
{
    return str_make(entry->item + map->item_bytes, entry->length);
}

/* Of the key, or the free one where it would be. */
static struct map_place *place_of(const struct map *map, struct str key, uint64_t hash)
{
    size_t at = hash & (map->capacity - 1);

    while (map->places[at].entry &&
           (map->places[at].hash != hash || !str_equal(key_of(map, map->places[at].entry), key))) {
        at = (at + 1) & (map->capacity - 1);
    }
    return &map->places[at];
}

static void put(const struct map *map, struct map_place place)
{
    size_t at = place.hash & (map->capacity - 1);

    while (map->places[at].entry) {
        at = (at + 1) & (map->capacity - 1);
    }
    map->places[at] = place;
}

static void grow(struct map *map)
{
    struct map_place *old = map->places;
    size_t old_capacity = map->capacity;

    map->capacity = old_capacity > 0 ? 2 * old_capacity : CAPACITY_FIRST;
    map->places = heap_take(map->heap, map->capacity * sizeof(*map->places));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].entry) {
            put(map, old[i]);
        }
    }
}

static struct map_entry *new_entry(const struct map *map, struct str key)
{
    struct map_entry *entry = heap_take(map->heap, sizeof(*entry) + map->item_bytes + key.len + 1);

    entry->length = key.len;
    if (key.len > 0) {
        memcpy(entry->item + map->item_bytes, key.ptr, key.len);
    }
    return entry;
}

void *map_get(struct map *map, struct str key)
{
    if (map->last && str_equal(key_of(map, map->last), key)) {
        return map->last->item;
    }
    if (2 * (map->count + 1) > map->capacity) {
        grow(map);
    }
    uint64_t hash = hash_of(key);
    struct map_place *place = place_of(map, key, hash);
    if (!place->entry) {
        *place = (struct map_place){hash, new_entry(map, key)};
        map->count++;
    }
    map->last = place->entry;
    return place->entry->item;
}

void *map_find(const struct map *map, struct str key)
{
    struct map_entry *entry = map->capacity > 0 ? place_of(map, key, hash_of(key))->entry : NULL;

    return entry ? entry->item : NULL;
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
        struct map_entry *entry = map->places[i].entry;

        if (entry) {
            sorted[count++] = (struct map_slot){key_of(map, entry), entry->item};
        }
    }
    if (count > 0) {
        qsort(sorted, count, sizeof(*sorted), compare);
    }
    return sorted;
}
