/* A decision as an audit record. */
#ifndef REEVE_DECIDE_RECORD_H
#define REEVE_DECIDE_RECORD_H

#include "agent/audit/record.h"
#include "agent/base/clock.h"
#include "agent/decide/decide.h"

/* Everything in *out borrows from request, decision and arena. */
void decide_record(const struct request *request, const struct decision *decision,
                   struct now arrival, struct now now, struct audit_record *out);

#endif
