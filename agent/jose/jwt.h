/*
 * JSON Web Tokens (RFC 7519, 8725, 9068): a good signature (jws.h), then claims, by the policy of
 * the issuer whose key it was. The first check that fails refuses:
 *
 *   claims: one JSON object     typ
 *   iss, aud                    sub, jti, required claims
 *   exp, nbf, iat, lifetime     user, roles, team
 *                               cnf: bound to the caller's certificate (RFC 8705 3.1)
 *
 * A verifier belongs to one thread. Beside the JSON of header and claims, which is bounded, nothing
 * is allocated for a token.
 */
#ifndef REEVE_JOSE_JWT_H
#define REEVE_JOSE_JWT_H

#include "agent/jose/fault.h"
#include "agent/jose/jws.h"
#include "agent/jose/policy.h"

#define JWT_LEEWAY_S_MAX      60
#define JWT_SUBJECT_BYTES_MAX 255
#define JWT_ID_BYTES_MAX      256
#define JWT_ROLES_MAX         32
#define JWT_CERT_BYTES        32
#define JWT_TIME_MAX          INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Whom a token speaks of. The texts are the verifier's, until its next call. */
struct jwt_identity {
    const struct jwt_policy *policy;
    const struct jose_key *key; /* that signed it */
    struct str user;
    struct str team;    /* empty: none said */
    struct str roles;   /* "a,b", each once; empty: none said, or none of ours */
    bool narrows_roles; /* the policy has a roles claim: what it does not name is not granted */
    struct str id;      /* jti; absent: none */
    struct str claims;  /* JSON as it was signed */
    int64_t expires_s;
    int64_t not_before_s; /* the later of nbf and iat; 0: neither */
    int64_t issued_at_s;  /* 0: not said */
    bool is_bound;
    uint8_t cert_sha256[JWT_CERT_BYTES]; /* where it is bound */
};

struct jwt_verifier;

/* Borrows the policies. fetched: beside each policy the keys that its issuer published, borrowed; NULL,
 * as a whole or for one: its own keys. Gives a new verifier; NULL when out of memory. */
struct jwt_verifier *jwt_verifier_new(const struct jwt_policy *policies,
                                      struct jose_keys *const *fetched, size_t count,
                                      size_t max_bytes);
/* NULL accepted. */
void jwt_verifier_free(struct jwt_verifier *verifier);

/* cert_sha256: of the client certificate that HAProxy verified; absent: none. JOSE_NONE, or the
 * fault, which leaves *out untouched. */
enum jose_fault jwt_verify(struct jwt_verifier *verifier, struct str token, int64_t now_s,
                           struct str cert_sha256, struct jwt_identity *out);

/* Of the issuers that publish their keys the one whose token it says it is, where nothing of it is
 * verified: good for choosing whose keys to fetch, and for nothing else. NULL: none. */
const struct jwt_policy *jwt_claimed_publisher(struct jwt_verifier *verifier, struct str token);

/* What may change between two sights of a token that was good: the time, and who holds it.
 * JOSE_NONE, EXPIRED, NOT_YET or OTHER_HOLDER. */
enum jose_fault jwt_still_holds(const struct jwt_identity *identity, int64_t now_s,
                                struct str cert_sha256);

#endif
