/* Keys from their numbers and from PEM. */
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/base/signature_inside.h"

#define EXPONENT_BITS_MAX 64
#define POINT_BYTES_MAX   (1 + 2 * 66)
#define ED25519_BYTES     32

static const struct curve {
    const char *name; /* OpenSSL's */
    size_t bytes;
} curves[] = {
    [SIGNATURE_KEY_P256] = {"prime256v1", 32},
    [SIGNATURE_KEY_P384] = {"secp384r1", 48},
    [SIGNATURE_KEY_P521] = {"secp521r1", 66},
    [SIGNATURE_KEY_ED25519] = {NULL, 0},
};

size_t signature_curve_bytes(enum signature_key_type type)
{
    return curves[type].bytes;
}

static enum err refuse(enum err e, struct diag *diag, const char *why)
{
    ERR_clear_error();
    diag_set(diag, "%s", why);
    return e;
}

/* Takes pkey. */
static enum err own(enum signature_key_type type, EVP_PKEY *pkey, struct signature_key **out,
                    struct diag *diag)
{
    struct signature_key *key = calloc(1, sizeof(*key));

    ERR_clear_error();
    if (!key) {
        EVP_PKEY_free(pkey);
        return refuse(ERR_MEMORY, diag, "out of memory");
    }
    key->type = type;
    key->pkey = pkey;
    *out = key;
    return ERR_OK;
}

enum err signature_key_secret(struct str bytes, struct signature_key **out, struct diag *diag)
{
    struct signature_key *key;

    if (bytes.len < SIGNATURE_SECRET_BYTES_MIN || bytes.len > SIGNATURE_SECRET_BYTES_MAX) {
        diag_set(diag, "a secret of %zu bytes; %d to %d are taken", bytes.len,
                 SIGNATURE_SECRET_BYTES_MIN, SIGNATURE_SECRET_BYTES_MAX);
        return ERR_RANGE;
    }
    key = calloc(1, sizeof(*key) + bytes.len);
    if (!key) {
        return refuse(ERR_MEMORY, diag, "out of memory");
    }
    key->type = SIGNATURE_KEY_SECRET;
    key->secret_length = bytes.len;
    memcpy(key->secret, bytes.ptr, bytes.len);
    *out = key;
    return ERR_OK;
}

void signature_key_free(struct signature_key *key)
{
    if (key) {
        EVP_PKEY_free(key->pkey);
        crypto_wipe(key->secret, key->secret_length);
        free(key);
    }
}

static enum err digest_of(const void *bytes, size_t length, uint8_t out[SIGNATURE_DIGEST_BYTES])
{
    bool is_done = EVP_Digest(bytes, length, out, NULL, EVP_sha256(), NULL) == 1;

    ERR_clear_error();
    return is_done ? ERR_OK : ERR_CRYPTO;
}

enum err signature_key_digest(const struct signature_key *key, uint8_t out[SIGNATURE_DIGEST_BYTES])
{
    uint8_t *der = NULL;

    if (!key->pkey) {
        return digest_of(key->secret, key->secret_length, out);
    }
    int length = i2d_PUBKEY(key->pkey, &der);
    enum err e = length > 0 ? digest_of(der, (size_t)length, out) : ERR_CRYPTO;
    OPENSSL_free(der);
    return e;
}

static EVP_PKEY *make(const char *algorithm, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    EVP_PKEY *pkey = NULL;

    if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static bool is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool is_good = ctx && EVP_PKEY_public_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return is_good;
}

/* ---- RSA ---- */

static enum err check_rsa_numbers(const BIGNUM *n, const BIGNUM *e, struct diag *diag)
{
    int bits = BN_num_bits(n);

    if (bits < SIGNATURE_RSA_BITS_MIN || bits > SIGNATURE_RSA_BITS_MAX) {
        diag_set(diag, "RSA of %d bits; %d to %d are taken", bits, SIGNATURE_RSA_BITS_MIN,
                 SIGNATURE_RSA_BITS_MAX);
        return ERR_RANGE;
    }
    if (!BN_is_odd(n)) {
        return refuse(ERR_RANGE, diag, "RSA with an even modulus");
    }
    if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > EXPONENT_BITS_MAX) {
        return refuse(ERR_RANGE, diag,
                      "RSA with an exponent that is even, below 3 or above 64 bits");
    }
    return ERR_OK;
}

static enum err check_rsa(EVP_PKEY *pkey, struct diag *diag)
{
    BIGNUM *n = NULL, *e = NULL;
    enum err err = ERR_CRYPTO;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1) {
        err = check_rsa_numbers(n, e, diag);
    } else {
        diag_set(diag, "RSA without its numbers");
    }
    BN_free(n);
    BN_free(e);
    return err;
}

/* What public_check adds: small factors. */
static enum err finish_rsa(EVP_PKEY *pkey, struct signature_key **out, struct diag *diag)
{
    enum err e = check_rsa(pkey, diag);

