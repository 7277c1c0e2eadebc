/*
 * Quota: limits, kept exactly by leases that are paid for in advance. One worker's, one thread.
 *
 *   check --> enough here?            ENOUGH      no allocation, no waiting
 *        `--> the store may have more: one call per lease, however many ask; PENDING
 *        `--> the store said no until T: EXHAUSTED, without asking
 *        `--> store away: spend what is leased, then the limit's outage policy
 *   spend --> every claim of the request at once, after all were ENOUGH
 *
 * Why nothing is ever over-admitted: a unit is debited in the store before it can be spent here, the
 * store's clock decides windows, and a lease dies here before it could die there (its life is
 * counted on the monotonic clock from before the request was sent). What is lost, crashed or
 * late under-admits.
 *
 *   quota   a window of the calendar. Lease: demand of a second, less as the pool empties, down to
 *           one; idle units go back after a second, all of them on shutdown.
 *   rate    a token bucket. Lease: at most L = min(100 ms, burst / 10 rate) long, granted from
 *           burst - rate x L, so that over any interval T admitted <= rate x T + burst. Unspent
 *           units die: giving them back could exceed the burst.
 *   exact   a rate with L < 10 ms. No lease ahead: requests wait, many in one call, and count at
 *           the grant, from the whole burst.
 *
 * Every call carries holder ("agent.worker"), sequence and window, and the same sequence gets the
 * same answer, so a lost reply is asked for again and never credits or debits twice. Each call says
 * the highest use this holder has seen, so a store that lost data heals from the agents' memory.
 *
 * Bounded: `max_leases` of them; the idle ones go first, then QUOTA_BUSY. Limits count in the unit
 * of a request's cost.
 */
#ifndef REEVE_QUOTA_QUOTA_H
#define REEVE_QUOTA_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/base/waiter.h"
#include "agent/directory/record.h"
#include "agent/quota/zone.h"
#include "agent/store/store.h"

struct quota;
struct lease;

#define QUOTA_HOLDER_BYTES_MAX  128
#define QUOTA_SUBJECT_BYTES_MAX 320 /* scope, ':', 64 bytes escaped or an address; room to spare */

struct quota_settings {
    struct str prefix;         /* borrowed, like all below */
    struct str holder;         /* "<agent>.<worker>.<boot>": unique among all of the store, ever */
    const struct zones *zones; /* NULL: only UTC */
    size_t max_leases;
    unsigned worker_count; /* that share an agent's outage budget */
    unsigned replicas;     /* that must confirm a grant; 0: none */
    bool rehearses;        /* the store tells what it would grant, and debits nothing: for who
                            * explains decisions, never for who makes them */
};

enum quota_answer {
    QUOTA_ENOUGH,
    QUOTA_EXHAUSTED, /* wait_us says for how long */
    QUOTA_PENDING,   /* the waiter is queued and will be woken once, by a tick */
    QUOTA_COST,      /* the cost is above what the limit can ever give */
    QUOTA_DOWN,      /* the store is away, and the outage policy does not help */
    QUOTA_BAD,       /* the counter in the store does not parse, or the limit's zone is unknown */
    QUOTA_BUSY,      /* too many leases, or out of memory */
};

/* What one request takes from one limit. The first part is the caller's, the rest is set by
 * quota_check() and brought up to date by quota_spend(). */
struct quota_claim {
    struct str name;                  /* the limit's */
    const struct limit_record *limit; /* of the directory, this turn's */
    struct str subject;               /* "user:alice": the scope and what is counted, escaped */
    uint64_t cost;                    /* at least 1 */

    /* Also the caller's: NULL, or what an earlier check of the same name, subject and record set,
     * under the same quota_generation(); then the subject need not be there. */
    struct lease *lease; /* valid while the generation is the same */

    enum quota_answer answer;
    uint64_t left;   /* units that are surely still the subject's: never more than there are */
    int64_t wait_us; /* until more units can be had, at the earliest */
    struct str
        policy; /* the limit's RateLimit-Policy item; begins with the quoted name; or empty */
    int64_t granted_us; /* exact limits: when, on the store's clock, the units were granted; or 0 */
    bool is_outage;     /* admitted by the outage policy; settled when the store is back */
};

/* Prepares the scripts; once per process, before the first worker. */
enum err quota_start(void) MUST_USE;

/* Borrows the store, which must outlive it. NULL when out of memory or without randomness. */
struct quota *quota_new(struct store *store, const struct quota_settings *settings);
/* Unlinks waiters without waking; what is leased is lost (under-admits). NULL accepted. */
void quota_free(struct quota *quota);

/* A rate whose units can not be leased ahead: claims of it are best checked after all others. */
bool quota_is_exact(const struct limit_record *limit);

/* Counts the leases that were dropped. */
uint64_t quota_generation(const struct quota *quota);

/* For who holds a lease of an earlier check: it is not dropped in this turn. */
void quota_keep(struct lease *lease, struct now now);

/* Whether the claim can be met now. PENDING queues `waiter`, which is in one queue at a time. Costs
 * one hash and one look-up where the answer is local. */
enum quota_answer quota_check(struct quota *quota, struct quota_claim *claim, struct now now,
                              struct waiter *waiter);

/* All of them, which must have been checked in this turn with ENOUGH, none twice. */
void quota_spend(struct quota *quota, struct quota_claim *claims, size_t count, struct now now);

/* Undoes quota_spend() in the same turn. */
void quota_refund(struct quota *quota, struct quota_claim *claims, size_t count);

/* Once per turn, after all I/O and before output is flushed, and at least twice a second: wakes who
 * waited for the replies of this turn, asks the store for what is wanted, gives idle leases back. */
void quota_tick(struct quota *quota, struct now now);

/* Gives every lease back; nothing is leased any more afterwards. True once the store has answered
 * all of it. Call it, then tick, until it is true or time is up. */
bool quota_return_all(struct quota *quota, struct now now);

struct quota_counters {
    uint64_t takes;        /* calls for units */
    uint64_t gives;        /* calls that gave units back */
    uint64_t settles;      /* calls that settled what an outage policy admitted */
    uint64_t granted;      /* units */
    uint64_t returned;     /* units */
    uint64_t died;         /* units that were leased and not spent in time */
    uint64_t spent;        /* units */
    uint64_t outage_spent; /* units admitted by an outage policy */
    uint64_t exhausted;    /* answers */
    uint64_t failures;     /* calls that the store did not take or answer */
    uint64_t bad_counters; /* replies that a counter does not parse */
    size_t lease_count;
    size_t calls_in_flight;
};

void quota_counters(const struct quota *quota, struct quota_counters *out);

/* What is known of a claim's counter, after a check whose answer is none of PENDING, DOWN, BAD and
 * BUSY. */
struct quota_standing {
    uint64_t most; /* units of a window; a rate's burst */
    uint64_t left; /* of these in the store; what is rehearsed has left it as it was */
    int64_t end_s; /* of the window; 0: a rate */
    bool is_known; /* the store has told */
};

void quota_look(const struct quota *quota, const struct quota_claim *claim,
                struct quota_standing *out);

#endif
