#include "agent/base/signature.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/base/signature_inside.h"

#define HASH_BYTES_MAX  64
#define CURVE_BYTES_MAX 66

/* SEQUENCE, its length in two bytes, two INTEGERs with a sign byte each. */
#define DER_BYTES_MAX (3 + 2 * (3 + CURVE_BYTES_MAX))

const struct signature_scheme signature_schemes[SIGNATURE_ALGORITHM_COUNT] = {
    [SIGNATURE_HS256] = {"HS256", SIGNATURE_KEY_SECRET, "SHA256", 32, SIGNATURE_NO_PADDING},
    [SIGNATURE_HS384] = {"HS384", SIGNATURE_KEY_SECRET, "SHA384", 48, SIGNATURE_NO_PADDING},
    [SIGNATURE_HS512] = {"HS512", SIGNATURE_KEY_SECRET, "SHA512", 64, SIGNATURE_NO_PADDING},
    [SIGNATURE_RS256] = {"RS256", SIGNATURE_KEY_RSA, "SHA256", 32, SIGNATURE_PKCS1},
    [SIGNATURE_RS384] = {"RS384", SIGNATURE_KEY_RSA, "SHA384", 48, SIGNATURE_PKCS1},
    [SIGNATURE_RS512] = {"RS512", SIGNATURE_KEY_RSA, "SHA512", 64, SIGNATURE_PKCS1},
    [SIGNATURE_PS256] = {"PS256", SIGNATURE_KEY_RSA, "SHA256", 32, SIGNATURE_PSS},
    [SIGNATURE_PS384] = {"PS384", SIGNATURE_KEY_RSA, "SHA384", 48, SIGNATURE_PSS},
    [SIGNATURE_PS512] = {"PS512", SIGNATURE_KEY_RSA, "SHA512", 64, SIGNATURE_PSS},
    [SIGNATURE_ES256] = {"ES256", SIGNATURE_KEY_P256, "SHA256", 32, SIGNATURE_NO_PADDING},
    [SIGNATURE_ES384] = {"ES384", SIGNATURE_KEY_P384, "SHA384", 48, SIGNATURE_NO_PADDING},
    [SIGNATURE_ES512] = {"ES512", SIGNATURE_KEY_P521, "SHA512", 64, SIGNATURE_NO_PADDING},
    [SIGNATURE_EDDSA] = {"EdDSA", SIGNATURE_KEY_ED25519, NULL, 0, SIGNATURE_NO_PADDING},
};

struct signature_check {
    const struct signature_scheme *scheme;
    EVP_PKEY *pkey;     /* borrowed; NULL of a MAC */
    EVP_MAC_CTX *mac;   /* HMAC */
    EVP_MD *hash;       /* RSA and ECDSA */
    EVP_MD_CTX *digest; /* all but HMAC */
    EVP_PKEY_CTX *verify;
    size_t length;
};

bool signature_algorithm_find(struct str name, enum signature_algorithm *out)
{
    for (unsigned i = 0; i < SIGNATURE_ALGORITHM_COUNT; i++) {
        if (str_equal(name, str_from_c(signature_schemes[i].name))) {
            *out = (enum signature_algorithm)i;
            return true;
        }
    }
    return false;
}

const char *signature_algorithm_name(enum signature_algorithm algorithm)
{
    ensure((unsigned)algorithm < SIGNATURE_ALGORITHM_COUNT);
    return signature_schemes[algorithm].name;
}

enum signature_key_type signature_key_type(const struct signature_key *key)
{
    return key->type;
}

unsigned signature_key_algorithms(const struct signature_key *key)
{
    unsigned algorithms = 0;

    for (unsigned i = 0; i < SIGNATURE_ALGORITHM_COUNT; i++) {
        const struct signature_scheme *scheme = &signature_schemes[i];
        bool is_long_enough =
            key->type != SIGNATURE_KEY_SECRET || key->secret_length >= scheme->hash_bytes;

        if (scheme->key_type == key->type && is_long_enough) {
            algorithms |= SIGNATURE_BIT(i);
        }
    }
    return algorithms;
}

static bool start_mac(struct signature_check *check, const struct signature_key *key)
{
    char *name = (char *)(uintptr_t)check->scheme->hash;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    check->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    check->length = check->scheme->hash_bytes;
    return check->mac && EVP_MAC_init(check->mac, key->secret, key->secret_length, params) == 1;
}

