/* One issuer's published keys, private to jwks/: its schedule, its last good set, and what the log says
 * of it, which is each change once, and no more than a line a second. */
#ifndef REEVE_JWKS_ISSUER_H
#define REEVE_JWKS_ISSUER_H

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/jose/policy.h"
#include "agent/jwks/http.h"
#include "agent/jwks/schedule.h"

enum issuer_state {
    ISSUER_NEW,     /* not fetched yet */
    ISSUER_GOOD,    /* the last fetch was */
    ISSUER_FAILING, /* the last fetch failed; a set is there */
    ISSUER_AWAY,    /* no set, or too old */
};

struct issuer {
    const struct jwt_policy *policy; /* borrowed */
    struct schedule schedule;
    struct jose_keys *keys;         /* NULL: none */
    struct http_transfer *transfer; /* NULL: none under way */
    enum issuer_state state;
    struct diag told; /* what the log said last */
    struct log_limit log;
};

void issuer_init(struct issuer *issuer, const struct jwt_policy *policy, struct now now);
void issuer_fini(struct issuer *issuer);

/* Goes on with what an issuer of the same name, URL and CA had; false: it is another one. */
bool issuer_inherit(struct issuer *issuer, struct issuer *from, struct now now);

/* NULL when out of memory. */
struct http_transfer *issuer_begin(struct http *http, const struct jwt_published *published,
                                   void *context);
/* The set that came. ERR_IO, or as jose_keys_add_published(), with a diag. */
enum err issuer_read(const struct http_answer *answer, struct jose_keys **out,
                     struct diag *diag) MUST_USE;

/* How the fetch ended. Takes the keys; NULL: it failed, and `why`. */
void issuer_settle(struct issuer *issuer, struct jose_keys *keys, const struct diag *why,
                   struct now now);

/* Drops a set that is too old. */
void issuer_expire(struct issuer *issuer, struct now now);

#endif
