/*
 * Deciding: the steps of one request in order, each either goes on, ends with a verdict, or waits
 * for a record.
 *
 *   gate -> host -> path -> offer -> key -> user -> team -> roles -> rules -> limits
 *
 * The steps are a pure function of the request, the directory and the instant, with no effect
 * before the end. So a decision that had to wait is simply run again from the start when its record
 * came: nothing of a half-run survives, and a change that arrived meanwhile counts.
 */
#ifndef REEVE_DECIDE_DECIDE_H
#define REEVE_DECIDE_DECIDE_H

#include "agent/authn/apikey.h"
#include "agent/base/arena.h"
#include "agent/base/clock.h"
#include "agent/config/config.h"
#include "agent/decide/verdict.h"
#include "agent/directory/directory.h"
#include "agent/request/request.h"

/* What a worker decides with. Borrowed; replaced between two turns on reload. */
struct decide_context {
    const struct config *config;
    struct directory *directory;
    struct apikey_verifier *apikeys;
};

enum decide_progress {
    DECIDE_DONE, /* the verdict stands */
    DECIDE_WAIT, /* the waiter is queued; run again when it wakes */
};

/* Everything a decision found out, for reply and audit. Borrows from request, arena and directory:
 * use it before control returns to the loop. */
struct decision {
    struct verdict verdict;
    const struct gate *gate;  /* NULL: none */
    struct str host;          /* normalised; raw where refused */
    struct str path;          /* canonical; raw where refused */
    bool path_is_raw;
    bool has_waited;          /* facts came from the store, not the cache */
};

/* The arena is reset by the caller between runs and holds what the decision had to build. */
enum decide_progress decide_run(const struct decide_context *context,
                                const struct request *request, struct arena *arena,
                                struct now now, struct directory_waiter *waiter,
                                struct decision *out);

/* A decision that was not run to its end: overload, deadline, drain. Fills what is known. */
void decide_refuse(const struct request *request, enum reason reason, struct decision *out);

/* Turns an observing gate's verdict into an allow that says in `shadow` what it would have been.
 * After the last step, before reply and audit. decide_run() and decide_refuse() have done it. */

#endif
