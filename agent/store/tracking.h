/*
 * Tells what changes in the store. A connection of its own, beside the one for data:
 *
 *   WAITING --> CONNECTING --> GREETING --> SUBSCRIBED        any failure: WAITING, and anew
 *
 *   AUTH, CLIENT SETNAME, ROLE (where Sentinels said that it is the primary), CLIENT ID
 *   CLIENT TRACKING ON REDIRECT <its own id> BCAST PREFIX ...
 *   SUBSCRIBE __redis__:invalidate
 *
 * One connection that redirects to itself, since of the usual two the one that tells goes silent
 * when the other dies. Two proofs make its word good:
 *
 *   the same server   It is made after the data connection and ends with it. A canary key is
 *                     written there and must be told here; if it is not, this connection leads
 *                     elsewhere, and is closed. (That it is told would not do alone: replicas tell
 *                     too.)
 *   still there       A ping every fifth of silence_us. Its pong comes behind everything that
 *                     changed before the ping was sent, so it proves that all of that was told.
 *                     No pong for silence_us: the connection is dead.
 *
 * A canary would come through a replica too, and a pong of one says nothing of the primary. So where
 * Sentinels know the primary, its word counts from one that says it is the primary only, and it is
 * left when they name another.
 *
 * Events come on the loop; none ends or frees the tracking.
 */
#ifndef REEVE_STORE_TRACKING_H
#define REEVE_STORE_TRACKING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/config/config.h"
#include "agent/store/store.h"

struct ev_loop;
struct tracking;

struct tracking_events {
    /* Both proofs hold, or hold again: what was changed before as_of_us has been told, and what is
     * read from now on is told of. A session is one connection without a gap, counted from 1. */
    void (*proven)(void *context, uint64_t session, int64_t as_of_us);
    /* They hold no more. */
    void (*unproven)(void *context);
    /* In the order of the changes. The key is borrowed for the call. */
    void (*changed)(void *context, struct str key);
    void (*flushed)(void *context); /* any key may have changed */
};

#define TRACKING_PREFIXES_MAX 16

/* All pointers are borrowed for the tracking's life. */
struct tracking_settings {
    const struct config_store *address;
    const char *client_name;
    struct str prefix;          /* of every key */
    const struct str *suffixes; /* behind it: what is told of, none a beginning of another */
    size_t suffix_count;        /* at most TRACKING_PREFIXES_MAX - 1 */
    struct str holder;          /* a name; its canaries are "~canary:<holder>:<number>" */
    int64_t connect_timeout_us; /* of all that comes before SUBSCRIBED, and of the canary */
    int64_t silence_us;
};

/* Once, before any thread uses it. ERR_CRYPTO. */
enum err tracking_start(void) MUST_USE;

/* `data` must outlive it. NULL when out of memory. */
struct tracking *tracking_new(struct ev_loop *loop, struct store *data,
                              const struct tracking_settings *settings,
                              const struct tracking_events *events, void *context);
/* No event comes of it. NULL accepted. */
void tracking_free(struct tracking *tracking);

/* Looks whether the data connection is still the one that it stands beside. Once per turn. */
void tracking_tick(struct tracking *tracking);

#endif
