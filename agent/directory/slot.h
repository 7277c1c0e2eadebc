/*
 * A slot: one name the directory knows something about, or is just asking for. One block, which moves
 * when a record comes or goes:
 *
 *   [ struct slot | the record's block, if any | name ]
 *
 * Private to directory/.
 *
 *   PENDING --reply--> FOUND, BAD      in the list of records
 *                 `--> ABSENT, UNKNOWN in the list of absents: names that are cheap to invent can
 *                                      not push records out
 *
 * A slot that is evicted while its fetch is under way becomes PENDING again, and goes with the
 * fetch.
 */
#ifndef REEVE_DIRECTORY_SLOT_H
#define REEVE_DIRECTORY_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/siphash.h"
#include "agent/directory/directory.h"

enum slot_state {
    SLOT_PENDING, /* nothing but a fetch; in no list */
    SLOT_FOUND,
    SLOT_BAD,
    SLOT_ABSENT,
    SLOT_UNKNOWN, /* the store failed, or the answer was out of date: remembers retry_us */
};

struct fetch;

struct slot {
    struct directory_entry entry; /* first: an entry is its slot */
    /* The directory's when it was fetched, cut: a count that does not fit matches none. */
    uint32_t epoch;      /* 0: must be fetched again */
    uint32_t session;    /* 0: in none */
    int64_t fetched_us;  /* when its fetch was sent */
    int64_t retry_us;    /* not fetched again before */
    struct fetch *fetch; /* under way, or answered in this turn; NULL: none */
    struct slot *chain;  /* of the table's bucket */
    uint32_t hash;
    uint8_t state;
    uint8_t kind;
    uint8_t name_length;
    bool is_visited;    /* since the list's hand passed */
    struct slot *newer; /* in its list */
    struct slot *older;
    struct siphash_digest print; /* of the fields it was parsed from */
};

static inline char *slot_name(const struct slot *slot)
{
    size_t record_bytes = slot->entry.record ? slot->entry.record->bytes : 0;

    return (char *)(uintptr_t)(slot + 1) + record_bytes;
}

#endif
