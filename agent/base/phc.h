/*
 * Password hashes as text, PHC strings (C2SP phc-strings), of two schemes:
 *
 *   $scrypt$ln=14,r=8,p=5$<salt>$<hash>
 *   $pbkdf2-sha256$i=600000$<salt>$<hash>
 *
 * Salt and hash are base64 without padding. One spelling for each value: parameters in this order,
 * decimal without leading zero, nothing else. Whoever writes such a text decides what verifying
 * costs, so what it may ask for is bounded here:
 *
 *   ln          10 to 20
 *   r           2 to 32
 *   p           1 to 64, and r * p * 2^ln at most 2^21: 256 MiB, and the work of p = 1 with those
 *   i           1,000 to 10,000,000
 *   salt        8 to 64 bytes
 *   hash        16 to 64 bytes: a short one would fit too many passwords
 *
 * Of PBKDF2's the first 32 bytes are judged, and the others not: each block of 32 costs all the
 * iterations anew, which would tell records with a longer hash by the time, and proves the same.
 *
 * The same grammar stands in contrib/redis-cli/lua/password.lua.
 */
#ifndef REEVE_BASE_PHC_H
#define REEVE_BASE_PHC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/crypto.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define PHC_SALT_BYTES_MAX 64
#define PHC_HASH_BYTES_MAX 64
#define PHC_TEXT_MAX       256 /* of any that parses, with a final NUL */

/* RFC 7617 user names and passwords; what is longer is never hashed. */
#define PHC_PASSWORD_BYTES_MAX 512

enum phc_scheme { PHC_SCRYPT, PHC_PBKDF2_SHA256, PHC_SCHEME_COUNT };

struct phc_cost {
    enum phc_scheme scheme;
    struct crypto_scrypt scrypt;
    uint64_t iterations; /* of PBKDF2 */
};

struct phc {
    struct phc_cost cost;
    uint8_t salt[PHC_SALT_BYTES_MAX];
    uint8_t hash[PHC_HASH_BYTES_MAX];
    size_t salt_length;
    size_t hash_length;
};

/* What new passwords get. OWASP's equal of scrypt 2^17, 8, 1, with an eighth of its memory: it must
 * be done within deadline_slow, several at once. */
extern const struct phc_cost phc_cost_default;

/* NULL, or a static text that says what is wrong and never holds the value; *out is undefined then. */
const char *phc_parse(struct str text, struct phc *out);

/* "ln=14,r=8,p=5" or "i=600000". The same result. */
const char *phc_parse_cost(enum phc_scheme scheme, struct str text, struct phc_cost *out);

/* "scrypt", "pbkdf2-sha256"; false: no such scheme. */
bool phc_parse_scheme(struct str text, enum phc_scheme *out);

/* Roughly what verifying takes, in microseconds; only for comparing two. */
uint64_t phc_cost_us(const struct phc_cost *cost);

/* NULL, or what is wrong with a password: it must be UTF-8 of 1 to PHC_PASSWORD_BYTES_MAX bytes
 * without control characters (RFC 7617 2). Ask before hashing one: both schemes pad it with NULs
 * (RFC 2104), so that with some at its end it would have the same hash. */
const char *phc_password_fault(struct str password);

/* Whether the password has that hash; as slow as the hash asks for. Any thread. ERR_CRYPTO: it could
 * not be computed, as without memory, and *is_right is false. */
enum err phc_verify(const struct phc *phc, struct str password, bool *is_right) MUST_USE;

/* Hashes a password under a new salt: 16 bytes, and a hash of 32. NUL-terminated text. */
enum err phc_make(const struct phc_cost *cost, struct str password,
                  char out[PHC_TEXT_MAX]) MUST_USE;

#endif
