/*
 * Faults: why a token was refused. For the audit and for people who run `reevectl`; the caller is
 * told none of them. The order is that of the checks.
 */
#ifndef REEVE_JOSE_FAULT_H
#define REEVE_JOSE_FAULT_H

#include "agent/base/reason.h"

/*        name            what it means */
#define JOSE_FAULT_TABLE(X)                                                                        \
    X(NONE, "no fault")                                                                            \
    X(SIZE, "token: empty or too long")                                                            \
    X(FORM, "token: not three parts of base64url")                                                 \
    X(HEADER, "token: the header is not one JSON object, or has a member twice")                   \
    X(HEADER_MEMBER, "token: a header member that is never taken (crit, b64, jwk, jku, x5u ...)")  \
    X(ALGORITHM, "token: alg is missing, unknown or not allowed")                                  \
    X(KEY_ID, "token: kid is not a text of 1 to 256 bytes")                                        \
    X(NO_KEY, "token: no key for this kid and alg")                                                \
    X(KEYS_AWAY, "token: its issuer's keys were not fetched yet, or are too old")                  \
    X(SIGNATURE_LENGTH, "token: the signature has not the length that alg and key give it")        \
    X(SIGNATURE, "token: the signature is wrong")                                                  \
    X(CLAIMS, "token: the claims are not one JSON object, or one stands there twice")              \
    X(ISSUER, "token: iss is not the issuer whose key signed")                                     \
    X(AUDIENCE, "token: aud does not name us")                                                     \
    X(TIME, "token: exp is missing, or a time is not a number of seconds")                         \
    X(EXPIRED, "token: expired")                                                                   \
    X(NOT_YET, "token: not valid yet, or issued in the future")                                    \
    X(LIFETIME, "token: lives longer than max_lifetime, or iat is missing")                        \
    X(TYPE, "token: typ is not allowed")                                                           \
    X(SUBJECT, "token: sub is not a text that can name somebody")                                  \
    X(TOKEN_ID, "token: jti is not a text of 1 to 256 bytes")                                      \
    X(REQUIRED, "token: a required claim is missing")                                              \
    X(USER, "token: the user's claim is missing or not a text that can name somebody")             \
    X(ROLES, "token: the roles' claim is missing, or not names")                                   \
    X(TEAM, "token: the team's claim is missing or no name")                                       \
    X(BINDING, "token: bound (cnf) by other means than a certificate's SHA-256")                   \
    X(OTHER_HOLDER, "token: bound to another certificate than the caller's")                       \
    X(MEMORY, "token: out of memory")

enum jose_fault {
#define X(name, text) JOSE_##name,
    JOSE_FAULT_TABLE(X)
#undef X
        JOSE_FAULT_COUNT
};

/* One English clause, static. */
const char *jose_fault_text(enum jose_fault fault);
/* REASON_OK, EXPIRED, OVERLOAD, ISSUER_DOWN or BAD_CREDENTIAL. */
enum reason jose_fault_reason(enum jose_fault fault);
/* Other keys than those at hand might end it. */
bool jose_fault_is_of_keys(enum jose_fault fault);

#endif
