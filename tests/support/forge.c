#include "tests/support/forge.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "agent/base/ensure.h"

#define SIGNATURE_MAX 1024

static const struct {
    const char *type, *curve;
    unsigned bits;
    const char *crv; /* JOSE's */
} kinds[FORGE_KEY_COUNT] = {
    [FORGE_RSA] = {"RSA", NULL, 2048, NULL},
    [FORGE_RSA_OTHER] = {"RSA", NULL, 2048, NULL},
    [FORGE_RSA_1024] = {"RSA", NULL, 1024, NULL},
    [FORGE_RSA_2047] = {"RSA", NULL, 2047, NULL},
    [FORGE_P256] = {"EC", "P-256", 0, "P-256"},
    [FORGE_P256_OTHER] = {"EC", "P-256", 0, "P-256"},
    [FORGE_P384] = {"EC", "P-384", 0, "P-384"},
    [FORGE_P521] = {"EC", "P-521", 0, "P-521"},
    [FORGE_SECP256K1] = {"EC", "secp256k1", 0, "secp256k1"},
    [FORGE_ED25519] = {"ED25519", NULL, 0, "Ed25519"},
    [FORGE_ED448] = {"ED448", NULL, 0, "Ed448"},
};

static EVP_PKEY *made[FORGE_KEY_COUNT];

static EVP_PKEY *pkey_of(enum forge_key key)
{
    if (!made[key]) {
        if (kinds[key].bits) {
            made[key] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)kinds[key].bits);
        } else if (kinds[key].curve) {
            made[key] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kinds[key].curve);
        } else {
            made[key] = EVP_PKEY_Q_keygen(NULL, NULL, kinds[key].type);
        }
    }
    ensure(made[key]);
    return made[key];
}

void forge_make_keys(void)
{
    for (unsigned key = 0; key < FORGE_KEY_COUNT; key++) {
        (void)pkey_of((enum forge_key)key);
    }
}

/* ---- texts ---- */

/* NULL behind the last. */
static char *concat(const char *const parts[])
{
    char *out = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&out, &length);

    ensure(stream);
    for (; *parts; parts++) {
        fputs(*parts, stream);
    }
    ensure(fclose(stream) == 0);
    return out;
}

#define CONCAT(...) concat((const char *const[]){__VA_ARGS__, NULL})

char *forge_base64url(struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *out = malloc(bytes.len * 4 / 3 + 3), *at = out;
    uint32_t bits = 0;
    unsigned count = 0;

    ensure(out);
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (unsigned char)bytes.ptr[i];
        for (count += 8; count >= 6; count -= 6) {
            *at++ = digits[bits >> (count - 6) & 63];
        }
    }
    if (count > 0) {
        *at++ = digits[bits << (6 - count) & 63];
    }
    *at = '\0';
    return out;
}

/* ---- keys ---- */

static char *number(EVP_PKEY *pkey, const char *name, int bytes)
{
    uint8_t buffer[SIGNATURE_MAX];
    BIGNUM *value = NULL;

    ensure(EVP_PKEY_get_bn_param(pkey, name, &value) == 1);
    bytes = bytes ? bytes : BN_num_bytes(value);
    ensure(BN_bn2binpad(value, buffer, bytes) == bytes);
    BN_free(value);
    return forge_base64url(str_make((const char *)buffer, (size_t)bytes));
}

static char *rsa_jwk(EVP_PKEY *pkey, const char *more)
{
    char *n = number(pkey, OSSL_PKEY_PARAM_RSA_N, 0), *e = number(pkey, OSSL_PKEY_PARAM_RSA_E, 0);
    char *out = CONCAT("{\"kty\":\"RSA\",\"n\":\"", n, "\",\"e\":\"", e, "\"", more, "}");

    free(n);
    free(e);
    return out;
}

static int order_bytes(EVP_PKEY *pkey)
{
    return (EVP_PKEY_get_bits(pkey) + 7) / 8;
}

static char *ec_jwk(EVP_PKEY *pkey, const char *crv, const char *more)
{
    char *x = number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, order_bytes(pkey));
    char *y = number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, order_bytes(pkey));
    char *out = CONCAT("{\"kty\":\"EC\",\"crv\":\"", crv, "\",\"x\":\"", x, "\",\"y\":\"", y, "\"",
                       more, "}");

    free(x);
    free(y);
    return out;
}