    if (e == ERR_OK && !is_sound(pkey)) {
        e = refuse(ERR_RANGE, diag, "RSA with a modulus that is not sound");
    }
    if (e != ERR_OK) {
        ERR_clear_error();
        EVP_PKEY_free(pkey);
        return e;
    }
    return own(SIGNATURE_KEY_RSA, pkey, out, diag);
}

static bool is_minimal(struct str number)
{
    return number.len > 0 && number.ptr[0] != 0;
}

static EVP_PKEY *make_rsa(const BIGNUM *n, const BIGNUM *e)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;

    if (builder && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(builder);
    }
    if (params) {
        pkey = make("RSA", params);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

enum err signature_key_rsa(struct str n, struct str e, struct signature_key **out,
                           struct diag *diag)
{
    EVP_PKEY *pkey = NULL;

    /* Above twice the most that is taken there is nothing to tell. */
    if (!is_minimal(n) || !is_minimal(e) || n.len > 2 * SIGNATURE_BYTES_MAX ||
        e.len > 2 * SIGNATURE_BYTES_MAX) {
        return refuse(ERR_SYNTAX, diag,
                      "RSA with a number that is empty, too long or begins with "
                      "a zero byte");
    }
    BIGNUM *modulus = BN_bin2bn((const uint8_t *)n.ptr, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const uint8_t *)e.ptr, (int)e.len, NULL);
    enum err err = modulus && exponent ? check_rsa_numbers(modulus, exponent, diag)
                                       : refuse(ERR_MEMORY, diag, "out of memory");
    if (err == ERR_OK) {
        pkey = make_rsa(modulus, exponent);
        err = pkey ? finish_rsa(pkey, out, diag)
                   : refuse(ERR_CRYPTO, diag, "RSA that OpenSSL does not take");
    }
    BN_free(modulus);
    BN_free(exponent);
    return err;
}

/* ---- curves ---- */

enum err signature_key_ec(enum signature_key_type type, struct str x, struct str y,
                          struct signature_key **out, struct diag *diag)
{
    const struct curve *curve = &curves[type];
    uint8_t point[POINT_BYTES_MAX] = {0x04};      /* SEC 1 2.3.3: not compressed */
    char *group = (char *)(uintptr_t)curve->name; /* only read */

    ensure(curve->bytes > 0);
    if (x.len != curve->bytes || y.len != curve->bytes) {
        return refuse(ERR_SYNTAX, diag, "a coordinate that is not as long as its curve");
    }
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->bytes),
        OSSL_PARAM_construct_end()};
    EVP_PKEY *pkey = make("EC", params);
    if (!pkey || !is_sound(pkey)) {
        EVP_PKEY_free(pkey);
        return refuse(ERR_RANGE, diag, "a point that is not on its curve");
    }
    return own(type, pkey, out, diag);
}

/* Points of order 1, 2, 4 and 8, under which one signature can be good for every text: y without
 * the sign of x, and those of the same value that are not reduced. */
static const uint8_t small_order[][ED25519_BYTES] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool has_small_order(const uint8_t x[ED25519_BYTES])
{
    uint8_t y[ED25519_BYTES];

    memcpy(y, x, sizeof(y));
    y[ED25519_BYTES - 1] &= 0x7f;
    for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        if (memcmp(y, small_order[i], sizeof(y)) == 0) {
            return true;
        }
    }
    return false;
}

enum err signature_key_ed25519(struct str x, struct signature_key **out, struct diag *diag)
{
    const uint8_t *bytes = (const uint8_t *)x.ptr;

    if (x.len != ED25519_BYTES) {
        return refuse(ERR_SYNTAX, diag, "an Ed25519 key that is not 32 bytes");
    }
    if (has_small_order(bytes)) {
        return refuse(ERR_RANGE, diag, "an Ed25519 key of small order");
    }
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes, x.len);
    return pkey ? own(SIGNATURE_KEY_ED25519, pkey, out, diag)
                : refuse(ERR_CRYPTO, diag, "an Ed25519 key that OpenSSL does not take");
}

/* ---- PEM ---- */

static enum err finish_ed25519(EVP_PKEY *pkey, struct signature_key **out, struct diag *diag)
{
    uint8_t raw[ED25519_BYTES];
    size_t length = sizeof(raw);
    bool is_read = EVP_PKEY_get_raw_public_key(pkey, raw, &length) == 1;

    EVP_PKEY_free(pkey);
    return is_read ? signature_key_ed25519(str_make((const char *)raw, length), out, diag)
                   : refuse(ERR_CRYPTO, diag, "an Ed25519 key that can not be read");
}

/* The type of an EC key by the name of its curve; a curve that is spelt out is none of ours, even
 * where its numbers are (CVE-2020-0601 is what comes of comparing some of them). */
static bool find_curve(EVP_PKEY *pkey, enum signature_key_type *type)
{
    char name[32];
    int is_explicit = 0;

    if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) != 1 ||
        EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &is_explicit) != 1 ||
        is_explicit != 0) {
        return false;
    }
    for (size_t i = SIGNATURE_KEY_P256; i <= SIGNATURE_KEY_P521; i++) {
        if (strcmp(name, curves[i].name) == 0) {
            *type = (enum signature_key_type)i;
            return true;
        }
    }
    return false;
}

