/* Keys and signatures that do not belong together, and which keys are tried. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/enc.h"
#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"

/* ---- the wrong kind ---- */

/* The classic: a MAC under the text of our public key. */
START_TEST(a_public_key_is_no_secret)
{
    static const enum forge_key kinds[] = {FORGE_RSA, FORGE_P256, FORGE_P521, FORGE_ED25519};
    static const char *const names[] = {"HS256", "HS384", "HS512"};

    for (int k = 0; k < COUNT(kinds); k++) {
        char *texts[] = {forge_public_pem(kinds[k]), forge_jwk(kinds[k], "")};

        fixture_open(texts[0], ALL_ALGORITHMS);
        for (int i = 0; i < 2 * COUNT(names); i++) {
            char header[64];
            snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", names[i / 2]);
            char *token = forge_mac_token(str_from_c(texts[i % 2]), names[i / 2],
                                          str_from_c(header), STR("text"));
            ck_assert_fault(fixture_ask(str_from_c(token), NULL), JOSE_NO_KEY);
            free(token);
        }
        fixture_close();
        free(texts[0]);
        free(texts[1]);
    }
}
END_TEST

static const struct {
    enum forge_key signer;
    const char *algorithm; /* that signed */
    const char *header;
    enum forge_key key; /* ours */
    enum jose_fault fault;
} mixed[] = {
    {FORGE_RSA, "RS256", "{\"alg\":\"RS256\"}", FORGE_RSA, JOSE_NONE},
    {FORGE_RSA, "PS256", "{\"alg\":\"PS256\"}", FORGE_RSA, JOSE_NONE},
    {FORGE_ED25519, "EdDSA", "{\"alg\":\"EdDSA\"}", FORGE_ED25519, JOSE_NONE},
    {FORGE_RSA_OTHER, "RS256", "{\"alg\":\"RS256\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_P256_OTHER, "ES256", "{\"alg\":\"ES256\"}", FORGE_P256, JOSE_SIGNATURE},
    {FORGE_RSA, "RS256", "{\"alg\":\"PS256\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_RSA, "PS256", "{\"alg\":\"RS256\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_RSA, "RS256", "{\"alg\":\"RS384\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_RSA, "RS512", "{\"alg\":\"RS256\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_RSA, "PS512", "{\"alg\":\"PS384\"}", FORGE_RSA, JOSE_SIGNATURE},
    {FORGE_RSA_1024, "RS256", "{\"alg\":\"RS256\"}", FORGE_RSA, JOSE_SIGNATURE_LENGTH},
    {FORGE_P256, "ES384", "{\"alg\":\"ES384\"}", FORGE_P256, JOSE_NO_KEY},
    {FORGE_P256, "ES384", "{\"alg\":\"ES256\"}", FORGE_P256, JOSE_SIGNATURE},
    {FORGE_P384, "ES256", "{\"alg\":\"ES256\"}", FORGE_P384, JOSE_NO_KEY},
    {FORGE_P521, "ES256", "{\"alg\":\"ES256\"}", FORGE_P521, JOSE_NO_KEY},
    {FORGE_P256, "ES512", "{\"alg\":\"ES512\"}", FORGE_P256, JOSE_NO_KEY},
    {FORGE_P384, "ES384", "{\"alg\":\"ES384\"}", FORGE_P256, JOSE_NO_KEY},
    {FORGE_P384, "ES256", "{\"alg\":\"ES256\"}", FORGE_P256, JOSE_SIGNATURE_LENGTH},
    {FORGE_SECP256K1, "ES256", "{\"alg\":\"ES256\"}", FORGE_P256, JOSE_SIGNATURE},
    {FORGE_RSA, "RS256", "{\"alg\":\"RS256\"}", FORGE_P256, JOSE_NO_KEY},
    {FORGE_P256, "ES256", "{\"alg\":\"ES256\"}", FORGE_RSA, JOSE_NO_KEY},
    {FORGE_ED25519, "EdDSA", "{\"alg\":\"ES256\"}", FORGE_P256, JOSE_SIGNATURE},
    {FORGE_P256, "ES256", "{\"alg\":\"EdDSA\"}", FORGE_ED25519, JOSE_SIGNATURE},
    {FORGE_ED448, "EdDSA", "{\"alg\":\"EdDSA\"}", FORGE_ED25519, JOSE_SIGNATURE_LENGTH},
};

START_TEST(key_algorithm_and_signature_must_agree)
{
    char *jwk = forge_jwk(mixed[_i].key, "");

    fixture_open(jwk, ALL_ALGORITHMS);
    ck_assert_fault(fixture_ask_signed(mixed[_i].signer, mixed[_i].algorithm, mixed[_i].header),
                    mixed[_i].fault);
    fixture_close();
    free(jwk);
}
END_TEST

/* A key that says what it is for is for nothing else. */
START_TEST(the_keys_own_alg_counts)
{
    char *jwk = forge_jwk(FORGE_RSA, ",\"alg\":\"RS256\"");

    fixture_open(jwk, ALL_ALGORITHMS);
    ck_assert_fault(fixture_ask_signed(FORGE_RSA, "RS256", "{\"alg\":\"RS256\"}"), JOSE_NONE);
    ck_assert_fault(fixture_ask_signed(FORGE_RSA, "RS512", "{\"alg\":\"RS512\"}"), JOSE_NO_KEY);
    ck_assert_fault(fixture_ask_signed(FORGE_RSA, "PS256", "{\"alg\":\"PS256\"}"), JOSE_NO_KEY);
    fixture_close();
    free(jwk);
}
END_TEST

START_TEST(a_short_secret_is_for_short_hashes)
{
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    char *k = forge_base64url(STR(secret)), jwk[128];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    fixture_open(jwk, ALL_ALGORITHMS);
    char *good = forge_mac_token(STR(secret), "HS256", STR("{\"alg\":\"HS256\"}"), STR("text"));
    char *bad = forge_mac_token(STR(secret), "HS512", STR("{\"alg\":\"HS512\"}"), STR("text"));
    ck_assert_fault(fixture_ask(str_from_c(good), "text"), JOSE_NONE);
    ck_assert_fault(fixture_ask(str_from_c(bad), NULL), JOSE_NO_KEY);
    fixture_close();
    free(good);
    free(bad);
    free(k);
}
END_TEST

/* ---- signatures in other forms ---- */

static void ask_with_signature(struct str signature, enum jose_fault want)
{
    static const char text[] = "eyJhbGciOiJFUzI1NiJ9.dGV4dA";
    char *end = forge_base64url(signature), *token;

    ck_assert_int_gt(asprintf(&token, "%s.%s", text, end), 0);
    ck_assert_fault(fixture_ask(str_from_c(token), "text"), want);
    free(token);
    free(end);
}

START_TEST(ecdsa_in_der_or_of_other_numbers_is_refused)
{
    /* The group's order. */
    static const uint8_t order[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    char *jwk = forge_jwk(FORGE_P256, "");
    char *token = forge_token(FORGE_P256, "ES256", STR("{\"alg\":\"ES256\"}"), STR("text"));
    uint8_t raw[64], changed[64], der[80] = {0x30, 0x44, 0x02, 0x20};
    size_t length;

    fixture_open(jwk, ALL_ALGORITHMS);
    ck_assert_int_eq(
        enc_unbase64url(str_from_c(strrchr(token, '.') + 1), raw, sizeof(raw), &length), ERR_OK);
    ask_with_signature(str_make((char *)raw, 64), JOSE_NONE);
    memcpy(der + 4, raw, 32);
    der[36] = 0x02;
    der[37] = 0x20;
    memcpy(der + 38, raw + 32, 32);
    ask_with_signature(str_make((char *)der, 70), JOSE_SIGNATURE_LENGTH);
    ask_with_signature(str_make((char *)raw, 63), JOSE_SIGNATURE_LENGTH);
    for (int half = 0; half < 64; half += 32) {
        memcpy(changed, raw, sizeof(raw));
        memset(changed + half, 0, 32);
        ask_with_signature(str_make((char *)changed, 64), JOSE_SIGNATURE);
        memcpy(changed + half, order, 32);
        ask_with_signature(str_make((char *)changed, 64), JOSE_SIGNATURE);
        memset(changed + half, 0xff, 32);
        ask_with_signature(str_make((char *)changed, 64), JOSE_SIGNATURE);
    }
    memset(changed, 0, sizeof(changed));
    ask_with_signature(str_make((char *)changed, 64), JOSE_SIGNATURE);
    memcpy(changed, raw + 32, 32);
    memcpy(changed + 32, raw, 32);
    ask_with_signature(str_make((char *)changed, 64), JOSE_SIGNATURE);
    fixture_close();
    free(token);
    free(jwk);
}
END_TEST

/* ---- which keys are tried ---- */

static char *set_of(const char *a, const char *b)
{
    char *out;

    ck_assert_int_gt(asprintf(&out, "{\"keys\":[%s,%s]}", a, b), 0);
    return out;
}

#define HEADER_PLAIN "{\"alg\":\"ES256\"}"
#define HEADER_K1    "{\"alg\":\"ES256\",\"kid\":\"k1\"}"
#define HEADER_K2    "{\"alg\":\"ES256\",\"kid\":\"k2\"}"

static const struct {
    const char *kid, *other_kid; /* of P256 and of P256_OTHER */
    const char *header;
    enum jose_fault fault, other_fault; /* signed by either */
} choices[] = {
    {",\"kid\":\"k1\"", ",\"kid\":\"k2\"", HEADER_K1, JOSE_NONE, JOSE_SIGNATURE},
    {",\"kid\":\"k1\"", ",\"kid\":\"k2\"", HEADER_K2, JOSE_SIGNATURE, JOSE_NONE},
    /* No kid, and two keys it could be. */
    {",\"kid\":\"k1\"", ",\"kid\":\"k2\"", HEADER_PLAIN, JOSE_NO_KEY, JOSE_NO_KEY},
    /* Keys without a kid stand for every one that nobody has. */
    {"", "", HEADER_PLAIN, JOSE_NONE, JOSE_NONE},
    {"", "", HEADER_K1, JOSE_NONE, JOSE_NONE},
    {",\"kid\":\"k1\"", "", HEADER_K1, JOSE_NONE, JOSE_SIGNATURE},
    {",\"kid\":\"k1\"", "", HEADER_K2, JOSE_SIGNATURE, JOSE_NONE},
    {",\"kid\":\"k1\"", "", HEADER_PLAIN, JOSE_SIGNATURE, JOSE_NONE},
};

START_TEST(a_kid_chooses_the_key)
{
    char *first = forge_jwk(FORGE_P256, choices[_i].kid);
    char *second = forge_jwk(FORGE_P256_OTHER, choices[_i].other_kid);
    char *set = set_of(first, second);

    fixture_open(set, ALL_ALGORITHMS);
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256", choices[_i].header), choices[_i].fault);
    ck_assert_fault(fixture_ask_signed(FORGE_P256_OTHER, "ES256", choices[_i].header),
                    choices[_i].other_fault);
    fixture_close();
    free(first);
    free(second);
    free(set);
}
END_TEST

/* Issuer 0 has the RSA key, issuer 1 both EC keys; each with algorithms of its own. */
START_TEST(a_key_is_its_issuers_alone)
{
    char *rsa = forge_jwk(FORGE_RSA, ""), *first = forge_jwk(FORGE_P256, "");
    char *second = forge_jwk(FORGE_P384, ""), *set = set_of(first, second);
    struct jose_keys *keys[] = {fixture_keys(rsa), fixture_keys(set)};
    const struct jws_source sources[] = {
        {keys[0], SIGNATURE_BIT(SIGNATURE_RS256) | SIGNATURE_BIT(SIGNATURE_ES384)},
        {keys[1], SIGNATURE_BIT(SIGNATURE_ES256) | SIGNATURE_BIT(SIGNATURE_RS512)}};
    struct jws_verifier *verifier = jws_verifier_new(sources, 2, JWS_BYTES_DEFAULT);
    static const struct {
        enum forge_key key;
        const char *algorithm, *header;
        enum jose_fault fault;
        size_t source;
    } cases[] = {
        {FORGE_RSA, "RS256", "{\"alg\":\"RS256\"}", JOSE_NONE, 0},
        {FORGE_P256, "ES256", "{\"alg\":\"ES256\"}", JOSE_NONE, 1},
        /* allowed for the other issuer only */
        {FORGE_RSA, "RS512", "{\"alg\":\"RS512\"}", JOSE_NO_KEY, 0},
        {FORGE_P384, "ES384", "{\"alg\":\"ES384\"}", JOSE_NO_KEY, 1},
        {FORGE_RSA, "PS256", "{\"alg\":\"PS256\"}", JOSE_ALGORITHM, 0},
    };

    for (int i = 0; i < COUNT(cases); i++) {
        char *token =
            forge_token(cases[i].key, cases[i].algorithm, str_from_c(cases[i].header), STR("x"));
        struct jws jws;
        ck_assert_fault(jws_verify(verifier, str_from_c(token), &jws), cases[i].fault);
        if (cases[i].fault == JOSE_NONE) {
            ck_assert_uint_eq(jws.source, cases[i].source);
        }
        free(token);
    }
    jws_verifier_free(verifier);
    jose_keys_unref(keys[0]);
    jose_keys_unref(keys[1]);
    free(rsa);
    free(first);
    free(second);
    free(set);
}
END_TEST

/* What one issuer publishes decides nothing of another's tokens. */
static const char *const neighbours[][2] = {
    {",\"kid\":\"a\"", ",\"kid\":\"b\""}, {",\"kid\":\"a\"", ""}, {"", ""}};

START_TEST(the_one_key_of_an_issuer_needs_no_kid_whatever_others_have)
{
    char *own = forge_jwk(FORGE_P256, ",\"kid\":\"k1\"");
    char *first = forge_jwk(FORGE_P256_OTHER, neighbours[_i][0]);
    char *second = forge_jwk(FORGE_P256_OTHER, neighbours[_i][1]), *set = set_of(first, second);
    struct jose_keys *keys[] = {fixture_keys(set), fixture_keys(own)};
    const struct jws_source sources[] = {{keys[0], ALL_ALGORITHMS}, {keys[1], ALL_ALGORITHMS}};
    struct jws_verifier *verifier = jws_verifier_new(sources, 2, JWS_BYTES_DEFAULT);
    char *token = forge_token(FORGE_P256, "ES256", STR(HEADER_PLAIN), STR("x"));
    struct jws jws;

    ck_assert_fault(jws_verify(verifier, str_from_c(token), &jws), JOSE_NONE);
    ck_assert_uint_eq(jws.source, 1);
    free(token);
    jws_verifier_free(verifier);
    jose_keys_unref(keys[0]);
    jose_keys_unref(keys[1]);
    free(own);
    free(first);
    free(second);
    free(set);
}
END_TEST

/* A forged token costs a bounded number of verifications. */
START_TEST(no_more_keys_are_tried_than_the_bound)
{
    char *jwk = forge_jwk(FORGE_P256, "");
    struct jose_keys *keys = jose_keys_new();
    struct diag diag;

    for (int i = 0; i <= JWS_TRIES_MAX; i++) {
        const struct jws_source source = {keys, ALL_ALGORITHMS};
        struct jws jws;

        ck_assert_int_eq(jose_keys_add(keys, str_from_c(jwk), &diag), ERR_OK);
        ck_assert_uint_eq(jose_keys_unnamed(keys, SIGNATURE_ES256), (size_t)i + 1);
        ck_assert_uint_eq(jose_keys_unnamed(keys, SIGNATURE_RS256), 0);
        struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
        char *token = forge_token(FORGE_P256, "ES256", STR(HEADER_PLAIN), STR("x"));
        ck_assert_fault(jws_verify(verifier, str_from_c(token), &jws),
                        i < JWS_TRIES_MAX ? JOSE_NONE : JOSE_NO_KEY);
        free(token);
        jws_verifier_free(verifier);
    }
    jose_keys_unref(keys);
    free(jwk);
}
END_TEST

START_TEST(without_keys_nothing_is_good)
{
    struct jws_verifier *verifier = jws_verifier_new(NULL, 0, JWS_BYTES_DEFAULT);
    char *token = forge_token(FORGE_P256, "ES256", STR(HEADER_PLAIN), STR("x"));
    struct jws jws;

    ck_assert_fault(jws_verify(verifier, str_from_c(token), &jws), JOSE_ALGORITHM);
    jws_verifier_free(verifier);
    free(token);
}
END_TEST

Suite *signatures_suite(void)
{
    Suite *suite = suite_create("signatures");
    TCase *tests = tcase_create("signatures");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_public_key_is_no_secret);
    tcase_add_loop_test(tests, key_algorithm_and_signature_must_agree, 0, COUNT(mixed));
    tcase_add_test(tests, the_keys_own_alg_counts);
    tcase_add_test(tests, a_short_secret_is_for_short_hashes);
    tcase_add_test(tests, ecdsa_in_der_or_of_other_numbers_is_refused);
    tcase_add_loop_test(tests, a_kid_chooses_the_key, 0, COUNT(choices));
    tcase_add_test(tests, a_key_is_its_issuers_alone);
    tcase_add_loop_test(tests, the_one_key_of_an_issuer_needs_no_kid_whatever_others_have, 0,
                        COUNT(neighbours));
    tcase_add_test(tests, no_more_keys_are_tried_than_the_bound);
    tcase_add_test(tests, without_keys_nothing_is_good);
    suite_add_tcase(suite, tests);
    return suite;
}
