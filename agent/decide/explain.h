/*
 * Explaining a decision: the steps of decide_run(), told while they are done. For reevectl; an agent
 * explains nothing, and nothing in serve/ sees this.
 *
 * Two things differ from what an agent does. Who calls may be presumed: then no secret is asked for,
 * and what is known of the credential or user counts as in the agent from there on. And the caller
 * hands in a quota that only rehearses (quota_settings), so that explaining takes no unit.
 *
 * A run that had to wait is run again from the start, and tells everything again: begin() comes
 * first.
 */
#ifndef REEVE_DECIDE_EXPLAIN_H
#define REEVE_DECIDE_EXPLAIN_H

#include "agent/access/role.h"
#include "agent/authn/cert.h"
#include "agent/decide/decide.h"

enum explain_kind {
    EXPLAIN_ANONYMOUS, /* nothing is offered */
    EXPLAIN_KEY,       /* an API key, by its id */
    EXPLAIN_USER,      /* a user, whatever proved it */
    EXPLAIN_TOKEN,     /* a JSON Web Token that is good by itself */
    EXPLAIN_PASSWORD,  /* a user, by its password */
    EXPLAIN_CERT,      /* a client certificate that HAProxy verified, by its fingerprint */
};

struct explain_caller {
    enum explain_kind kind;
    struct str name;           /* the key's id, the user, the fingerprint */
    const struct token *token; /* of EXPLAIN_TOKEN */
    struct cert_identity
        identity;  /* of EXPLAIN_CERT, for one without a record; its policy may be NULL */
    bool has_also; /* what the gate asks for beside it was there */
};

/* All that is handed in is borrowed for the call. */
struct explain_trace {
    void (*begin)(struct explain_trace *trace);
    /* The step was done, and ended the decision or not. */
    void (*step)(struct explain_trace *trace, const char *name, bool is_end);
    /* A role that was looked at. NULL: it has no record. `may_allow`: the credential's subset has
     * it. */
    void (*role)(struct explain_trace *trace, struct str role, const struct role_record *record,
                 bool may_allow, const struct role_query *query);
    /* An issuer or certificates, by which the caller is known. `origin`: where it stands. */
    void (*section)(struct explain_trace *trace, const char *kind, struct str name,
                    struct str origin);
    /* A limit that applies. It was not asked where the claim has no lease. */
    void (*limit)(struct explain_trace *trace, const struct quota_claim *claim, bool is_shadow);
};

/* As decide_run(). `caller` may be NULL: then the request must prove who calls. */
enum decide_progress explain_run(const struct decide_context *context,
                                 const struct request *request, const struct explain_caller *caller,
                                 struct explain_trace *trace, struct arena *arena, struct now now,
                                 struct waiter *waiter, struct decision *out);

#endif
