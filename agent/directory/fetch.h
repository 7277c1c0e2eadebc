/*
 * A fetch: one question to the store about one slot, and everybody who waits for its answer.
 *
 * It is answered in the store's callback, which updates the slot, and ends with the turn's tick,
 * which wakes the waiters. A directory that is freed meanwhile leaves its fetches to their
 * callbacks.
 */
#ifndef REEVE_DIRECTORY_FETCH_H
#define REEVE_DIRECTORY_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/directory/directory.h"

struct slot;
struct source;

struct fetch {
    struct directory *directory; /* NULL: gone */
    struct slot *slot;
    struct source *source; /* whose misses it counts to; NULL: a refresh, or answered */
    uint64_t epoch;        /* the directory's when it was sent; 0: invalidated since */
    uint64_t session;      /* the directory's then; 0: in none */
    int64_t sent_us;
    bool is_done;
    bool has_failed;
    struct fetch *next_done;
    struct waiter_queue waiters;
};

/*
 * Asks the store about a slot that has no fetch. `source` may be NULL; on success it goes with the
 * fetch. ERR_IO: the store is down; ERR_FULL, ERR_MEMORY; ERR_RANGE: the key is too long.
 */
enum err fetch_start(struct directory *directory, struct slot *slot, struct source *source,
                     struct now now) MUST_USE;

/* Ends the fetches of this turn: every waiter is woken once, in the order of their coming. */
void fetch_end_all(struct directory *directory, struct now now);

/* The directory goes: unlinks the waiters; frees the fetch, now or when its reply comes. */
void fetch_abandon(struct fetch *fetch);

#endif
