/* Advice: what an operator could do where a decision is not what was meant. One table, by reason. */
#ifndef REEVE_CTL_EXPLAIN_ADVICE_H
#define REEVE_CTL_EXPLAIN_ADVICE_H

#include "agent/ctl/explain/story.h"

/* Absent: nothing is to be said. */
struct str advice_for(struct story *story);

#endif
