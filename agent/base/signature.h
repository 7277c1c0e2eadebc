/*
 * Checking signatures and MACs with OpenSSL: keys parsed once and shared, contexts kept by each
 * thread. Parsing a key for each check, and fetching its algorithm, costs 6 to 20 times the check.
 *
 * A struct signature_key is immutable: every thread may use it at once. A struct signature_check
 * belongs to one thread. Failures leave nothing in OpenSSL's error queue.
 *
 * Algorithms and their names: RFC 7518 3.1, RFC 8037 3.1. An algorithm and its type of key, the
 * curve included, belong together; a key is never taken for another one's.
 */
#ifndef REEVE_BASE_SIGNATURE_H
#define REEVE_BASE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

enum signature_key_type {
    SIGNATURE_KEY_SECRET,
    SIGNATURE_KEY_RSA,
    SIGNATURE_KEY_P256,
    SIGNATURE_KEY_P384,
    SIGNATURE_KEY_P521,
    SIGNATURE_KEY_ED25519,
};

enum signature_algorithm {
    SIGNATURE_HS256,
    SIGNATURE_HS384,
    SIGNATURE_HS512,
    SIGNATURE_RS256,
    SIGNATURE_RS384,
    SIGNATURE_RS512,
    SIGNATURE_PS256,
    SIGNATURE_PS384,
    SIGNATURE_PS512,
    SIGNATURE_ES256,
    SIGNATURE_ES384,
    SIGNATURE_ES512,
    SIGNATURE_EDDSA,
    SIGNATURE_ALGORITHM_COUNT
};

/* A set of algorithms. */
#define SIGNATURE_BIT(algorithm) (1u << (algorithm))
#define SIGNATURE_HMAC_ALL                                                                         \
    (SIGNATURE_BIT(SIGNATURE_HS256) | SIGNATURE_BIT(SIGNATURE_HS384) |                             \
     SIGNATURE_BIT(SIGNATURE_HS512))

/* Bounds of keys: shorter ones are weak, longer ones let others spend our time. */
#define SIGNATURE_SECRET_BYTES_MIN 32
#define SIGNATURE_SECRET_BYTES_MAX 1024
#define SIGNATURE_RSA_BITS_MIN     2048
#define SIGNATURE_RSA_BITS_MAX     8192

/* Of an algorithm and a key: an RSA modulus of the most bits. */
#define SIGNATURE_BYTES_MAX (SIGNATURE_RSA_BITS_MAX / 8)

#define SIGNATURE_DIGEST_BYTES 32

/* "RS256". The exact name, case counts; false where there is none. "none" is none. */
bool signature_algorithm_find(struct str name, enum signature_algorithm *out);
const char *signature_algorithm_name(enum signature_algorithm algorithm);

struct signature_key;

/* Each gives a new key, or ERR_RANGE (weak, too large, not on its curve), ERR_SYNTAX, ERR_MEMORY,
 * ERR_CRYPTO, with a diag that says why: "RSA of 1024 bits; 2048 to 8192 are taken". */

/* HMAC's, copied. */
enum err signature_key_secret(struct str bytes, struct signature_key **out,
                              struct diag *diag) MUST_USE;
/* Big-endian, without leading zero bytes. */
enum err signature_key_rsa(struct str n, struct str e, struct signature_key **out,
                           struct diag *diag) MUST_USE;
/* Of exactly the curve's length; type is one of the three curves. */
enum err signature_key_ec(enum signature_key_type type, struct str x, struct str y,
                          struct signature_key **out, struct diag *diag) MUST_USE;
/* 32 bytes. */
enum err signature_key_ed25519(struct str x, struct signature_key **out,
                               struct diag *diag) MUST_USE;
/* One "BEGIN PUBLIC KEY" block and nothing else of PEM. */
enum err signature_key_pem(struct str pem, struct signature_key **out, struct diag *diag) MUST_USE;
/* The public half of a private key in PEM, which is not encrypted. */
enum err signature_key_of_private(struct str pem, struct signature_key **out,
                                  struct diag *diag) MUST_USE;

/* NULL accepted; wipes. */
void signature_key_free(struct signature_key *key);

enum signature_key_type signature_key_type(const struct signature_key *key);
/* The algorithms it may be used with: those of its type and, of HMAC's, those whose hash is no
 * longer than the key (RFC 7518 3.2). */
unsigned signature_key_algorithms(const struct signature_key *key);

/* SHA-256 of the key's public half, or of the secret: two keys are the same where these are. */
enum err signature_key_digest(const struct signature_key *key,
                              uint8_t out[SIGNATURE_DIGEST_BYTES]) MUST_USE;

struct signature_check;

/* Borrows the key, which must be good for the algorithm. Gives a new context; NULL on failure. */
struct signature_check *signature_check_new(const struct signature_key *key,
                                            enum signature_algorithm algorithm);
void signature_check_free(struct signature_check *check);

/* The one length that signatures under this key have, in bytes. */
size_t signature_check_length(const struct signature_check *check);

/* A signature of any other length is refused before it is looked at. ECDSA's are r and s, one after
 * the other, each as long as the curve's order. MACs are compared in constant time. */
bool signature_is_good(struct signature_check *check, struct str data, struct str signature);

#endif
