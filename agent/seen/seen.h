/*
 * Seen: when credentials were last used, in the store, so that an operator can see which are not in
 * use any more, and whether the old secret of a rotated key still is.
 *
 *   seen:key:<keyid>     HASH  hash, hash2              by which of its hashes the key was verified
 *   seen:user:{<user>}   HASH  password, token, cert    of users who were known by these; whoever has
 *                                                       a key or a certificate is seen through that
 *   seen:cert:<sha256>   HASH  cert
 *
 * The value is UNIX seconds on the store's clock; beside each field stands <field>_by, the agent. The
 * key goes by itself after `ttl_us` without a use. Nobody is told of these keys.
 *
 * Coarse: each use (a name and a field) is written at most once in `interval_us` by all workers of a
 * process. The caller keeps a *mark* where it keeps what it verified: 0 at first, then the second of
 * the last note. So a busy credential costs one comparison. What is due goes through the board, which
 * all workers share, and waits in a queue of this worker; the tick sends it. No allocation, no lock, no
 * system call before that.
 *
 * Only ever a report: bounded, sent once, dropped (and counted) where the store does not take it. A
 * verdict never waits for it.
 *
 * A worker's, one thread; the board is for any thread.
 */
#ifndef REEVE_SEEN_SEEN_H
#define REEVE_SEEN_SEEN_H

#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/directory/record.h"
#include "agent/store/store.h"

/* Notes that wait for the store; the oldest goes first where there are more. */
#define SEEN_QUEUE_MAX 1024
/* Calls on their way. */
#define SEEN_CALLS_MAX 16

enum seen_use { SEEN_HASH, SEEN_HASH2, SEEN_PASSWORD, SEEN_TOKEN, SEEN_CERT, SEEN_USE_COUNT };

struct seen;

/* What was noted lately, by whichever worker. Fixed in size; uses that share a slot are noted more
 * often than need be. */
struct seen_board;

struct seen_settings {
    struct str prefix;   /* borrowed, like all texts below; at most 64 bytes */
    struct str agent_id; /* a name: at most 64 bytes */
    int64_t interval_us; /* above 0; rounded up to seconds */
    int64_t ttl_us;
    struct seen_board *board; /* borrowed */
};

/* Prepares the script; once per process, before the first worker. */
enum err seen_start(void) MUST_USE;

/* NULL when out of memory or without randomness. */
struct seen_board *seen_board_new(void);
/* NULL accepted. */
void seen_board_free(struct seen_board *board);

/* Borrows the store, which must outlive it. NULL when out of memory. */
struct seen *seen_new(struct store *store, const struct seen_settings *settings);
/* What was sent is not waited for; what waits is dropped. NULL accepted. */
void seen_free(struct seen *seen);

/*
 * A credential that is good was used: the record `name` of `kind`, by `use`. `mark` is that credential's
 * and use's own, in memory of the worker. NULL `seen`: nothing is noted.
 */
void seen_note(struct seen *seen, enum record_kind kind, struct str name, enum seen_use use,
               uint32_t *mark, struct now now);

/* Once per turn, before output is flushed. One comparison where nothing waits. */
void seen_tick(struct seen *seen, struct now now);

struct seen_counters {
    uint64_t noted;
    uint64_t written; /* answered by the store */
    uint64_t dropped; /* for lack of room or of a store, or of a name that fits */
};

void seen_counters(const struct seen *seen, struct seen_counters *out);

#endif
