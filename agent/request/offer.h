/*
 * Which credential a request offers, as far as the gate listens: kinds not listed are ignored, two
 * listed ones at once are refused, so are doubled headers of a listed kind.
 *
 *   X-API-Key: <text>                      apikey
 *   Authorization: Bearer rv_...           apikey
 *   Authorization: Basic <user:rv_...>     apikey (the user part is ignored)
 *   Authorization: Basic ...               basic
 *   Authorization: Bearer ...              jwt
 *   a client certificate, used             cert
 *
 * Scheme names are compared without case; one or more blanks follow them (RFC 9110 11.4), no tabs.
 * Other schemes are ignored. A credential that is there but malformed, even empty, is still an
 * offer: it is denied later and never taken for an anonymous request. X-API-Key stands for whatever
 * HAProxy feeds into the argument `apikey`.
 */
#ifndef REEVE_REQUEST_OFFER_H
#define REEVE_REQUEST_OFFER_H

#include "agent/base/arena.h"
#include "agent/base/reason.h"
#include "agent/config/gate.h"
#include "agent/request/request.h"

/* Longest "user:password" taken; bounds what a password hash is asked to digest, too. */
#define OFFER_BASIC_BYTES_MAX 1024

struct offer {
    enum credential_kind kind;
    struct str text; /* API key text, token, Basic's "user:password", or the certificate's SHA-256,
                        absent where HAProxy did not send it; secret */
};

/*
 * REASON_OK (kind NONE: nothing offered), BAD_REQUEST (two at once; a doubled header; a header
 * whose count and value disagree), BAD_CREDENTIAL (a Basic value that is not base64, has no colon
 * or is too long), or OVERLOAD (the arena is full). Unless OK, *out is untouched and *fault says
 * what was found, a static text.
 *
 * What must be decoded goes to the arena; the rest borrows from the request.
 */
enum reason offer_find(const struct request *request, const struct gate *gate, struct arena *arena,
                       struct offer *out, const char **fault);

#endif
