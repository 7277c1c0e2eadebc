/*
 * Tokens with any header over any bytes, signed by OpenSSL directly, and the keys for them: what an
 * attacker, or an issuer that errs, could send. A key is made when it is first asked for, and stays.
 */
#ifndef REEVE_TESTS_SUPPORT_FORGE_H
#define REEVE_TESTS_SUPPORT_FORGE_H

#include <openssl/types.h>

#include "agent/base/str.h"

enum forge_key {
    FORGE_RSA,
    FORGE_RSA_OTHER,
    FORGE_RSA_1024,
    FORGE_RSA_2047,
    FORGE_P256,
    FORGE_P256_OTHER,
    FORGE_P384,
    FORGE_P521,
    FORGE_SECP256K1,
    FORGE_ED25519,
    FORGE_ED448,
    FORGE_KEY_COUNT
};

/* Makes all keys: before tests fork, so that not each of them makes its own. */
void forge_make_keys(void);

/* What follows gives memory of malloc(), NUL-terminated. */

char *forge_base64url(struct str bytes);

/* The public key as JWK; `more` is put behind its members: ",\"kid\":\"k1\"" or "". */
char *forge_jwk(enum forge_key key, const char *more);
char *forge_public_pem(enum forge_key key);
char *forge_private_pem(enum forge_key key);

/* base64url(header).base64url(payload).base64url(signature) as `algorithm`, a JOSE name, signs. An
 * EC signature is r and s, as long as the key's own curve. */
char *forge_token(enum forge_key key, const char *algorithm, struct str header, struct str payload);
/* The same with an HMAC under the secret; algorithm HS256, HS384 or HS512. */
char *forge_mac_token(struct str secret, const char *algorithm, struct str header,
                      struct str payload);

#endif
