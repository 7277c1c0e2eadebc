/*
 * The directory: a worker's local copy of users, keys, teams and roles. One thread.
 *
 *   get ---> fresh?  FOUND / ABSENT / BAD          no allocation, no waiting
 *       `--> stale or unknown: one fetch per record, however many ask; PENDING
 *       `--> store away and nothing fresh: DOWN
 *
 * A record is served up to max_age after its fetch was *sent*; past half of that, a use starts a
 * refresh in the background, so busy records never make anybody wait. Absent records live in a
 * small cache of their own (keys that look valid are cheap to invent), and the misses in flight are
 * bounded per source address. Memory is bounded; the coldest records go first.
 *
 * What a get returned is valid until control returns to the loop: decide with it, keep nothing.
 */
#ifndef REEVE_DIRECTORY_DIRECTORY_H
#define REEVE_DIRECTORY_DIRECTORY_H

#include "agent/base/clock.h"
#include "agent/base/siphash.h"
#include "agent/directory/record.h"
#include "agent/store/store.h"

enum directory_answer {
    DIRECTORY_FOUND,
    DIRECTORY_ABSENT,
    DIRECTORY_BAD,     /* the record does not parse, or is not a hash */
    DIRECTORY_PENDING, /* the waiter is queued and will be woken once */
    DIRECTORY_DOWN,    /* the store is away */
    DIRECTORY_BUSY,    /* too many misses in flight, from this source or in all */
};

/* Somebody who waits for a record; lives in the asker's memory. wake_cb runs on the loop, never
 * inside directory_get(); the waiter is unlinked before. What happened is found by asking again. */
struct directory_waiter {
    struct directory_waiter *next;
    struct directory_waiter **previous_next; /* NULL: not queued */
    void (*wake_cb)(struct directory_waiter *waiter, struct now now);
};

/* An entry of the cache, as far as deciding may see it. */
struct directory_entry {
    const struct record *record; /* parsed; never NULL in a FOUND answer */
    /* SipHash-128 of credential texts that were verified against this very record; a slot for each
     * of a key's two hashes. Cleared whenever the record changes. Written by authn. */
    struct siphash_digest verified[2];
    bool has_verified[2];
    bool is_refreshed; /* answered by a refresh or fetch of this turn, for the audit's `source` */
};

struct directory_settings {
    struct str prefix; /* borrowed for the directory's life */
    int64_t max_age_us;
    size_t max_records;
    size_t max_absent;
    size_t max_source_misses;
    size_t max_misses; /* in flight, in all */
};

struct directory_counters {
    uint64_t hits, misses, refreshes, absents, bad_records, evictions, store_failures, refused;
    size_t record_count, absent_count, misses_in_flight;
    size_t bytes;
};

struct directory;

/* Borrows the store, which must outlive it. Gives a new directory, NULL when out of memory. */
struct directory *directory_new(struct store *store, const struct directory_settings *settings);
void directory_free(struct directory *directory);

/*
 * The record `name` of `kind`. `source` bounds misses: the client's address as bytes. FOUND sets
 * *entry. PENDING queues `waiter`, which may wait for one record at a time.
 */
enum directory_answer directory_get(struct directory *directory, enum record_kind kind,
                                    struct str name, struct str source, struct now now,
                                    struct directory_waiter *waiter,
                                    struct directory_entry **entry);

/* Takes the waiter out of its queue; nothing happens where it is in none. */
void directory_cancel(struct directory_waiter *waiter);

/* The record changed, or may have: it is fetched before it is served again. */
void directory_invalidate(struct directory *directory, enum record_kind kind, struct str name);
void directory_invalidate_all(struct directory *directory);

void directory_counters(const struct directory *directory, struct directory_counters *out);

#endif
