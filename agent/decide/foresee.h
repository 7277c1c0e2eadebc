/* What decisions are going to look up, asked of the memory in advance: see directory/foresight.h. */
#ifndef REEVE_DECIDE_FORESEE_H
#define REEVE_DECIDE_FORESEE_H

#include "agent/decide/decide.h"

/* So many at once: what they need fits the first cache. */
#define FORESEE_MAX 24

/* At most FORESEE_MAX requests, which are about to be decided. A hint: nothing depends on it. */
void foresee(const struct decide_context *context, const struct request *const *requests,
             size_t count);

#endif
