/*
 * The directory's hash table: name to slot. Chained, growing by doubling, and a few buckets per
 * added slot, so that no single call pays for a million. Never shrinks. The slots are the caller's.
 */
#ifndef REEVE_DIRECTORY_TABLE_H
#define REEVE_DIRECTORY_TABLE_H

#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/directory/slot.h"

struct table {
    struct slot **buckets;
    size_t mask;
    struct slot **old; /* buckets not moved yet; NULL: none */
    size_t old_mask;
    size_t moved; /* of old */
    size_t count;
};

enum err table_init(struct table *table) MUST_USE;
void table_fini(struct table *table);

/* `hash` is a keyed one: names come from clients. NULL: not there. */
struct slot *table_find(const struct table *table, uint32_t hash, enum record_kind kind,
                        struct str name);

/* Where the chain of this hash begins, unless it was not moved yet. */
static inline struct slot *const *table_bucket(const struct table *table, uint32_t hash)
{
    return &table->buckets[hash & table->mask];
}

/* Links the slot by its hash; never fails: without memory the chains grow longer. */
void table_add(struct table *table, struct slot *slot);
/* The slot must be there. */
void table_remove(struct table *table, struct slot *slot);

/* Puts a copy of the slot, at another address, in its place. */
void table_replace(struct table *table, const struct slot *slot, struct slot *copy);

/* Calls `visit` for every slot; it may free it, but not use the table. */
void table_each(struct table *table, void (*visit)(void *context, struct slot *slot),
                void *context);

/* What the buckets take. */
size_t table_bytes(const struct table *table);

#endif
