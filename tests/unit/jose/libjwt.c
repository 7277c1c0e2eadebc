/* Tokens that libjwt signs. It shares no code with what verifies them but OpenSSL. */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"
#include "tests/unit/jose/vectors.h"

static const char secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static const struct {
    jwt_alg_t algorithm;
    enum signature_algorithm ours;
    enum forge_key key;
} cases[] = {
    {JWT_ALG_HS256, SIGNATURE_HS256, 0},          {JWT_ALG_HS384, SIGNATURE_HS384, 0},
    {JWT_ALG_HS512, SIGNATURE_HS512, 0},          {JWT_ALG_RS256, SIGNATURE_RS256, FORGE_RSA},
    {JWT_ALG_RS384, SIGNATURE_RS384, FORGE_RSA},  {JWT_ALG_RS512, SIGNATURE_RS512, FORGE_RSA},
    {JWT_ALG_ES256, SIGNATURE_ES256, FORGE_P256}, {JWT_ALG_ES384, SIGNATURE_ES384, FORGE_P384},
    {JWT_ALG_ES512, SIGNATURE_ES512, FORGE_P521},
};

static char *sign(int index)
{
    char *pem = forge_private_pem(cases[index].key);
    bool is_secret = cases[index].ours <= SIGNATURE_HS512;
    const char *key = is_secret ? secret : pem;
    jwt_t *jwt;

    ck_assert_int_eq(jwt_new(&jwt), 0);
    ck_assert_int_eq(jwt_add_grant(jwt, "sub", "alice"), 0);
    ck_assert_int_eq(
        jwt_set_alg(jwt, cases[index].algorithm, (const unsigned char *)key, (int)strlen(key)), 0);
    char *token = jwt_encode_str(jwt);
    ck_assert_ptr_nonnull(token);
    jwt_free(jwt);
    free(pem);
    return token;
}

static void open_for(int index)
{
    char *text;

    if (cases[index].ours <= SIGNATURE_HS512) {
        char *k = forge_base64url(STR(secret));
        ck_assert_int_gt(asprintf(&text, "{\"kty\":\"oct\",\"k\":\"%s\"}", k), 0);
        free(k);
    } else {
        text = forge_public_pem(cases[index].key);
    }
    fixture_open(text, SIGNATURE_BIT(cases[index].ours));
    free(text);
}

START_TEST(what_libjwt_signs_is_good)
{
    char *token = sign(_i);

    open_for(_i);
    ck_assert_fault(fixture_ask(str_from_c(token), "{\"sub\":\"alice\"}"), JOSE_NONE);
    token[strlen(token) / 2] ^= 1;
    ck_assert(fixture_ask(str_from_c(token), NULL) != JOSE_NONE);
    fixture_close();
    free(token);
}
END_TEST

Suite *libjwt_suite(void)
{
    Suite *suite = suite_create("libjwt");
    TCase *tests = tcase_create("libjwt");

    tcase_add_loop_test(tests, what_libjwt_signs_is_good, 0, COUNT(cases));
    suite_add_tcase(suite, tests);
    return suite;
}
