/*
 * What a caller is told of its limits, from its claims, of which those that were checked count:
 *
 *   ratelimit         "burst";r=49;t=1, "daily";r=100;t=1       draft-ietf-httpapi-ratelimit-headers
 *   ratelimit_policy  "burst";q=200;w=2, "daily";q=100000;w=86400
 *   limits            burst:1:49,daily:1:100                    for the audit
 *
 * r are the units that are surely the caller's: what is leased here and not spent. There may be
 * more in the store, so t says after how many seconds more may be had, not when the window ends,
 * unless the store has none left. Limits that are only measured are not told to the caller; in the
 * audit they are marked '~', those admitted by an outage policy '!', and exact ones have
 * @<microsecond of the grant on the store's clock>.
 */
#ifndef REEVE_DECIDE_RATELIMIT_H
#define REEVE_DECIDE_RATELIMIT_H

#include "agent/decide/run.h"

/* Sets the verdict's and the decision's texts; what does not fit is left out whole. The claims may
 * stand in another order than the limits. */
void ratelimit_tell(struct run *run, const struct quota_claim *claims);

#endif