static char *okp_jwk(EVP_PKEY *pkey, const char *crv, const char *more)
{
    uint8_t raw[64];
    size_t length = sizeof(raw);

    ensure(EVP_PKEY_get_raw_public_key(pkey, raw, &length) == 1);
    char *x = forge_base64url(str_make((const char *)raw, length));
    char *out = CONCAT("{\"kty\":\"OKP\",\"crv\":\"", crv, "\",\"x\":\"", x, "\"", more, "}");
    free(x);
    return out;
}

char *forge_jwk(enum forge_key key, const char *more)
{
    EVP_PKEY *pkey = pkey_of(key);

    if (kinds[key].bits) {
        return rsa_jwk(pkey, more);
    }
    return kinds[key].curve ? ec_jwk(pkey, kinds[key].crv, more)
                            : okp_jwk(pkey, kinds[key].crv, more);
}

static char *text_of(BIO *bio)
{
    char *bytes;
    long length = BIO_get_mem_data(bio, &bytes);
    char *out = strndup(bytes, (size_t)length);

    ensure(out);
    BIO_free(bio);
    return out;
}

char *forge_public_pem(enum forge_key key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ensure(bio && PEM_write_bio_PUBKEY(bio, pkey_of(key)) == 1);
    return text_of(bio);
}

char *forge_private_pem(enum forge_key key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    ensure(bio && PEM_write_bio_PrivateKey(bio, pkey_of(key), NULL, NULL, 0, NULL, NULL) == 1);
    return text_of(bio);
}

/* ---- signatures ---- */

static const char *hash_of(const char *algorithm)
{
    return strcmp(algorithm, "EdDSA") == 0     ? NULL
           : strcmp(algorithm + 2, "256") == 0 ? "SHA256"
           : strcmp(algorithm + 2, "384") == 0 ? "SHA384"
                                               : "SHA512";
}

static size_t to_raw(EVP_PKEY *pkey, const uint8_t *der, size_t length, uint8_t *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
    int bytes = order_bytes(pkey);

    ensure(pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, bytes) == bytes &&
           BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + bytes, bytes) == bytes);
    ECDSA_SIG_free(pair);
    return (size_t)(2 * bytes);
}

static size_t sign(EVP_PKEY *pkey, const char *algorithm, struct str data, uint8_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options = NULL;
    uint8_t bytes[SIGNATURE_MAX];
    size_t length = sizeof(bytes);

    ensure(ctx &&
           EVP_DigestSignInit_ex(ctx, &options, hash_of(algorithm), NULL, NULL, pkey, NULL) == 1);
    if (algorithm[0] == 'P') {
        ensure(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    ensure(EVP_DigestSign(ctx, bytes, &length, (const uint8_t *)data.ptr, data.len) == 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(pkey, "EC")) {
        return to_raw(pkey, bytes, length, out);
    }
    memcpy(out, bytes, length);
    return length;
}

static char *signing_text(struct str header, struct str payload)
{
    char *first = forge_base64url(header), *second = forge_base64url(payload);
    char *out = CONCAT(first, ".", second);

    free(first);
    free(second);
    return out;
}

/* Takes text. */
static char *join(char *text, const uint8_t *signature, size_t length)
{
    char *last = forge_base64url(str_make((const char *)signature, length));
    char *out = CONCAT(text, ".", last);

    free(text);
    free(last);
    return out;
}

char *forge_token(enum forge_key key, const char *algorithm, struct str header, struct str payload)
{
    char *text = signing_text(header, payload);
    uint8_t signature[SIGNATURE_MAX];
    size_t length = sign(pkey_of(key), algorithm, str_from_c(text), signature);

    return join(text, signature, length);
}

char *forge_mac_token(struct str secret, const char *algorithm, struct str header,
                      struct str payload)
{
    char *text = signing_text(header, payload);
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t length = 0;

    ensure(EVP_Q_mac(NULL, "HMAC", NULL, hash_of(algorithm), NULL, secret.ptr, secret.len,
                     (const uint8_t *)text, strlen(text), mac, sizeof(mac), &length));
    return join(text, mac, length);
}
