/*
 * A lease: units of one limit for one subject, paid for in the store and not spent yet, with all
 * that is remembered of the counter there. Pure state: no store, no clock of its own.
 *
 *            spend, refund                       take: sent, answered, failed
 *                 |                                        |
 *     units [ older | newer ]  <--- granted --- call in flight (one at a time, kept until answered)
 *           each with its end
 *
 * Units of a quota end with the window, those of a rate after the lease's life, exact ones after
 * LEASE_EXACT_HOLD_US, in which a request may have to wait for its other limits; they count at the
 * grant.
 */
#ifndef REEVE_QUOTA_LEASE_H
#define REEVE_QUOTA_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/waiter.h"
#include "agent/quota/terms.h"

#define LEASE_EXACT_HOLD_US INT64_C(150000)

/* After a call failed, no other is made for so long. */
#define LEASE_RETRY_US INT64_C(50000)

/* What is taken ahead of demand, at most: quota / AHEAD_SHARE and AHEAD_MAX. */
#define LEASE_AHEAD_SHARE 64
#define LEASE_AHEAD_MAX   100

struct lease_batch {
    uint64_t units;
    int64_t ends_us;
    int64_t granted_us; /* exact: on the store's clock; else 0 */
};

enum lease_call_kind { LEASE_CALL_NONE, LEASE_CALL_TAKE, LEASE_CALL_ADJUST };

/* What the store is asked; kept as it is until it is answered, so that a retry is the same. */
struct lease_call {
    enum lease_call_kind kind;
    bool is_in_flight;
    bool is_outdated; /* the terms changed since: what it brings goes back */
    int64_t sent_us;  /* the first time */
    uint64_t sequence;
    uint64_t last;
    struct window window;  /* quota */
    uint64_t units, burst; /* of the terms at the time */
    int64_t period_us;     /* rate */
    uint64_t seen_used;    /* the lease's, at the time */
    int64_t seen_us;
    uint64_t want, least, waiting; /* take */
    uint64_t back, owed;           /* adjust */
};

enum lease_answer_state {
    LEASE_ANSWER_OK,
    LEASE_ANSWER_WINDOW, /* the window is not the store's now */
    LEASE_ANSWER_STALE,  /* a later call was answered already */
    LEASE_ANSWER_BAD,    /* the counter does not parse */
};

/* The store's answer to a call. */
struct lease_answer {
    enum lease_answer_state state;
    uint64_t sequence;
    uint64_t granted;
    uint64_t used; /* of the window, or the debt */
    uint64_t holders;
    int64_t now_us; /* the store's clock */
    int64_t life_us;
    int64_t wait_us;
};

struct lease {
    struct terms terms;
    struct window window; /* quota: whose units these are */

    struct lease_batch older, newer;
    uint64_t left;      /* in the store, when it last answered */
    uint64_t to_return; /* units that must not be spent any more */

    uint64_t last;      /* sequence of the last call that was answered in this window */
    int64_t last_us;    /* when */
    uint64_t seen_used; /* what that answer told */
    int64_t seen_us;    /* the store's clock then */
    struct lease_call call;

    int64_t exhausted_until_us; /* not asked for again until then, for costs of at least: */
    uint64_t exhausted_cost;
    int64_t more_us;        /* rate: when the refused units are there, as the store said */
    unsigned refused_count; /* grants of nothing in a row */
    int64_t down_until_us;
    int64_t bad_until_us;
    unsigned window_misses; /* answers that the window is not the store's, in a row */

    uint64_t demand; /* units a second */
    uint64_t spent;  /* since: */
    int64_t demand_since_us;
    uint64_t spent_total; /* grows with every spend */

    uint64_t owed;         /* admitted by the outage policy, to be settled */
    uint64_t outage_spent; /* of this window's budget */
    int64_t outage_us;     /* rate: when the budget's bucket was last looked at; 0: full */
    uint64_t outage_level; /* rate: its millionths of units */

    struct waiter_queue waiters;
};

void lease_init(struct lease *lease, const struct terms *terms);

/* Units that can be spent. */
static inline uint64_t lease_units(const struct lease *lease)
{
    return lease->older.units + lease->newer.units;
}

/* Drops what has ended by now; gives how many units that were. */
uint64_t lease_expire(struct lease *lease, struct now now);

/* Exact units of two grants are not spent as one: each counts when it was granted. */
bool lease_has(const struct lease *lease, uint64_t units);

/* What it has. Gives the grant's time of exact units, else 0. */
int64_t lease_spend(struct lease *lease, uint64_t units);
/* In the turn of the spending, with what that gave. */
void lease_refund(struct lease *lease, uint64_t units, int64_t granted_us);

bool lease_is_exhausted(const struct lease *lease, uint64_t cost, struct now now);

/* Brings the measured demand up to date: what was spent since the last look. */
void lease_measure(struct lease *lease, struct now now);

/* So few units are left that more should be asked for before they are gone. */
bool lease_is_low(const struct lease *lease, struct now now);

/* More units than a second's demand: how many may go back. */
uint64_t lease_surplus(const struct lease *lease);

/* So many of its units, at most lease_units(), are to go back to the store. */
void lease_set_aside(struct lease *lease, uint64_t units);

/* Fills call for `waiting` units in all and `least` for the first, beyond what a quota has in hand;
 * the call is then in flight. A
 * sequence is above all that this holder ever used, for whatever lease. A quota has entered its
 * window before. */
void lease_begin_take(struct lease *lease, uint64_t sequence, uint64_t waiting, uint64_t least,
                      struct now now);
/* Fills call to give back lease->to_return and to settle lease->owed. */
void lease_begin_adjust(struct lease *lease, uint64_t sequence, struct now now);

/* The call was answered; an answer to another sequence is the caller's to refuse. Gives the units
 * that came too late. */
uint64_t lease_take_answer(struct lease *lease, const struct lease_answer *answer, struct now now);
/* The call was not answered, and may have run: it is kept and sent again. */
void lease_take_failure(struct lease *lease, struct now now);

/* The window passed: what belonged to it is gone. Gives the units that died. */
uint64_t lease_enter(struct lease *lease, const struct window *window);

/* The record says something else now. What is held goes back. */
void lease_change_terms(struct lease *lease, const struct terms *terms);

/* Nothing that would be lost: what has ended by now is lost already. */
bool lease_is_disposable(const struct lease *lease, struct now now);

#endif
