/*
 * The counts of many subjects in a fixed room: sets of eight places. A subject that finds its set full
 * takes the place of the least dangerous in it: one that does not have to wait, and of those the one
 * that is forgotten first. None that has to wait gives way, so nobody gets rid of his own wait by
 * inventing others; where all eight have to wait the new one is not counted.
 */
#ifndef REEVE_SHIELD_TABLE_H
#define REEVE_SHIELD_TABLE_H

#include <stddef.h>

#include "agent/base/err.h"
#include "agent/shield/count.h"

#define SHIELD_NAME_BYTES 12

struct shield_entry {
    uint64_t hash; /* of the subject, keyed, and odd; 0: the place is free */
    struct shield_count count;
    int64_t touched_us;                    /* when it failed last, or the store was asked */
    uint32_t untold;                       /* failures that the store was not told of */
    uint32_t changes;                      /* of its record that it has seen */
    bool is_due;                           /* stands in the queue for the store */
    bool is_asked;                         /* the store has not answered yet */
    bool is_forgiven;                      /* the store is to forget it */
    bool has_name;                         /* its key in the store is known */
    uint8_t credential[SHIELD_NAME_BYTES]; /* the key's parts; zeroed: any credential */
    uint8_t source[SHIELD_NAME_BYTES];
};

struct shield_table {
    struct shield_entry *entries;
    size_t set_mask;
    int64_t waits_until_us; /* beyond that no entry has to wait */
    uint64_t refused;       /* subjects that found no place */
};

/* Room for `max` subjects at least. */
enum err shield_table_init(struct shield_table *table, size_t max) MUST_USE;
void shield_table_fini(struct shield_table *table);

/* NULL: not counted. One look at eight places. */
struct shield_entry *shield_table_find(const struct shield_table *table, uint64_t hash);

/* Finds it, or gives it a place. NULL: there is none. */
struct shield_entry *shield_table_take(struct shield_table *table, uint64_t hash, int64_t now_us);

/* Its count was changed. */
void shield_table_note(struct shield_table *table, const struct shield_entry *entry);

size_t shield_table_places(const struct shield_table *table);

#endif
