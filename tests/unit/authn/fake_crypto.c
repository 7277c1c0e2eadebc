#include "tests/unit/authn/fake_crypto.h"

#include <string.h>

#include "agent/base/crypto.h"

struct fake_crypto fake_crypto;

enum err __real_crypto_hash(struct crypto_hasher *hasher, const void *data, size_t length,
                            uint8_t out[CRYPTO_SHA256_BYTES]);
enum err __wrap_crypto_hash(struct crypto_hasher *hasher, const void *data, size_t length,
                            uint8_t out[CRYPTO_SHA256_BYTES]);
enum err __real_crypto_pbkdf2(struct str password, struct str salt, uint64_t iterations,
                              uint8_t *out, size_t length);
enum err __wrap_crypto_pbkdf2(struct str password, struct str salt, uint64_t iterations,
                              uint8_t *out, size_t length);
bool __real_crypto_equal(const void *a, const void *b, size_t length);
bool __wrap_crypto_equal(const void *a, const void *b, size_t length);
enum err __real_crypto_random(void *out, size_t length);
enum err __wrap_crypto_random(void *out, size_t length);

enum err __wrap_crypto_hash(struct crypto_hasher *hasher, const void *data, size_t length,
                            uint8_t out[CRYPTO_SHA256_BYTES])
{
    fake_crypto.hash_count++;
    if (fake_crypto.hash_fails) {
        memset(out, 0, CRYPTO_SHA256_BYTES);
        return ERR_CRYPTO;
    }
    return __real_crypto_hash(hasher, data, length, out);
}

enum err __wrap_crypto_pbkdf2(struct str password, struct str salt, uint64_t iterations,
                              uint8_t *out, size_t length)
{
    return fake_crypto.pbkdf2_fails ? ERR_CRYPTO
                                    : __real_crypto_pbkdf2(password, salt, iterations, out, length);
}

bool __wrap_crypto_equal(const void *a, const void *b, size_t length)
{
    fake_crypto.equal_count++;
    fake_crypto.equal_length = length;
    return __real_crypto_equal(a, b, length);
}

enum err __wrap_crypto_random(void *out, size_t length)
{
    if (++fake_crypto.random_count == fake_crypto.random_fails_at) {
        return ERR_CRYPTO;
    }
    if (!fake_crypto.random) {
        return __real_crypto_random(out, length);
    }
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)out)[i] = fake_crypto.random[i % fake_crypto.random_length];
    }
    return ERR_OK;
}
