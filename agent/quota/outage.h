/*
 * Outage policies: what a limit admits while the store is away and its lease is spent. "budget" is
 * that share of a quota per agent and window or, of a rate, a bucket of that share of rate and
 * burst; the workers of an agent have equal parts. What is admitted is owed: it is added to the
 * counter when the store is back. Pure.
 */
#ifndef REEVE_QUOTA_OUTAGE_H
#define REEVE_QUOTA_OUTAGE_H

#include "agent/quota/lease.h"

bool outage_admits(struct lease *lease, uint64_t cost, unsigned worker_count, struct now now);

/* False where it does not admit it. */
bool outage_spend(struct lease *lease, uint64_t cost, unsigned worker_count, struct now now);
/* In the turn of the spending. */
void outage_refund(struct lease *lease, uint64_t cost);

#endif
