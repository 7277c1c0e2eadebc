/*
 * Reasons: why a decision went as it did. A closed list of stable codes; operators write alerts on
 * them, HAProxy's ACLs and dashboards match them, so a code is never renamed or given another
 * meaning. Each has one status that HAProxy should answer with.
 *
 * To add one: a line here. Replies, audit, counters and the manual follow from the table.
 */
#ifndef REEVE_BASE_REASON_H
#define REEVE_BASE_REASON_H

#include "agent/base/str.h"

/*        name             status  what it means */
#define REASON_TABLE(X)                                                                            \
    X(NONE, "none", 503, "nothing was decided; never sent")                                        \
    X(OK, "ok", 200, "a rule allows the request")                                                  \
    X(NO_CREDENTIAL, "no_credential", 401, "the gate needs a credential and none was offered")     \
    X(BAD_CREDENTIAL, "bad_credential", 401, "malformed, unknown, or the secret is wrong")         \
    X(EXPIRED, "expired", 401, "the credential is past its time, or not yet valid")                \
    X(REVOKED, "revoked", 401, "the credential is disabled or revoked")                            \
    X(USER_DISABLED, "user_disabled", 403, "the user or its team is disabled, expired or missing") \
    X(NO_RULE, "no_rule", 403, "no rule of the user's roles allows the request")                   \
    X(RULE_DENIED, "rule_denied", 403, "a deny rule matched")                                      \
    X(SOURCE_ADDRESS, "source_address", 403, "the source is outside allow_from")                   \
    X(NO_GATE, "no_gate", 503, "no gate is configured for the frontend")                           \
    X(AMBIGUOUS_PATH, "ambiguous_path", 400, "two parsers could read the path differently")        \
    X(BAD_REQUEST, "bad_request", 400, "duplicate, missing or malformed request data")             \
    X(BAD_RECORD, "bad_record", 503, "a record in the store does not parse")                       \
    X(RATE, "rate", 429, "a rate limit is exhausted")                                              \
    X(QUOTA, "quota", 429, "a quota is exhausted")                                                 \
    X(TOO_MANY_FAILURES, "too_many_failures", 429,                                                 \
      "the credential or the source failed too often")                                             \
    X(COST, "cost", 403, "the rule's cost is above what the limit can ever give")                  \
    X(STORE_DOWN, "store_down", 503, "the store does not answer and nothing local may decide")     \
    X(ISSUER_DOWN, "issuer_down", 503, "the keys of the token's issuer can not be had")            \
    X(OVERLOAD, "overload", 503, "above the agent's bounds")                                       \
    X(DEADLINE, "deadline", 503, "no decision before the deadline")                                \
    X(AUDIT_BLOCKED, "audit_blocked", 503, "the audit can not take the record")

enum reason {
#define X(name, code, status, text) REASON_##name,
    REASON_TABLE(X)
#undef X
        REASON_COUNT
};

/* The stable code, "no_credential". */
struct str reason_code(enum reason reason);
/* The status HAProxy should answer with. */
int reason_status(enum reason reason);
/* One English clause for people. */
const char *reason_text(enum reason reason);

#endif
