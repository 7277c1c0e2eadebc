#include "agent/shield/table.h"

#include <stdlib.h>

#define WAYS 8

enum err shield_table_init(struct shield_table *table, size_t max)
{
    size_t sets = 1;

    while (sets * WAYS < max) {
        sets *= 2;
    }
    *table = (struct shield_table){.set_mask = sets - 1};
    table->entries = calloc(sets * WAYS, sizeof(*table->entries));
    return table->entries ? ERR_OK : ERR_MEMORY;
}

void shield_table_fini(struct shield_table *table)
{
    free(table->entries);
    *table = (struct shield_table){0};
}

/* The lowest bit is always set: a hash is never 0. */
static struct shield_entry *set_of(const struct shield_table *table, uint64_t hash)
{
    return table->entries + ((hash >> 1) & table->set_mask) * WAYS;
}

struct shield_entry *shield_table_find(const struct shield_table *table, uint64_t hash)
{
    struct shield_entry *set = set_of(table, hash);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
    }
    return NULL;
}

/* A free place has an empty count, so it is the first to go. */
static bool is_less_dangerous(const struct shield_entry *a, const struct shield_entry *b,
                              int64_t now_us)
{
    bool a_waits = shield_count_waits(&a->count, now_us);
    bool b_waits = shield_count_waits(&b->count, now_us);

    return a_waits != b_waits ? b_waits : a->count.clear_us < b->count.clear_us;
}

struct shield_entry *shield_table_take(struct shield_table *table, uint64_t hash, int64_t now_us)
{
    struct shield_entry *set = set_of(table, hash), *least = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == hash) {
            return &set[i];
        }
        least = is_less_dangerous(&set[i], least, now_us) ? &set[i] : least;
    }
    if (shield_count_waits(&least->count, now_us)) {
        table->refused++;
        return NULL;
    }
    *least = (struct shield_entry){.hash = hash};
    return least;
}

void shield_table_note(struct shield_table *table, const struct shield_entry *entry)
{
    if (entry->count.until_us > table->waits_until_us) {
        table->waits_until_us = entry->count.until_us;
    }
}

size_t shield_table_places(const struct shield_table *table)
{
    return (table->set_mask + 1) * WAYS;
}
