/*
 * The verdict: what is decided about one request, before it becomes reply variables and an audit
 * record. A zeroed verdict is a deny.
 */
#ifndef REEVE_DECIDE_VERDICT_H
#define REEVE_DECIDE_VERDICT_H

#include "agent/base/reason.h"
#include "agent/base/str.h"

enum verdict_kind { VERDICT_DENY = 0, VERDICT_THROTTLE, VERDICT_ALLOW };

struct verdict {
    enum verdict_kind kind;
    enum reason reason; /* REASON_NONE only while nothing is decided */
    struct str rule;    /* "role/rule-id" */
    struct str user;
    struct str team;
    struct str roles;      /* "a,b" */
    struct str credential; /* "key:<id>", "jwt:<issuer>", "cert:<begin of the fingerprint>" */
    struct str path;       /* canonical; absent where it was refused */
    struct str challenge;  /* WWW-Authenticate, on 401 */
    struct str limit;      /* that was exhausted or too small */
    struct str ratelimit;
    struct str ratelimit_policy;
    int64_t retry_after; /* seconds; 0: none */
    int priority;        /* -1: none */
    struct str shadow;
    const char *fault; /* static or arena text for the audit; NULL: none */
};

struct str verdict_text(enum verdict_kind kind);

/* What HAProxy should answer: the reason's status; 200 for allows. */
int verdict_status(const struct verdict *verdict);

#endif
