#include "agent/base/signature.h"

#include "agent/base/signature_make.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "agent/base/enc.h"
#include "tests/support/forge.h"
#include "tests/unit/base/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static char secret_bytes[64] = "a secret of sixty-four bytes, long enough for the longest hash.";

static const struct {
    const char *name;
    enum signature_algorithm algorithm;
    enum forge_key key; /* but for HMAC */
    size_t length;
} algorithms[] = {
    {"HS256", SIGNATURE_HS256, 0, 32},
    {"HS384", SIGNATURE_HS384, 0, 48},
    {"HS512", SIGNATURE_HS512, 0, 64},
    {"RS256", SIGNATURE_RS256, FORGE_RSA, 256},
    {"RS384", SIGNATURE_RS384, FORGE_RSA, 256},
    {"RS512", SIGNATURE_RS512, FORGE_RSA, 256},
    {"PS256", SIGNATURE_PS256, FORGE_RSA, 256},
    {"PS384", SIGNATURE_PS384, FORGE_RSA, 256},
    {"PS512", SIGNATURE_PS512, FORGE_RSA, 256},
    {"ES256", SIGNATURE_ES256, FORGE_P256, 64},
    {"ES384", SIGNATURE_ES384, FORGE_P384, 96},
    {"ES512", SIGNATURE_ES512, FORGE_P521, 132},
    {"EdDSA", SIGNATURE_EDDSA, FORGE_ED25519, 64},
};

/* A key from PEM, or the secret. */
static struct signature_key *key_for(int index)
{
    struct signature_key *key = NULL;
    struct diag diag = {""};
    enum err e;

    if (algorithms[index].name[0] == 'H') {
        e = signature_key_secret(str_make(secret_bytes, sizeof(secret_bytes)), &key, &diag);
    } else {
        char *pem = forge_public_pem(algorithms[index].key);
        e = signature_key_pem(str_from_c(pem), &key, &diag);
        free(pem);
    }
    ck_assert_msg(e == ERR_OK, "%s", diag.text);
    return key;
}

struct sample {
    char *token;
    struct str data, signature;
    uint8_t bytes[1024];
};

static void take_sample(int index, struct sample *out)
{
    const char *name = algorithms[index].name;
    struct str secret = str_make(secret_bytes, sizeof(secret_bytes));
    size_t length;

    out->token = name[0] == 'H' ? forge_mac_token(secret, name, STR("{}"), STR("text"))
                                : forge_token(algorithms[index].key, name, STR("{}"), STR("text"));
    const char *dot = strrchr(out->token, '.');
    out->data = str_make(out->token, (size_t)(dot - out->token));
    ck_assert_int_eq(enc_unbase64url(str_from_c(dot + 1), out->bytes, sizeof(out->bytes), &length),
                     ERR_OK);
    out->signature = str_make((const char *)out->bytes, length);
}

static struct signature_check *check_for(int index, const struct signature_key *key)
{
    struct signature_check *check = signature_check_new(key, algorithms[index].algorithm);

    ck_assert_ptr_nonnull(check);
    return check;
}

START_TEST(names_are_exact)
{
    static const char *const wrong[] = {"none",   "None",  "NONE",   "",         "hs256",
                                        "HS256 ", "HS25",  "RS1",    "HS2560",   "ES256K",
                                        "eddsa",  "EDDSA", "RSA256", "RSA-OAEP", "Ed25519"};
    enum signature_algorithm algorithm;

    for (int i = 0; i < COUNT(wrong); i++) {
        ck_assert_msg(!signature_algorithm_find(str_from_c(wrong[i]), &algorithm), "%s", wrong[i]);
    }
    ck_assert(!signature_algorithm_find(STR_ABSENT, &algorithm));
    ck_assert(!signature_algorithm_find(str_make("HS256\0", 6), &algorithm));
    ck_assert_int_eq(COUNT(algorithms), SIGNATURE_ALGORITHM_COUNT);
    for (int i = 0; i < COUNT(algorithms); i++) {
        ck_assert(signature_algorithm_find(str_from_c(algorithms[i].name), &algorithm));
        ck_assert_int_eq(algorithm, algorithms[i].algorithm);
        ck_assert_str_eq(signature_algorithm_name(algorithm), algorithms[i].name);
    }
}
END_TEST

