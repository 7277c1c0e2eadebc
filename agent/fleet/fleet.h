/*
 * Fleet: an agent's place among the others that share a store. One worker's, one thread.
 *
 * Operators want to know when a change has reached every agent. So agents are present in the store,
 * and answer to fences:
 *
 *   agents        ZSET  agent id -> until when the agent counts (ms)   worker 0, once a second
 *   agent:<id>    HASH  workers version started boot since seen        worker 0, once a second
 *   ~fence:{...}  STRING, written after a change that is to be confirmed
 *   ack:<fence>   HASH  <agent id>/<worker> -> when (us)               each worker, for each fence
 *
 * A worker acknowledges a fence once it has applied every change before it; knowing that is the
 * caller's business. All times are the store's clock. An agent that dies or is cut off counts until
 * its time to live is over, which must be longer than it may go on deciding by what it knows.
 *
 * Bounded: FLEET_ACKS_MAX acknowledgements, the oldest goes first; each is sent again until it is
 * answered, for half a minute.
 */
#ifndef REEVE_FLEET_FLEET_H
#define REEVE_FLEET_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/store/store.h"

#define FLEET_ACKS_MAX     256
#define FLEET_FENCE_ID_MIN 16
#define FLEET_FENCE_ID_MAX 64

struct fleet;

struct fleet_settings {
    struct str prefix;   /* borrowed, like all texts below; at most 64 bytes */
    struct str agent_id; /* a name: at most 64 bytes */
    struct str boot;     /* of the process: tells it from others of its name */
    struct str version;
    unsigned worker; /* the index; 0 speaks for the agent */
    unsigned worker_count;
    int64_t time_to_live_us;
    struct now started; /* the process */
    /* The audit's head, "" where there is none; the text stays until the next call. Asked for once a
     * heartbeat. NULL: the agent has none. */
    const char *(*head_cb)(void *context);
    void *head_context;
};

/* Prepares the scripts; once per process, before the first worker. */
enum err fleet_start(void) MUST_USE;

/* Borrows the store, which must outlive it. NULL when out of memory. */
struct fleet *fleet_new(struct store *store, const struct fleet_settings *settings);
/* What was sent is not waited for. NULL accepted. */
void fleet_free(struct fleet *fleet);

/* Once per turn, before output is flushed, and at least twice a second. Costs two comparisons where
 * nothing is due. */
void fleet_tick(struct fleet *fleet, struct now now);

/* This worker has applied every change before the fence. The next tick says so. One that it has said
 * already, or given up, is not said again. `fence_id` as fleet_read_fence() gives it; copied. */
void fleet_acknowledge(struct fleet *fleet, struct str fence_id, struct now now);

/* The agent decides no more: takes it out of the store, no heartbeat follows. True once the store has
 * answered, or where there is nothing to do (any worker but 0). Call it, then let the store work,
 * until it is true or time is up. */
bool fleet_leave(struct fleet *fleet, struct now now);

/*
 * Whether `key` is a fence's: "<prefix>~fence:{<tag>}:<id>", the tag 1 to 1024 printable characters
 * without blanks and braces, the id 16 to 64 of 0-9 a-f. *id borrows from key, and is untouched where
 * it is none.
 */
bool fleet_read_fence(struct str prefix, struct str key, struct str *id);

struct fleet_counters {
    uint64_t beats;        /* heartbeats that the store answered */
    uint64_t acknowledged; /* fences, likewise */
    uint64_t dropped;      /* fences, for lack of room or time */
};

void fleet_counters(const struct fleet *fleet, struct fleet_counters *out);

#endif