/* RFC 7518 3.5: MGF1 with the same hash, and a salt as long as that. */
static bool set_padding(struct signature_check *check)
{
    switch (check->scheme->padding) {
    case SIGNATURE_PKCS1:
        return EVP_PKEY_CTX_set_rsa_padding(check->verify, RSA_PKCS1_PADDING) == 1;
    case SIGNATURE_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(check->verify, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(check->verify, check->hash) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(check->verify, RSA_PSS_SALTLEN_DIGEST) == 1;
    case SIGNATURE_NO_PADDING:
        break;
    }
    return true;
}

/* The hash is ours and the context is kept: EVP_DigestVerifyInit() makes a new one each time. */
static bool start_hashed(struct signature_check *check)
{
    check->hash = EVP_MD_fetch(NULL, check->scheme->hash, NULL);
    check->verify = EVP_PKEY_CTX_new_from_pkey(NULL, check->pkey, NULL);
    return check->hash && check->verify && EVP_PKEY_verify_init(check->verify) == 1 &&
           set_padding(check) && EVP_PKEY_CTX_set_signature_md(check->verify, check->hash) == 1;
}

static bool start(struct signature_check *check, const struct signature_key *key)
{
    size_t curve_bytes = signature_curve_bytes(key->type);

    if (key->type == SIGNATURE_KEY_SECRET) {
        return start_mac(check, key);
    }
    check->pkey = key->pkey;
    check->length = curve_bytes > 0 ? 2 * curve_bytes : (size_t)EVP_PKEY_get_size(key->pkey);
    check->digest = EVP_MD_CTX_new();
    return check->digest && (!check->scheme->hash || start_hashed(check));
}

struct signature_check *signature_check_new(const struct signature_key *key,
                                            enum signature_algorithm algorithm)
{
    struct signature_check *check = calloc(1, sizeof(*check));

    ensure((signature_key_algorithms(key) & SIGNATURE_BIT(algorithm)) != 0);
    if (!check) {
        return NULL;
    }
    check->scheme = &signature_schemes[algorithm];
    if (!start(check, key)) {
        ERR_clear_error();
        signature_check_free(check);
        return NULL;
    }
    return check;
}

void signature_check_free(struct signature_check *check)
{
    if (check) {
        EVP_MAC_CTX_free(check->mac);
        EVP_PKEY_CTX_free(check->verify);
        EVP_MD_CTX_free(check->digest);
        EVP_MD_free(check->hash);
        free(check);
    }
}

size_t signature_check_length(const struct signature_check *check)
{
    return check->length;
}

static bool mac_is_good(struct signature_check *check, struct str data, struct str signature)
{
    uint8_t mac[HASH_BYTES_MAX];
    size_t written = 0;
    bool is_good = EVP_MAC_init(check->mac, NULL, 0, NULL) == 1 &&
                   EVP_MAC_update(check->mac, (const uint8_t *)data.ptr, data.len) == 1 &&
                   EVP_MAC_final(check->mac, mac, &written, sizeof(mac)) == 1 &&
                   written == signature.len && crypto_equal(mac, signature.ptr, written);

    crypto_wipe(mac, sizeof(mac));
    return is_good;
}

/* X.690 8.3: big-endian, no needless zero byte, one where the first bit is set. */
static size_t put_integer(uint8_t *out, const uint8_t *bytes, size_t length)
{
    while (length > 1 && bytes[0] == 0) {
        bytes++;
        length--;
    }
    size_t sign = bytes[0] >> 7;
    out[0] = 0x02;
    out[1] = (uint8_t)(length + sign);
    out[2] = 0;
    memcpy(out + 2 + sign, bytes, length);
    return 2 + sign + length;
}

/* r and s as OpenSSL wants them; gives where they begin in `out` and how long they are. */
static const uint8_t *to_der(struct str signature, uint8_t out[DER_BYTES_MAX], size_t *length)
{
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    size_t half = signature.len / 2;
    size_t inside = put_integer(out + 3, bytes, half);

    inside += put_integer(out + 3 + inside, bytes + half, half);
    bool is_long = inside > 127;
    uint8_t *begin = is_long ? out : out + 1;
    begin[0] = 0x30;
    out[1] = is_long ? 0x81 : 0x30;
    out[2] = (uint8_t)inside;
    *length = (size_t)(out + 3 + inside - begin);
    return begin;
}

static bool hashed_is_good(struct signature_check *check, struct str data, struct str signature)
{
    uint8_t hash[HASH_BYTES_MAX], der[DER_BYTES_MAX];
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    size_t length = signature.len;
    unsigned written = 0;

    if (EVP_DigestInit_ex2(check->digest, check->hash, NULL) != 1 ||
        EVP_DigestUpdate(check->digest, data.ptr, data.len) != 1 ||
        EVP_DigestFinal_ex(check->digest, hash, &written) != 1) {
        return false;
    }
    if (signature_curve_bytes(check->scheme->key_type) > 0) {
        bytes = to_der(signature, der, &length);
    }
    return EVP_PKEY_verify(check->verify, bytes, length, hash, written) == 1;
}

static bool pure_is_good(struct signature_check *check, struct str data, struct str signature)
{
    return EVP_MD_CTX_reset(check->digest) == 1 &&
           EVP_DigestVerifyInit_ex(check->digest, NULL, NULL, NULL, NULL, check->pkey, NULL) == 1 &&
           EVP_DigestVerify(check->digest, (const uint8_t *)signature.ptr, signature.len,
                            (const uint8_t *)data.ptr, data.len) == 1;
}

bool signature_is_good(struct signature_check *check, struct str data, struct str signature)
{
    bool is_good = false;

    if (signature.len != check->length) {
        return false;
    }
    if (check->mac) {
        is_good = mac_is_good(check, data, signature);
    } else if (check->hash) {
        is_good = hashed_is_good(check, data, signature);
    } else {
        is_good = pure_is_good(check, data, signature);
    }
    if (!is_good) {
        ERR_clear_error();
    }
    return is_good;
}