/* Again and again on one context, the bad ones between the good ones. */
START_TEST(only_what_was_signed_is_good)
{
    struct signature_key *key = key_for(_i);
    struct signature_check *check = check_for(_i, key);
    struct sample sample;

    take_sample(_i, &sample);
    ck_assert_uint_eq(sample.signature.len, algorithms[_i].length);
    ck_assert_uint_eq(signature_check_length(check), algorithms[_i].length);
    for (size_t at = 0; at < sample.signature.len; at += 5) {
        sample.bytes[at] ^= (uint8_t)(1u << (at % 8));
        ck_assert_msg(!signature_is_good(check, sample.data, sample.signature), "%zu", at);
        sample.bytes[at] ^= (uint8_t)(1u << (at % 8));
        ck_assert(signature_is_good(check, sample.data, sample.signature));
    }
    ck_assert(!signature_is_good(check, str_make(sample.data.ptr, sample.data.len - 1),
                                 sample.signature));
    ck_assert(!signature_is_good(check, STR(""), sample.signature));
    signature_check_free(check);
    signature_key_free(key);
    free(sample.token);
}
END_TEST

START_TEST(every_other_length_is_refused)
{
    struct signature_key *key = key_for(_i);
    struct signature_check *check = check_for(_i, key);
    struct sample sample;

    take_sample(_i, &sample);
    for (size_t length = 0; length <= sample.signature.len + 8; length++) {
        struct str signature = str_make((const char *)sample.bytes, length);
        ck_assert_msg(signature_is_good(check, sample.data, signature) ==
                          (length == sample.signature.len),
                      "%zu", length);
    }
    memset(sample.bytes, 0, sizeof(sample.bytes));
    ck_assert(!signature_is_good(check, sample.data, sample.signature));
    memset(sample.bytes, 0xff, sizeof(sample.bytes));
    ck_assert(!signature_is_good(check, sample.data, sample.signature));
    signature_check_free(check);
    signature_key_free(key);
    free(sample.token);
}
END_TEST

/* r and s with leading zero bytes are as long as all others: none is lost on the way to DER. */
START_TEST(small_numbers_of_ecdsa_are_good)
{
    int index = 9;
    struct signature_key *key = key_for(index);
    struct signature_check *check = check_for(index, key);
    int small = 0;

    /* One in 128 has one. */
    for (int i = 0; i < 100000 && small < 3; i++) {
        struct sample sample;

        take_sample(index, &sample);
        small += sample.bytes[0] == 0 || sample.bytes[32] == 0;
        ck_assert(signature_is_good(check, sample.data, sample.signature));
        free(sample.token);
    }
    ck_assert_int_eq(small, 3);
    signature_check_free(check);
    signature_key_free(key);
}
END_TEST

START_TEST(a_key_goes_with_its_own_algorithms)
{
    struct signature_key *key = key_for(_i);
    unsigned want = 0;

    for (int i = 0; i < COUNT(algorithms); i++) {
        bool is_secret = algorithms[i].name[0] == 'H', wants_secret = algorithms[_i].name[0] == 'H';
        if (is_secret == wants_secret && (is_secret || algorithms[i].key == algorithms[_i].key)) {
            want |= SIGNATURE_BIT(algorithms[i].algorithm);
        }
    }
    ck_assert_uint_eq(signature_key_algorithms(key), want);
    signature_key_free(key);
}
END_TEST

START_TEST(a_secret_is_as_long_as_the_hash)
{
    static const struct {
        size_t length;
        unsigned algorithms;
    } cases[] = {{32, SIGNATURE_BIT(SIGNATURE_HS256)},
                 {47, SIGNATURE_BIT(SIGNATURE_HS256)},
                 {48, SIGNATURE_BIT(SIGNATURE_HS256) | SIGNATURE_BIT(SIGNATURE_HS384)},
                 {63, SIGNATURE_BIT(SIGNATURE_HS256) | SIGNATURE_BIT(SIGNATURE_HS384)},
                 {64, SIGNATURE_HMAC_ALL},
                 {1024, SIGNATURE_HMAC_ALL}};
    static char bytes[1025];
    struct diag diag;

    for (int i = 0; i < COUNT(cases); i++) {
        struct signature_key *key;

        ck_assert_int_eq(signature_key_secret(str_make(bytes, cases[i].length), &key, &diag),
                         ERR_OK);
        ck_assert_uint_eq(signature_key_algorithms(key), cases[i].algorithms);
        signature_key_free(key);
    }
    struct signature_key *none = NULL;
    ck_assert_int_eq(signature_key_secret(str_make(bytes, 31), &none, &diag), ERR_RANGE);
    ck_assert_str_eq(diag.text, "a secret of 31 bytes; 32 to 1024 are taken");
    ck_assert_int_eq(signature_key_secret(STR(""), &none, &diag), ERR_RANGE);
    ck_assert_int_eq(signature_key_secret(str_make(bytes, 1025), &none, &diag), ERR_RANGE);
    ck_assert_ptr_null(none);
}
END_TEST

