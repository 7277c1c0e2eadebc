/*
 * The directory: a worker's local copy of users, keys, teams and roles. One thread.
 *
 *   get ---> fresh?  FOUND / ABSENT / BAD          no allocation, no waiting
 *       `--> stale or unknown: one fetch per record, however many ask; PENDING
 *       `--> store away and nothing fresh: DOWN
 *
 * A record is known to be current as of the time its fetch was *sent*; and, where that was while the
 * store told of every change, as of the last proof that it still does (directory_follow()). It is
 * served up to max_age after that; past half of it, a use starts a refresh in the background, so
 * busy records never make anybody wait. While the store can not be asked it is served up to
 * max_stale. One that is known to have changed is not served at all.
 *
 * Absent records live in a small cache of their own (keys that look valid are cheap to invent), and
 * the misses in flight are bounded per source address. Memory is bounded; the coldest records go
 * first.
 *
 * Records change and go only while the store's replies are taken, never while somebody decides:
 * what a get returned is valid until control returns to the loop. Decide with it, keep nothing.
 *
 * Once per turn of the loop, after all I/O and before output is flushed, directory_tick() wakes who
 * waited for the replies of this turn.
 *
 * Fails closed: without memory, room or a readable record the answer is never FOUND.
 */
#ifndef REEVE_DIRECTORY_DIRECTORY_H
#define REEVE_DIRECTORY_DIRECTORY_H

#include "agent/base/clock.h"
#include "agent/base/siphash.h"
#include "agent/base/waiter.h"
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

/* Names beyond this are answered with BAD without asking the store. */
#define DIRECTORY_NAME_BYTES_MAX 255

/* After a fetch failed, its record is answered with DOWN this long before the store is asked again.
 */
#define DIRECTORY_RETRY_US 50000

/* What an entry may remember of the entries that its record names. */
enum directory_link {
    DIRECTORY_LINK_USER = 0, /* of a key or certificate */
    DIRECTORY_LINK_TEAM = 0, /* of a user */
    DIRECTORY_LINK_ROLE = 1, /* of a user: the first of its roles */
    DIRECTORY_LINK_COUNT = 2,
};

/* An entry of the cache, as far as deciding may see it. */
struct directory_entry {
    struct record *record; /* parsed; never NULL in a FOUND answer; authn notes what it verified */
    /* Written by decide/memo, which says when they hold. Cleared whenever the record changes. */
    uint64_t links_generation;
    struct directory_entry *links[DIRECTORY_LINK_COUNT]; /* NULL: not known */
};

struct directory_settings {
    struct str prefix; /* borrowed for the directory's life */
    int64_t max_age_us;
    int64_t max_stale_us;
    size_t max_records;
    size_t max_absent;
    size_t max_source_misses; /* in flight, for names that are not known to exist */
    size_t max_misses;        /* in flight, in all; refreshes start below half of it only */
};

struct directory_counters {
    uint64_t hits;           /* answered from memory, whatever the answer */
    uint64_t misses;         /* fetches that somebody waits for */
    uint64_t refreshes;      /* fetches in the background */
    uint64_t absents;        /* replies that there is no such record */
    uint64_t bad_records;    /* replies that do not parse */
    uint64_t evictions;      /* records that had to go to make room */
    uint64_t store_failures; /* fetches that the store did not take or answer */
    uint64_t refused;        /* BUSY answers */
    uint64_t stales;         /* answers older than max_age, since the store could not be asked */
    size_t record_count;     /* bad ones included */
    size_t absent_count;
    size_t misses_in_flight; /* refreshes included */
    size_t bytes;            /* what the allocator gave for entries, records and their table */
};

struct directory;

/* Borrows the store, which must outlive it. Gives a new directory; NULL when out of memory or
 * without randomness. */
struct directory *directory_new(struct store *store, const struct directory_settings *settings);
/* Waiters are unlinked and not woken. Replies that are still to come find nobody. NULL accepted. */
void directory_free(struct directory *directory);

/*
 * The record `name` of `kind`. `source` bounds misses: bytes of the client's address. FOUND sets
 * *entry. PENDING queues `waiter`, which may wait for one record at a time. An answer from memory
 * costs one hash and one look-up.
 */
enum directory_answer directory_get(struct directory *directory, enum record_kind kind,
                                    struct str name, struct str source, struct now now,
                                    struct waiter *waiter, struct directory_entry **entry);

/* The entry where a get would give it with no work due; then it counts as such a get. NULL: there
 * may be one all the same. */
struct directory_entry *directory_find(struct directory *directory, enum record_kind kind,
                                       struct str name, struct now now);

/* Counts the records that were replaced or freed: while it stays the same, so do the pointers that
 * were given, between turns too. Begins at random, so that the count of one directory is not that
 * of another. */
uint64_t directory_generation(const struct directory *directory);

/* Whether a get of an entry that was given under this generation would give it again, with no work
 * due; then it counts as such a get. */
bool directory_is_current(struct directory *directory, struct directory_entry *entry,
                          struct now now);

/* Wakes those whose records arrived, or failed to. Once per turn of the loop. */
void directory_tick(struct directory *directory, struct now now);

/*
 * The store tells of every change to what is fetched from now on, and all that it told of before
 * `as_of_us` has been passed on. Counts sessions, from 1: one session is one connection that told
 * without a gap. What was fetched in another one is fetched again before it is served, since
 * nobody told of its changes in between.
 */
void directory_follow(struct directory *directory, uint64_t session, int64_t as_of_us);
/* Nothing more is told, or nobody knows. What there is ages. */
void directory_unfollow(struct directory *directory);
/* While followed: from now on nothing is served, not even where the store can not be asked, but what
 * was fetched in this session or will be. Before anybody is told that all changes are applied. */
void directory_seal(struct directory *directory, struct now now);

/* The record changed, or may have: it is fetched before it is served again, and what was verified
 * against it is forgotten. A fetch under way may have read the old one: its result is not served.
 */
void directory_invalidate(struct directory *directory, enum record_kind kind, struct str name);
void directory_invalidate_all(struct directory *directory);

void directory_counters(const struct directory *directory, struct directory_counters *out);

#endif
