#include "agent/base/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "agent/base/ensure.h"

static EVP_MD *sha256;
static EVP_MAC *hmac;
static EVP_KDF *scrypt;
static EVP_KDF *pbkdf2;

struct crypto_hasher {
    EVP_MD_CTX *digest; /* NULL in an HMAC hasher */
    EVP_MD_CTX *peek;   /* where a digest in pieces is ended; NULL: not yet needed */
    EVP_MAC_CTX *mac;   /* NULL in a plain one */
};

enum err crypto_start(void)
{
    if (!sha256) {
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    if (!hmac) {
        hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    }
    if (!scrypt) {
        scrypt = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    }
    if (!pbkdf2) {
        pbkdf2 = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    }
    return sha256 && hmac && scrypt && pbkdf2 ? ERR_OK : ERR_CRYPTO;
}

void crypto_stop(void)
{
    EVP_MD_free(sha256);
    EVP_MAC_free(hmac);
    EVP_KDF_free(scrypt);
    EVP_KDF_free(pbkdf2);
    sha256 = NULL;
    hmac = NULL;
    scrypt = NULL;
    pbkdf2 = NULL;
}

struct crypto_hasher *crypto_sha256_new(void)
{
    struct crypto_hasher *hasher = calloc(1, sizeof(*hasher));

    ensure(sha256);
    if (!hasher) {
        return NULL;
    }
    hasher->digest = EVP_MD_CTX_new();
    if (!hasher->digest || EVP_DigestInit_ex2(hasher->digest, sha256, NULL) != 1) {
        crypto_hasher_free(hasher);
        return NULL;
    }
    return hasher;
}

struct crypto_hasher *crypto_hmac_new(const void *key, size_t key_length)
{
    struct crypto_hasher *hasher = calloc(1, sizeof(*hasher));
    char name[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};