/* ---- numbers that are no key ---- */

/* `bits` set from the top, odd or even. */
static struct str big(char *out, size_t bits, bool is_odd)
{
    size_t length = (bits + 7) / 8;

    memset(out, 0xff, length);
    out[0] = (char)(0xff >> (length * 8 - bits));
    out[length - 1] = (char)(is_odd ? 0xfd : 0xfe);
    return str_make(out, length);
}

START_TEST(rsa_that_is_weak_or_broken_is_refused)
{
    static const struct {
        size_t bits;
        bool is_odd;
        const char *e;
        size_t e_length;
        const char *why;
    } cases[] = {
        {2047, true, "\1\0\1", 3, "RSA of 2047 bits; 2048 to 8192 are taken"},
        {1024, true, "\1\0\1", 3, "RSA of 1024 bits; 2048 to 8192 are taken"},
        {8, true, "\1\0\1", 3, "RSA of 8 bits; 2048 to 8192 are taken"},
        {8193, true, "\1\0\1", 3, "RSA of 8193 bits; 2048 to 8192 are taken"},
        {2048, false, "\1\0\1", 3, "RSA with an even modulus"},
        {2048, true, "\1", 1, "RSA with an exponent that is even, below 3 or above 64 bits"},
        {2048, true, "\2", 1, "RSA with an exponent that is even, below 3 or above 64 bits"},
        {2048, true, "\1\0\0", 3, "RSA with an exponent that is even, below 3 or above 64 bits"},
        {2048, true, "\1\0\0\0\0\0\0\0\1", 9,
         "RSA with an exponent that is even, below 3 or above 64 bits"},
        {2048, true, "", 0, "RSA with a number that is empty, too long or begins with a zero byte"},
        {2048, true, "\0\1\0\1", 4,
         "RSA with a number that is empty, too long or begins with a zero byte"},
        {40000, true, "\1\0\1", 3,
         "RSA with a number that is empty, too long or begins with a zero byte"},
        /* A multiple of 3. */
        {2048, true, "\1\0\1", 3, "RSA with a modulus that is not sound"},
    };
    char bytes[5000];
    struct signature_key *key = NULL;
    struct diag diag = {""};
    struct str n = big(bytes, cases[_i].bits, cases[_i].is_odd);
    struct str e = str_make(cases[_i].e, cases[_i].e_length);

    /* 2^2048 - 3 has small factors or none; 2^2048 - 1 is a multiple of 3. */
    if (_i == 12) {
        bytes[n.len - 1] = (char)0xff;
    }
    ck_assert_int_ne(signature_key_rsa(n, e, &key, &diag), ERR_OK);
    ck_assert_str_eq(diag.text, cases[_i].why);
    ck_assert_ptr_null(key);
}
END_TEST

START_TEST(points_that_are_on_no_curve_are_refused)
{
    static const enum signature_key_type types[] = {SIGNATURE_KEY_P256, SIGNATURE_KEY_P384,
                                                    SIGNATURE_KEY_P521};
    static const size_t lengths[] = {32, 48, 66};
    static char zero[67], ones[67];
    struct signature_key *key = NULL;
    struct diag diag = {""};

    memset(ones, 0xff, sizeof(ones));
    for (int i = 0; i < COUNT(types); i++) {
        struct str x = str_make(zero, lengths[i]), high = str_make(ones, lengths[i]);

        ck_assert_int_eq(signature_key_ec(types[i], x, x, &key, &diag), ERR_RANGE);
        ck_assert_str_eq(diag.text, "a point that is not on its curve");
        ck_assert_int_eq(signature_key_ec(types[i], high, high, &key, &diag), ERR_RANGE);
        for (int cut = -1; cut <= 1; cut += 2) {
            struct str other = str_make(zero, lengths[i] + (size_t)cut);
            ck_assert_int_eq(signature_key_ec(types[i], other, x, &key, &diag), ERR_SYNTAX);
            ck_assert_int_eq(signature_key_ec(types[i], x, other, &key, &diag), ERR_SYNTAX);
        }
        ck_assert_str_eq(diag.text, "a coordinate that is not as long as its curve");
    }
    ck_assert_ptr_null(key);
}
END_TEST

