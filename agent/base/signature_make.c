#include "agent/base/signature_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "agent/base/crypto.h"

struct signature_maker {
    EVP_PKEY *key;
    uint8_t public_bytes[ED25519_PUBLIC_BYTES];
};

static bool read_public(struct signature_maker *maker)
{
    size_t length = sizeof(maker->public_bytes);

    return EVP_PKEY_get_raw_public_key(maker->key, maker->public_bytes, &length) == 1 &&
           length == sizeof(maker->public_bytes);
}

struct signature_maker *signature_maker_new(const uint8_t seed[ED25519_SEED_BYTES])
{
    struct signature_maker *maker = calloc(1, sizeof(*maker));

    if (!maker) {
        return NULL;
    }
    maker->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SEED_BYTES);
    if (!maker->key || !read_public(maker)) {
        ERR_clear_error();
        signature_maker_free(maker);
        return NULL;
    }
    return maker;
}

void signature_maker_free(struct signature_maker *maker)
{
    if (maker) {
        EVP_PKEY_free(maker->key);
        free(maker);
    }
}

void signature_maker_public(const struct signature_maker *maker, uint8_t out[ED25519_PUBLIC_BYTES])
{
    memcpy(out, maker->public_bytes, ED25519_PUBLIC_BYTES);
}

enum err signature_make(struct signature_maker *maker, struct str data,
                        uint8_t out[ED25519_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = ED25519_SIGNATURE_BYTES;

    bool is_done =
        context && EVP_DigestSignInit(context, NULL, NULL, NULL, maker->key) == 1 &&
        EVP_DigestSign(context, out, &length, (const uint8_t *)data.ptr, data.len) == 1 &&
        length == ED25519_SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    if (!is_done) {
        ERR_clear_error();
        crypto_wipe(out, ED25519_SIGNATURE_BYTES);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

/* RFC 8410 4: SEQUENCE of the algorithm's identifier and the key's bits. */
enum err signature_public_pem(const uint8_t key[ED25519_PUBLIC_BYTES], char out[ED25519_PEM_MAX])
{
    uint8_t der[12 + ED25519_PUBLIC_BYTES] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                              0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    unsigned char base64[64];

    memcpy(der + 12, key, ED25519_PUBLIC_BYTES);
    int length = EVP_EncodeBlock(base64, der, (int)sizeof(der));
    int written = snprintf(out, ED25519_PEM_MAX,
                           "-----BEGIN PUBLIC KEY-----\n%.*s\n-----END PUBLIC KEY-----\n", length,
                           (const char *)base64);
    return written > 0 && written < ED25519_PEM_MAX ? ERR_OK : ERR_CRYPTO;
}
