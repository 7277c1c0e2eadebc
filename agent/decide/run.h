/*
 * One run of the steps, private to decide/. A step reads what earlier steps found and either adds
 * to it (STEP_NEXT), ends the decision through run_deny() or run_allow() (STEP_END), or has queued
 * the waiter (STEP_WAIT; STEP_WAIT_SLOW for what takes longer than the store).
 */
#ifndef REEVE_DECIDE_RUN_H
#define REEVE_DECIDE_RUN_H

#include "agent/authn/cert.h"
#include "agent/decide/decide.h"
#include "agent/request/offer.h"

enum step_result { STEP_NEXT, STEP_END, STEP_WAIT, STEP_WAIT_SLOW };

struct run;
typedef enum step_result step_fn(struct run *run);

/* In order; the first that does not say STEP_NEXT ends the run. Ended by a name of NULL. */
struct run_step {
    const char *name;
    step_fn *step;
    step_fn *presumed; /* instead of it where who calls is presumed (decide/explain.h); NULL: no
                        * step. Agents never come here */
};

extern const struct run_step run_steps[];

struct run {
    const struct decide_context *context;
    const struct request *request;
    struct arena *arena;
    struct now now;
    struct waiter *waiter;
    struct decision *out;
    const struct explain_caller *presumed; /* NULL in agents: who calls proves it */
    struct explain_trace *trace;           /* NULL in agents */

    struct offer offer;
    struct shield_attempt attempt;            /* without a kind: none */
    bool is_shielded;                         /* it had not to wait, and nothing was known of it */
    struct str keyid;                         /* of key */
    const struct key_record *key;             /* NULL: no key (anonymous) */
    const struct token *token;                /* NULL: no token */
    const struct cert_record *cert;           /* NULL: no certificate, or one without a record */
    const struct cert_policy *cert_policy;    /* by which a certificate's names count; NULL: none */
    const struct user_record *user;           /* NULL: anonymous, or known by the token alone */
    const struct team_record *team;           /* NULL: none */
    struct directory_entry *credential_entry; /* the record that names the user; NULL: none does */
    struct directory_entry *user_entry;       /* of user */

    uint64_t cost;        /* of the rule that allowed */
    struct limit *limits; /* that apply, in the arena; NULL: none */
    size_t limit_count;
    bool has_too_many_limits;
    bool has_twin_limits; /* one name through several roles */
};

/* More limits than a request can be subject to are a mistake, and deny. */
#define RUN_LIMITS_MAX 16

/* One limit that applies to the request. */
struct limit {
    struct str name;
    struct str role;               /* through which it applies; absent: user or team */
    struct directory_entry *entry; /* the limit's own */
    struct lease *lease;           /* remembered; NULL: to be looked up */
    struct str subject;            /* to look it up by */
    bool is_shadow;                /* measured, never enforced */
    bool is_exact;                 /* quota_is_exact() */
};

/* The token is all there is to know of its user. */
static inline bool run_has_token_user(const struct run *run)
{
    return run->token && run->token->identity.policy->has_users;
}

static inline bool run_is_anonymous(const struct run *run)
{
    return !run->user && !run_has_token_user(run);
}

/* Before the first step, and after the last. */
void run_start(struct run *run);
void run_end(struct run *run);

/* Of a certificate that HAProxy did not verify nothing is known. */
static inline struct str run_verified_cert(const struct request *request)
{
    return request->cert_used && request->cert_verify == 0 ? request->cert_sha256 : STR_ABSENT;
}

/*
 * decide/attempt.c. A step that judges a credential says what is tried; then, before anything that
 * costs, and unless the very credential is remembered as good and can not be guessed, that it may be
 * (STEP_END: throttled). When its secret is proven it says that too; that it is not, the verdict says
 * (BAD_CREDENTIAL), and run_count() after the last step.
 */
void run_attempt(struct run *run, enum credential_kind kind, struct str credential);
enum step_result run_shield(struct run *run);
void run_clear(struct run *run);
void run_count(const struct run *run);

/* decide/identify.c: who is calling. */
step_fn step_key;
step_fn step_token;
/* decide/certificate.c: a certificate as credential, or beside another one. */
step_fn step_also;
step_fn step_certificate;
step_fn step_user;
step_fn step_team;
/* decide/password.c: a user by its name and password. */
step_fn step_password;
/* decide/explain.c: who is calling, without proof. */
step_fn step_presumed;
step_fn step_presumed_key;
step_fn step_presumed_password;
step_fn step_presumed_token;
step_fn step_presumed_also;
step_fn step_presumed_certificate;

/* What is offered, or presumed to be: whether the gate goes on with it. */
enum step_result run_offer(struct run *run);
/* The secret of the entry's key is known, and its state and times are as `reason` says. */
enum step_result run_accept_key(struct run *run, struct directory_entry *entry, unsigned hash_index,
                                enum reason reason);
/* The token is good, by itself. */
enum step_result run_accept_token(struct run *run, const struct token *token);
/* HAProxy verified the certificate; where it has no record it is that of `identity`. */
enum step_result run_accept_cert(struct run *run, struct str fingerprint,
                                 const struct cert_identity *identity);
/* decide/rules.c: whether the caller's roles allow it. */
step_fn step_rules;
/* decide/limits.c: whether the limits have it, and the end: an allow. */
step_fn step_limits;

/* That limit applies. One that applies twice is enforced if it is enforced once, and counted once,
 * unless it counts roles and applies through several. */
void run_add_limit(struct run *run, struct str name, struct str role, bool is_shadow);

/* Ends with a deny. `fault` (may be NULL) is a static or arena text for the audit. */
enum step_result run_deny(struct run *run, enum reason reason, const char *fault);
enum step_result run_allow(struct run *run);
enum step_result run_throttle(struct run *run, enum reason reason, struct str limit,
                              int64_t retry_after_s);

/* Whose work is bounded together: an IPv4 address, or the /64 that an IPv6 client has to choose its
 * addresses from. */
struct str run_source(const struct run *run);

/*
 * A record from the directory. STEP_NEXT: *entry is the record, or NULL where there is none.
 * STEP_WAIT: queued. STEP_END: denied (bad record, store away, too many misses).
 */
enum step_result run_get(struct run *run, enum record_kind kind, struct str name,
                         struct directory_entry **entry);

/* The same for what the record of `from` names, which may be remembered as its `link`. */
enum step_result run_get_linked(struct run *run, struct directory_entry *from,
                                enum directory_link link, enum record_kind kind, struct str name,
                                struct directory_entry **entry);

/* `parts` joined in the arena; absent where it does not fit, which the caller turns into a deny. */
struct str run_join(struct run *run, const struct str *parts, size_t count);

#endif