static const char *const small_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

START_TEST(ed25519_keys_of_small_order_are_refused)
{
    struct signature_key *key = NULL;
    struct diag diag = {""};
    uint8_t bytes[32];

    ck_assert(enc_unhex(str_from_c(small_points[_i]), bytes, sizeof(bytes)));
    ck_assert_int_eq(signature_key_ed25519(str_make((char *)bytes, 32), &key, &diag), ERR_RANGE);
    ck_assert_str_eq(diag.text, "an Ed25519 key of small order");
    ck_assert_int_eq(signature_key_ed25519(str_make((char *)bytes, 31), &key, &diag), ERR_SYNTAX);
    ck_assert_ptr_null(key);
}
END_TEST

/* ---- PEM ---- */

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#define BROKEN      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"

static void refuse_pem(const char *pem, const char *why)
{
    struct signature_key *key = NULL;
    struct diag diag = {""};

    ck_assert_int_ne(signature_key_pem(str_from_c(pem), &key, &diag), ERR_OK);
    ck_assert_str_eq(diag.text, why);
    ck_assert_ptr_null(key);
}

START_TEST(pem_that_is_no_public_key_is_refused)
{
    static const struct {
        enum forge_key key;
        const char *why;
    } kinds[] = {
        {FORGE_RSA_1024, "RSA of 1024 bits; 2048 to 8192 are taken"},
        {FORGE_RSA_2047, "RSA of 2047 bits; 2048 to 8192 are taken"},
        {FORGE_SECP256K1, "an EC key on another curve than P-256, P-384 and P-521"},
        {FORGE_ED448, "a key that is not RSA, EC or Ed25519"},
    };
    char *pem = forge_public_pem(FORGE_P256), *private = forge_private_pem(FORGE_P256), *twice;

    refuse_pem("", "no PEM block, or a broken one");
    refuse_pem("text", "no PEM block, or a broken one");
    refuse_pem(CERTIFICATE, "expected a block BEGIN PUBLIC KEY");
    refuse_pem(BROKEN, "a public key that does not parse");
    refuse_pem(private, "a private key, which has no place here");
    ck_assert_int_gt(asprintf(&twice, "%s%s", pem, pem), 0);
    refuse_pem(twice, "more than one PEM block");
    strstr(pem, "-----END")[0] = '\0';
    refuse_pem(pem, "no PEM block, or a broken one");
    free(twice);
    free(private);
    free(pem);
    for (int i = 0; i < COUNT(kinds); i++) {
        pem = forge_public_pem(kinds[i].key);
        refuse_pem(pem, kinds[i].why);
        free(pem);
    }
}
END_TEST

static char *pem_of(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;

    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, pkey), 1);
    long length = BIO_get_mem_data(bio, &bytes);
    char *out = strndup(bytes, (size_t)length);
    BIO_free(bio);
    return out;
}

/* P-256's own numbers, spelt out (RFC 5480 2.1.1 forbids it). */
START_TEST(a_curve_that_is_spelt_out_is_refused)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

    ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"),
                     1);
    char *pem = pem_of(pkey);
    refuse_pem(pem, "an EC key on another curve than P-256, P-384 and P-521");
    free(pem);
    EVP_PKEY_free(pkey);
}
END_TEST

START_TEST(a_private_key_gives_its_public_half)
{
    for (int i = 3; i < COUNT(algorithms); i++) {
        char *pem = forge_private_pem(algorithms[i].key);
        struct signature_key *key = NULL;
        struct diag diag = {""};
        struct sample sample;

        ck_assert_msg(signature_key_of_private(str_from_c(pem), &key, &diag) == ERR_OK, "%s",
                      diag.text);
        struct signature_check *check = check_for(i, key);
        take_sample(i, &sample);
        ck_assert(signature_is_good(check, sample.data, sample.signature));
        signature_check_free(check);
        signature_key_free(key);
        free(sample.token);
        free(pem);
    }
}
END_TEST

START_TEST(a_private_key_that_asks_for_a_password_is_refused)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    unsigned char password[] = "secret";
    struct signature_key *key = NULL;
    struct diag diag = {""};
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;

    ck_assert_int_eq(
        PEM_write_bio_PrivateKey(bio, pkey, EVP_aes_128_cbc(), password, 6, NULL, NULL), 1);
    long length = BIO_get_mem_data(bio, &bytes);
    ck_assert_int_ne(signature_key_of_private(str_make(bytes, (size_t)length), &key, &diag),
                     ERR_OK);
    ck_assert_str_eq(diag.text, "an encrypted private key");
    ck_assert_ptr_null(key);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}