    ensure(hmac && key_length > 0);
    if (!hasher) {
        return NULL;
    }
    hasher->mac = EVP_MAC_CTX_new(hmac);
    if (!hasher->mac || EVP_MAC_init(hasher->mac, key, key_length, params) != 1) {
        crypto_hasher_free(hasher);
        return NULL;
    }
    return hasher;
}

void crypto_hasher_free(struct crypto_hasher *hasher)
{
    if (hasher) {
        EVP_MD_CTX_free(hasher->digest);
        EVP_MD_CTX_free(hasher->peek);
        EVP_MAC_CTX_free(hasher->mac);
        free(hasher);
    }
}

static bool hash_plain(EVP_MD_CTX *ctx, const void *data, size_t length, uint8_t *out)
{
    unsigned written = 0;

    return EVP_DigestInit_ex2(ctx, sha256, NULL) == 1 && EVP_DigestUpdate(ctx, data, length) == 1 &&
           EVP_DigestFinal_ex(ctx, out, &written) == 1 && written == CRYPTO_SHA256_BYTES;
}

/* Without a key, EVP_MAC_init starts again under the one given first. */
static bool hash_keyed(EVP_MAC_CTX *ctx, const void *data, size_t length, uint8_t *out)
{
    size_t written = 0;

    return EVP_MAC_init(ctx, NULL, 0, NULL) == 1 && EVP_MAC_update(ctx, data, length) == 1 &&
           EVP_MAC_final(ctx, out, &written, CRYPTO_SHA256_BYTES) == 1 &&
           written == CRYPTO_SHA256_BYTES;
}

enum err crypto_hash(struct crypto_hasher *hasher, const void *data, size_t length,
                     uint8_t out[CRYPTO_SHA256_BYTES])
{
    bool is_done = hasher->digest ? hash_plain(hasher->digest, data, length, out)
                                  : hash_keyed(hasher->mac, data, length, out);

    if (!is_done) {
        crypto_wipe(out, CRYPTO_SHA256_BYTES);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

enum err crypto_hash_begin(struct crypto_hasher *hasher)
{
    ensure(hasher->digest);
    if (!hasher->peek) {
        hasher->peek = EVP_MD_CTX_new();
    }
    bool is_done = hasher->peek && EVP_DigestInit_ex2(hasher->digest, sha256, NULL) == 1;
    return is_done ? ERR_OK : ERR_CRYPTO;
}

enum err crypto_hash_add(struct crypto_hasher *hasher, const void *data, size_t length)
{
    return EVP_DigestUpdate(hasher->digest, data, length) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err crypto_hash_peek(const struct crypto_hasher *hasher, uint8_t out[CRYPTO_SHA256_BYTES])
{
    unsigned written = 0;

    if (EVP_MD_CTX_copy_ex(hasher->peek, hasher->digest) != 1 ||
        EVP_DigestFinal_ex(hasher->peek, out, &written) != 1 || written != CRYPTO_SHA256_BYTES) {
        crypto_wipe(out, CRYPTO_SHA256_BYTES);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

enum err crypto_sha1(const void *data, size_t length, uint8_t out[CRYPTO_SHA1_BYTES])
{
    size_t written = 0;

    if (EVP_Q_digest(NULL, "SHA1", NULL, data, length, out, &written) != 1 ||
        written != CRYPTO_SHA1_BYTES) {
        crypto_wipe(out, CRYPTO_SHA1_BYTES);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

/* OpenSSL takes octets as void *, and only reads them. */
static OSSL_PARAM octets(const char *name, struct str text)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)text.ptr, text.len);
}

static enum err derive(EVP_KDF *kdf, const OSSL_PARAM *params, uint8_t *out, size_t length)
{
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool is_done = ctx && EVP_KDF_derive(ctx, out, length, params) == 1;

    EVP_KDF_CTX_free(ctx);
    if (!is_done) {
        ERR_clear_error();
        crypto_wipe(out, length);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

enum err crypto_scrypt(struct str password, struct str salt, const struct crypto_scrypt *cost,
                       uint8_t *out, size_t length)
{
    uint64_t n = UINT64_C(1) << cost->ln;
    uint32_t r = cost->r, p = cost->p;
    /* As OpenSSL counts it: two blocks more than RFC 7914's V. */
    uint64_t memory = UINT64_C(128) * r * (n + 2 + p);
    const OSSL_PARAM params[] = {octets(OSSL_KDF_PARAM_PASSWORD, password),
                                 octets(OSSL_KDF_PARAM_SALT, salt),
                                 OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                                 OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
                                 OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
                                 OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
                                 OSSL_PARAM_construct_end()};

    ensure(scrypt);
    return derive(scrypt, params, out, length);
}

enum err crypto_pbkdf2(struct str password, struct str salt, uint64_t iterations, uint8_t *out,
                       size_t length)
{
    char name[] = "SHA256";
    int takes_any = 1; /* not SP 800-132's minima, which are the caller's */
    const OSSL_PARAM params[] = {octets(OSSL_KDF_PARAM_PASSWORD, password),
                                 octets(OSSL_KDF_PARAM_SALT, salt),
                                 OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &iterations),
                                 OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &takes_any),
                                 OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};

    ensure(pbkdf2);
    return derive(pbkdf2, params, out, length);
}

bool crypto_equal(const void *a, const void *b, size_t length)
{
    return CRYPTO_memcmp(a, b, length) == 0;
}

void crypto_wipe(void *memory, size_t length)
{
    if (length > 0) {
        explicit_bzero(memory, length);
    }
}

enum err crypto_random(void *out, size_t length)
{
    char *bytes = out;

    for (size_t at = 0; at < length;) {
        ssize_t got = getrandom(bytes + at, length - at, 0);

        if (got < 0 && errno != EINTR) {
            return ERR_CRYPTO;
        }
        at += got > 0 ? (size_t)got : 0;
    }
    return ERR_OK;
}
