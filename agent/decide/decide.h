/*
 * Deciding: the steps of one request in order, each either goes on, ends with a verdict, or waits
 * for a record.
 *
 *   gate -> request -> host -> path -> offer -> also -> key -> password -> token -> certificate
 *   -> user -> team -> rules -> limits
 *
 * The steps are a pure function of the request, the directory, the leases and the instant, with no
 * effect before the end but notes that may be made twice (a use, a success): limits are checked one
 * after the other and spent together in the last step, and a credential that failed is counted when
 * all is over. So a decision that had to wait is simply run again from the start when its record or
 * its units came: nothing of a half-run survives, and a change that arrived meanwhile counts.
 */
#ifndef REEVE_DECIDE_DECIDE_H
#define REEVE_DECIDE_DECIDE_H

#include "agent/authn/apikey.h"
#include "agent/authn/passwords.h"
#include "agent/authn/tokens.h"
#include "agent/base/arena.h"
#include "agent/base/clock.h"
#include "agent/config/config.h"
#include "agent/decide/verdict.h"
#include "agent/directory/directory.h"
#include "agent/quota/quota.h"
#include "agent/request/request.h"
#include "agent/seen/seen.h"
#include "agent/shield/shield.h"

/* Arena that is enough for every decision: the longest path and Basic value, and all texts. */
#define DECIDE_ARENA_BYTES (32u * 1024)

/* What a worker decides with. Borrowed; replaced between two turns on reload. */
struct decide_context {
    const struct config *config;
    struct directory *directory;
    struct apikey_verifier *apikeys;
    struct passwords *passwords; /* NULL: none are verified, all are denied */
    struct tokens *tokens;
    struct quota *quota;
    struct shield *shield; /* NULL: none */
    struct memo *memo;     /* NULL: none */
    struct seen *seen;     /* NULL: uses of credentials are not noted */
};

enum decide_progress {
    DECIDE_DONE,      /* the verdict stands */
    DECIDE_WAIT,      /* the waiter is queued; run again when it wakes */
    DECIDE_WAIT_SLOW, /* the same, for what takes longer than the store: until deadline_slow */
};

/* Everything a decision found out, for reply and audit. Borrows from request, arena and directory:
 * use it before control returns to the loop. */
struct decision {
    struct verdict verdict;
    enum verdict_kind judged; /* what was decided, before an observing gate made it an allow */
    const struct gate *gate;  /* NULL: none */
    struct str host;          /* normalised; raw where it was refused */
    struct str path;          /* canonical; raw where it was refused */
    bool path_is_raw;
    struct str credential;     /* for the audit: "key:<id>#2" where the key's second hash
                                  matched, "jwt:<issuer>:<revocation>" of a token with a jti,
                                  "cert:<fingerprint>" in full */
    struct str limits;         /* for the audit, see decide/limits.c */
    struct quota_claim *spent; /* what an allow took */
    size_t spent_count;
};

/*
 * Runs the steps. The caller resets the arena before each run; it holds what the decision had to
 * build. On DECIDE_WAIT nothing in *out means anything. Never fails open: what can not be built or
 * found ends in a deny. No allocation, no system call.
 */
enum decide_progress decide_run(const struct decide_context *context, const struct request *request,
                                struct arena *arena, struct now now, struct waiter *waiter,
                                struct decision *out);

/* Ends a request that was not run to its end: overload, deadline, audit blocked. The gate's mode
 * counts here too. */
void decide_refuse(const struct decide_context *context, const struct request *request,
                   enum reason reason, struct arena *arena, struct decision *out);

/* Gives back what an allow took: it is not to be answered after all. In the turn of the decision,
 * before it is refused. */
void decide_undo(const struct decide_context *context, struct decision *decision);

#endif