END_TEST

/* ---- threads ---- */

#define THREADS 6

static struct signature_key *shared;
static struct sample shared_sample;
static int shared_index;

static void *verify_often(void *unused)
{
    struct signature_check *check = signature_check_new(shared, algorithms[shared_index].algorithm);
    struct str cut = str_make(shared_sample.data.ptr, shared_sample.data.len - 1);
    bool is_right = check != NULL;

    for (int i = 0; is_right && i < 50; i++) {
        is_right = signature_is_good(check, shared_sample.data, shared_sample.signature) &&
                   !signature_is_good(check, cut, shared_sample.signature);
    }
    signature_check_free(check);
    return is_right ? unused : NULL;
}

START_TEST(threads_share_a_key)
{
    pthread_t threads[THREADS];
    void *result;

    shared_index = _i;
    shared = key_for(_i);
    take_sample(_i, &shared_sample);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, verify_often, &shared_index), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, &shared_index);
    }
    signature_key_free(shared);
    free(shared_sample.token);
}
END_TEST

/* RFC 8032 7.1, test 2. */
START_TEST(makes_the_published_signature)
{
    uint8_t seed[ED25519_SEED_BYTES], want[ED25519_SIGNATURE_BYTES], made[ED25519_SIGNATURE_BYTES];
    uint8_t public_key[ED25519_PUBLIC_BYTES], want_public[ED25519_PUBLIC_BYTES];
    char pem[ED25519_PEM_MAX];
    struct signature_key *key;

    ck_assert(enc_unhex(STR("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
                        seed, sizeof(seed)));
    ck_assert(enc_unhex(STR("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
                        want_public, sizeof(want_public)));
    ck_assert(enc_unhex(STR("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
                        want, sizeof(want)));
    struct signature_maker *maker = signature_maker_new(seed);
    ck_assert_ptr_nonnull(maker);
    signature_maker_public(maker, public_key);
    ck_assert_mem_eq(public_key, want_public, sizeof(public_key));
    ck_assert_int_eq(signature_make(maker, STR("\x72"), made), ERR_OK);
    ck_assert_mem_eq(made, want, sizeof(made));
    signature_maker_free(maker);

    ck_assert_int_eq(signature_public_pem(public_key, pem), ERR_OK);
    ck_assert_int_eq(signature_key_pem(str_from_c(pem), &key, NULL), ERR_OK);
    struct signature_check *check = signature_check_new(key, SIGNATURE_EDDSA);
    ck_assert(signature_is_good(check, STR("\x72"), str_make((char *)made, sizeof(made))));
    ck_assert(!signature_is_good(check, STR("\x73"), str_make((char *)made, sizeof(made))));
    signature_check_free(check);
    signature_key_free(key);
}
END_TEST

Suite *signature_suite(void)
{
    Suite *suite = suite_create("signature");
    TCase *tests = tcase_create("signature");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, makes_the_published_signature);
    tcase_add_test(tests, names_are_exact);
    tcase_add_loop_test(tests, only_what_was_signed_is_good, 0, COUNT(algorithms));
    tcase_add_loop_test(tests, every_other_length_is_refused, 0, COUNT(algorithms));
    tcase_add_test(tests, small_numbers_of_ecdsa_are_good);
    tcase_add_loop_test(tests, a_key_goes_with_its_own_algorithms, 0, COUNT(algorithms));
    tcase_add_test(tests, a_secret_is_as_long_as_the_hash);
    tcase_add_loop_test(tests, rsa_that_is_weak_or_broken_is_refused, 0, 13);
    tcase_add_test(tests, points_that_are_on_no_curve_are_refused);
    tcase_add_loop_test(tests, ed25519_keys_of_small_order_are_refused, 0, COUNT(small_points));
    tcase_add_test(tests, pem_that_is_no_public_key_is_refused);
    tcase_add_test(tests, a_curve_that_is_spelt_out_is_refused);
    tcase_add_test(tests, a_private_key_gives_its_public_half);
    tcase_add_test(tests, a_private_key_that_asks_for_a_password_is_refused);
    tcase_add_loop_test(tests, threads_share_a_key, 0, COUNT(algorithms));
    suite_add_tcase(suite, tests);
    return suite;
}
