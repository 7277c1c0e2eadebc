#include "agent/directory/table.h"

#include <stdlib.h>

#include "agent/base/ensure.h"

#define BUCKETS_MIN   64u
#define MOVES_PER_ADD 4

enum err table_init(struct table *table)
{
    *table = (struct table){.mask = BUCKETS_MIN - 1};
    table->buckets = calloc(BUCKETS_MIN, sizeof(struct slot *));
    return table->buckets ? ERR_OK : ERR_MEMORY;
}

void table_fini(struct table *table)
{
    free(table->buckets);
    free(table->old);
    *table = (struct table){0};
}

static struct slot *find_in(struct slot *slot, uint32_t hash, enum record_kind kind,
                            struct str name)
{
    for (; slot; slot = slot->chain) {
        if (slot->hash == hash && slot->kind == kind && slot->name_length == name.len &&
            memcmp(slot_name(slot), name.ptr, name.len) == 0) {
            return slot;
        }
    }
    return NULL;
}

struct slot *table_find(const struct table *table, uint32_t hash, enum record_kind kind,
                        struct str name)
{
    struct slot *slot = find_in(table->buckets[hash & table->mask], hash, kind, name);

    if (!slot && table->old) {
        slot = find_in(table->old[hash & table->old_mask], hash, kind, name);
    }
    return slot;
}

static void push(struct table *table, struct slot *slot)
{
    struct slot **bucket = &table->buckets[slot->hash & table->mask];

    slot->chain = *bucket;
    *bucket = slot;
}

static void move_bucket(struct table *table)
{
    struct slot *slot = table->old[table->moved];

    table->old[table->moved++] = NULL;
    while (slot) {
        struct slot *next = slot->chain;
        push(table, slot);
        slot = next;
    }
    if (table->moved > table->old_mask) {
        free(table->old);
        table->old = NULL;
    }
}

static void grow(struct table *table)
{
    size_t count = 2 * (table->mask + 1);
    struct slot **buckets = calloc(count, sizeof(struct slot *));

    if (!buckets) {
        return;
    }
    table->old = table->buckets;
    table->old_mask = table->mask;
    table->moved = 0;
    table->buckets = buckets;
    table->mask = count - 1;
}

void table_add(struct table *table, struct slot *slot)
{
    if (!table->old && table->count > table->mask) {
        grow(table);
    }
    for (int i = 0; i < MOVES_PER_ADD && table->old; i++) {
        move_bucket(table);
    }
    push(table, slot);
    table->count++;
}

/* What leads to the slot. */
static struct slot **link_in(struct slot **link, const struct slot *slot)
{
    while (*link && *link != slot) {
        link = &(*link)->chain;
    }
    return *link ? link : NULL;
}

static struct slot **link_to(struct table *table, const struct slot *slot)
{
    struct slot **link = link_in(&table->buckets[slot->hash & table->mask], slot);

    if (!link && table->old) {
        link = link_in(&table->old[slot->hash & table->old_mask], slot);
    }
    ensure(link != NULL);
    return link;
}

void table_remove(struct table *table, struct slot *slot)
{
    *link_to(table, slot) = slot->chain;
    table->count--;
}

void table_replace(struct table *table, const struct slot *slot, struct slot *copy)
{
    *link_to(table, slot) = copy;
}

static void each_in(struct slot **buckets, size_t mask,
                    void (*visit)(void *context, struct slot *slot), void *context)
{
    for (size_t i = 0; i <= mask; i++) {
        struct slot *next;
        for (struct slot *slot = buckets[i]; slot; slot = next) {
            next = slot->chain;
            visit(context, slot);
        }
    }
}

void table_each(struct table *table, void (*visit)(void *context, struct slot *slot), void *context)
{
    each_in(table->buckets, table->mask, visit, context);
    if (table->old) {
        each_in(table->old, table->old_mask, visit, context);
    }
}

size_t table_bytes(const struct table *table)
{
    size_t count = table->mask + 1 + (table->old ? table->old_mask + 1 : 0);

    return count * sizeof(struct slot *);
}