static enum err finish_ec(EVP_PKEY *pkey, struct signature_key **out, struct diag *diag)
{
    enum signature_key_type type;
    bool is_ours = find_curve(pkey, &type);

    if (!is_ours || !is_sound(pkey)) {
        EVP_PKEY_free(pkey);
        return refuse(ERR_RANGE, diag,
                      is_ours ? "a point that is not on its curve"
                              : "an EC key on another curve than P-256, P-384 and P-521");
    }
    return own(type, pkey, out, diag);
}

/* Takes pkey. */
static enum err finish(EVP_PKEY *pkey, struct signature_key **out, struct diag *diag)
{
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        return finish_rsa(pkey, out, diag);
    }
    if (EVP_PKEY_is_a(pkey, "EC")) {
        return finish_ec(pkey, out, diag);
    }
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        return finish_ed25519(pkey, out, diag);
    }
    EVP_PKEY_free(pkey);
    return refuse(ERR_RANGE, diag, "a key that is not RSA, EC or Ed25519");
}

struct block {
    char *name, *header;
    uint8_t *bytes;
    long length;
};

static void block_free(struct block *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    if (block->bytes) {
        OPENSSL_clear_free(block->bytes, (size_t)block->length);
    }
}

/* The one block of a text. */
static enum err read_block(struct str pem, struct block *out, struct diag *diag)
{
    struct block second = {0};
    BIO *bio = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;

    if (!bio) {
        return refuse(ERR_MEMORY, diag, "out of memory");
    }
    int has_first = PEM_read_bio(bio, &out->name, &out->header, &out->bytes, &out->length);
    int has_second = has_first == 1 && PEM_read_bio(bio, &second.name, &second.header,
                                                    &second.bytes, &second.length) == 1;
    BIO_free(bio);
    block_free(&second);
    ERR_clear_error();
    if (has_first != 1) {
        return refuse(ERR_SYNTAX, diag, "no PEM block, or a broken one");
    }
    if (has_second) {
        return refuse(ERR_SYNTAX, diag, "more than one PEM block");
    }
    return ERR_OK;
}

static enum err read_public(const struct block *block, struct signature_key **out,
                            struct diag *diag)
{
    const uint8_t *at = block->bytes;

    if (strstr(block->name, "PRIVATE KEY")) {
        return refuse(ERR_RANGE, diag, "a private key, which has no place here");
    }
    if (strcmp(block->name, "PUBLIC KEY") != 0 || block->header[0] != '\0') {
        return refuse(ERR_SYNTAX, diag, "expected a block BEGIN PUBLIC KEY");
    }
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, block->length);
    if (!pkey || at != block->bytes + block->length) {
        EVP_PKEY_free(pkey);
        return refuse(ERR_SYNTAX, diag, "a public key that does not parse");
    }
    return finish(pkey, out, diag);
}

static EVP_PKEY *public_half(EVP_PKEY *whole)
{
    uint8_t *bytes = NULL;
    int length = i2d_PUBKEY(whole, &bytes);
    const uint8_t *at = bytes;
    EVP_PKEY *half = length > 0 ? d2i_PUBKEY(NULL, &at, length) : NULL;

    OPENSSL_free(bytes);
    return half;
}

static enum err read_private(const struct block *block, struct signature_key **out,
                             struct diag *diag)
{
    const uint8_t *at = block->bytes;

    /* PEM_read_bio_PrivateKey() would ask the terminal for the password. */
    if (strcmp(block->name, "ENCRYPTED PRIVATE KEY") == 0 || block->header[0] != '\0') {
        return refuse(ERR_RANGE, diag, "an encrypted private key");
    }
    if (!strstr(block->name, "PRIVATE KEY")) {
        return refuse(ERR_SYNTAX, diag, "expected a block BEGIN PRIVATE KEY");
    }
    EVP_PKEY *whole = d2i_AutoPrivateKey(NULL, &at, block->length);
    EVP_PKEY *half = whole ? public_half(whole) : NULL;
    EVP_PKEY_free(whole);
    return half ? finish(half, out, diag)
                : refuse(ERR_SYNTAX, diag, "a private key that does not parse");
}

typedef enum err read_block_fn(const struct block *block, struct signature_key **out,
                               struct diag *diag);

static enum err read_pem(struct str pem, read_block_fn *read, struct signature_key **out,
                         struct diag *diag)
{
    struct block block = {0};
    enum err e = read_block(pem, &block, diag);

    if (e == ERR_OK) {
        e = read(&block, out, diag);
    }
    block_free(&block);
    return e;
}

enum err signature_key_pem(struct str pem, struct signature_key **out, struct diag *diag)
{
    return read_pem(pem, read_public, out, diag);
}

enum err signature_key_of_private(struct str pem, struct signature_key **out, struct diag *diag)
{
    return read_pem(pem, read_private, out, diag);
}
