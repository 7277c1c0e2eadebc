/*
 * A worker's limits from inside, for quota.c, which answers requests, and quota_turn.c, which speaks
 * with the store between them. Private to quota/.
 */
#ifndef REEVE_QUOTA_QUOTA_INSIDE_H
#define REEVE_QUOTA_QUOTA_INSIDE_H

#include "agent/base/log.h"
#include "agent/quota/leases.h"
#include "agent/quota/quota.h"

struct quota {
    struct store *store;
    struct quota_settings settings;
    struct leases leases;
    int64_t offset_us;   /* the store's clock less our monotonic one */
    bool has_offset;     /* the store has told it */
    uint64_t sequence;   /* of the last call, of any lease */
    struct place *dirty; /* newest first */
    struct place *later; /* dirty too, but nobody waits: looked at while the store is up */
    bool is_awaited;     /* somebody began to wait since the last tick */
    struct place *held_first, *held_last;
    struct lease *waking; /* who waited for it is being woken */
    bool is_closing;
    struct log_limit log;
    struct quota_counters counters;
};

/* A call in flight, and then its answer until the tick takes it. */
struct call_context {
    struct quota *quota; /* NULL: gone */
    struct place *place;
    uint64_t sequence;
    bool is_answered;
    bool has_answer; /* else it failed */
    bool is_unsynced;
    struct lease_answer answer;
};

/* The next tick looks at it. */
void quota_mark_dirty(struct quota *quota, struct place *place);

/* Brings a quota's lease into the window of now. */
void quota_enter_window(struct quota *quota, struct place *place, struct now now);

#endif
