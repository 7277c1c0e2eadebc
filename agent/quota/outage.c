#include "agent/quota/outage.h"

#define MICRO UINT64_C(1000000)

/* The budget of a rate is a bucket of its own, of that share of rate and burst. */
static uint64_t outage_level(struct lease *lease, unsigned worker_count, struct now now)
{
    const struct terms *terms = &lease->terms;
    unsigned __int128 share = terms->budget_percent, parts = 100u * worker_count;
    uint64_t most = (uint64_t)(terms->burst * MICRO * share / parts);

    unsigned __int128 elapsed = (uint64_t)(now.mono_us - lease->outage_us);
    unsigned __int128 more =
        elapsed * terms->units * MICRO * share / parts / (uint64_t)terms->period_us;

    if (lease->outage_us == 0 || lease->outage_level + more >= most) {
        lease->outage_level = most;
    } else if (more == 0) {
        return lease->outage_level; /* what is less than a millionth adds up */
    } else {
        lease->outage_level += (uint64_t)more;
    }
    lease->outage_us = now.mono_us;
    return lease->outage_level;
}

bool outage_admits(struct lease *lease, uint64_t cost, unsigned worker_count, struct now now)
{
    const struct terms *terms = &lease->terms;

    switch (terms->outage) {
    case LIMIT_OUTAGE_ALLOW:
        return true;
    case LIMIT_OUTAGE_BUDGET:
        if (terms->kind == LIMIT_RATE) {
            return outage_level(lease, worker_count, now) >= cost * MICRO;
        }
        return terms->units * terms->budget_percent / 100 / worker_count >=
               lease->outage_spent + cost;
    case LIMIT_OUTAGE_DENY:
        break;
    }
    return false;
}

bool outage_spend(struct lease *lease, uint64_t cost, unsigned worker_count, struct now now)
{
    if (!outage_admits(lease, cost, worker_count, now)) {
        return false;
    }
    if (lease->terms.outage == LIMIT_OUTAGE_BUDGET && lease->terms.kind == LIMIT_RATE) {
        lease->outage_level -= cost * MICRO;
    }
    lease->outage_spent += cost;
    lease->owed += cost;
    return true;
}

void outage_refund(struct lease *lease, uint64_t cost)
{
    if (lease->terms.outage == LIMIT_OUTAGE_BUDGET && lease->terms.kind == LIMIT_RATE) {
        lease->outage_level += cost * MICRO;
    }
    lease->outage_spent -= cost;
    lease->owed -= cost;
}
