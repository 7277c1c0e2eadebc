/*
 * An issuer's keys: what its tokens may be signed with. Read once, immutable then, for every thread;
 * counted references, since a fetched set is shared by the workers until its successor came.
 *
 *   JWK       one JSON object with "kty"                          RFC 7517 4, 7518 6, 8037 2
 *   JWK Set   {"keys": [...]}                                     RFC 7517 5
 *   PEM       one block BEGIN PUBLIC KEY; a key without a kid
 *
 * A single key must be one that can be used. In a set, keys that are for something else are passed
 * over: another kty or curve, use "enc", key_ops without "verify", an alg that is none of ours. What
 * is weak, broken or private, a kid that stands there twice, and secrets beside public keys refuse
 * the whole set: whoever made it made a mistake.
 */
#ifndef REEVE_JOSE_KEYS_H
#define REEVE_JOSE_KEYS_H

#include <stdatomic.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/signature.h"
#include "agent/base/str.h"

#define JOSE_KEYS_BYTES_MAX   (64u * 1024) /* of one text */
#define JOSE_KEYS_MAX         64
#define JOSE_KEY_ID_BYTES_MAX 256

struct jose_key {
    struct signature_key *key;
    struct str kid;                         /* owned; absent: none */
    unsigned algorithms;                    /* SIGNATURE_BIT()s that it may be used with */
    uint8_t digest[SIGNATURE_DIGEST_BYTES]; /* of the key */
};

struct jose_keys {
    atomic_uint references;
    struct jose_key items[JOSE_KEYS_MAX];
    size_t count;
};

/* Gives an empty set with one reference; NULL when out of memory. */
struct jose_keys *jose_keys_new(void);
/* Any thread. The last unref wipes. NULL accepted by both. */
struct jose_keys *jose_keys_ref(struct jose_keys *keys);
void jose_keys_unref(struct jose_keys *keys);

/* Adds what stands in text. ERR_SYNTAX, ERR_RANGE, ERR_FULL, ERR_MISSING (nothing in it can be
 * used), ERR_MEMORY, ERR_CRYPTO with a diag: "key 2 (\"k2\"): RSA of 1024 bits; ...". After a
 * failure the set may hold some of it: free it. */
enum err jose_keys_add(struct jose_keys *keys, struct str text, struct diag *diag) MUST_USE;

/* The same for what an issuer publishes: a JWK Set and nothing else. What is published is no secret,
 * so kty oct refuses it; at most one key may be without a kid, since each such key is tried for
 * tokens of every issuer. */
enum err jose_keys_add_published(struct jose_keys *keys, struct str text,
                                 struct diag *diag) MUST_USE;

/* Whether a key of that kid, algorithms and digest is in it. */
bool jose_keys_have(const struct jose_keys *keys, const struct jose_key *key);

/* It holds what others must not read. */
bool jose_keys_are_secret(const struct jose_keys *keys);

/* Those without a kid that may be used with the algorithm: each is tried for a token. */
size_t jose_keys_unnamed(const struct jose_keys *keys, enum signature_algorithm algorithm);

#endif
