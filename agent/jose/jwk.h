/* One JWK (RFC 7517 4), private to jose/. */
#ifndef REEVE_JOSE_JWK_H
#define REEVE_JOSE_JWK_H

#include "agent/jose/json.h"
#include "agent/jose/keys.h"

enum jwk_result {
    JWK_READ,    /* *out is a key */
    JWK_OTHER,   /* sound as far as it can be told, but not for what we do; the diag says why */
    JWK_REFUSED, /* the diag says why */
};

/* Gives a key with memory of its own. */
enum jwk_result jwk_read(const json_t *jwk, struct jose_key *out, struct diag *diag);

#endif
