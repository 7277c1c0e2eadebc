/*
 * What the program under test takes from base/crypto.h, wrapped by the linker: counted, and made to
 * fail or to give scripted bytes.
 */
#ifndef REEVE_TESTS_UNIT_AUTHN_FAKE_CRYPTO_H
#define REEVE_TESTS_UNIT_AUTHN_FAKE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_crypto {
    int hash_count;
    int equal_count;     /* comparisons in constant time */
    size_t equal_length; /* of the last one */
    bool hash_fails;
    bool pbkdf2_fails;
    int random_count;
    int random_fails_at;   /* the n-th from 1; 0: none */
    const uint8_t *random; /* given over and over; NULL: the real ones */
    size_t random_length;
};

extern struct fake_crypto fake_crypto;

#endif
