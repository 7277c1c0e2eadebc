/*
 * JSON Web Signatures in compact form (RFC 7515 3.1, 7.1), verified strictly.
 *
 *   base64url(header) . base64url(payload) . base64url(signature)
 *
 * The checks, in this order; the first that fails refuses:
 *   1 length, bytes, two dots, no empty part     6 kid: a text, looked up in memory only
 *   2 base64url without padding or spare bits    7 the key's own alg, kty, crv, use, key_ops agree
 *   3 header: one JSON object, no member twice   8 the signature's length is exactly right
 *   4 no member that would change the reading    9 the signature
 *   5 alg: exactly a name that is allowed
 *
 * Nothing of the payload is looked at before all of them. Keys come from the sources given, never
 * from the token. A kid picks the keys of that name and, only where there are none, those without a
 * name. Without a kid those without a name count, and the key of each source that has just one for the
 * algorithm: what one source has is no matter of the others. At most JWS_TRIES_MAX keys are tried for a
 * token; where the single ones are too many they do not count, where the others are, none does.
 *
 * A struct jws_verifier belongs to one thread; it holds a context for each key and algorithm, so
 * that verifying makes none. The header is the only thing it allocates for, within bounds.
 */
#ifndef REEVE_JOSE_JWS_H
#define REEVE_JOSE_JWS_H

#include "agent/base/signature.h"
#include "agent/base/str.h"
#include "agent/jose/fault.h"
#include "agent/jose/keys.h"

#define JWS_BYTES_DEFAULT 8192u
#define JWS_BYTES_MAX     32768u
#define JWS_TRIES_MAX     8

/* Keys, and what they may be used with here. */
struct jws_source {
    const struct jose_keys *keys;
    unsigned algorithms; /* SIGNATURE_BIT()s */
};

/* typ (RFC 7515 4.1.9), without "application/" and whatever the case. */
enum jws_type {
    JWS_TYPE_ABSENT = 1 << 0,
    JWS_TYPE_JWT = 1 << 1,
    JWS_TYPE_AT_JWT = 1 << 2, /* RFC 9068 */
    JWS_TYPE_OTHER = 1 << 3,
};

/* What was verified. The payload is the verifier's, until its next call. */
struct jws {
    struct str payload;
    size_t source; /* whose key it was */
    const struct jose_key *key;
    enum signature_algorithm algorithm;
    enum jws_type type;
};

struct jws_verifier;

/* Borrows the sources' keys. max_bytes: of a token, at most JWS_BYTES_MAX. Gives a new verifier;
 * NULL when out of memory. */
struct jws_verifier *jws_verifier_new(const struct jws_source *sources, size_t count,
                                      size_t max_bytes);
/* NULL accepted. */
void jws_verifier_free(struct jws_verifier *verifier);

/* JOSE_NONE, or a fault up to SIGNATURE, or MEMORY; *out is untouched then. */
enum jose_fault jws_verify(struct jws_verifier *verifier, struct str token, struct jws *out);

/* The payload of a token, with nothing verified but its form. The verifier's, until its next call.
 * JOSE_NONE, SIZE or FORM. */
enum jose_fault jws_peek(struct jws_verifier *verifier, struct str token, struct str *payload);

#endif
