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
 */
#ifndef REEVE_REQUEST_OFFER_H
#define REEVE_REQUEST_OFFER_H

#include "agent/base/arena.h"
#include "agent/base/reason.h"
#include "agent/config/gate.h"
#include "agent/request/request.h"

struct offer {
    enum credential_kind kind;
    struct str text; /* API key text, token, or Basic's "user:password"; secret */
};

/* REASON_OK (kind NONE: nothing offered), BAD_REQUEST (two at once, doubled header), or
 * BAD_CREDENTIAL (a Basic value that is not base64). What must be decoded goes to the arena. */
enum reason offer_find(const struct request *request, const struct gate *gate,
                       struct arena *arena, struct offer *out, const char **fault);

#endif
