/* Length, dots and base64url: the token's text. */
#include <stdlib.h>

#include "agent/base/enc.h"
#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"
#include "tests/unit/jose/vectors.h"

#define A1_HEADER "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define A1_MAC    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

static void start(void)
{
    fixture_open(A1_JWK, ALL_ALGORITHMS);
}

/* libjwt 1.10 takes some of these, and writes before the block for others. */
static const char *const bad_forms[] = {
    "",
    ".",
    "..",
    "...",
    "a",
    "a.b",
    A1_HEADER,
    A1_HEADER ".",
    A1_HEADER "..",
    A1_HEADER "." A_PAYLOAD,
    A1_HEADER "." A_PAYLOAD ".",
    A1_HEADER ".." A1_MAC,
    "." A_PAYLOAD "." A1_MAC,
    A1_HEADER "." A_PAYLOAD "." A1_MAC ".",
    A1_HEADER "." A_PAYLOAD "." A1_MAC ".extra",
    "." A1_HEADER "." A_PAYLOAD "." A1_MAC,
    A1_HEADER "." A_PAYLOAD ".." A1_MAC,
    A1_HEADER "." A_PAYLOAD "." A1_MAC "=",
    A1_HEADER "." A_PAYLOAD "." A1_MAC "==",
    A1_HEADER "." A_PAYLOAD "=." A1_MAC,
    A1_HEADER "=." A_PAYLOAD "." A1_MAC,
    A1_HEADER "." A_PAYLOAD "." A1_MAC " ",
    A1_HEADER "." A_PAYLOAD "." A1_MAC "\n",
    A1_HEADER "." A_PAYLOAD "." A1_MAC "!",
    " " A1_HEADER "." A_PAYLOAD "." A1_MAC,
    A1_HEADER " ." A_PAYLOAD "." A1_MAC,
    A1_HEADER "\t." A_PAYLOAD "." A1_MAC,
    /* The alphabet with + and /. */
    A1_HEADER "." A_PAYLOAD ".dBjftJeZ4CVP+mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    A1_HEADER "." A_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r/wW1gFWFOEjXk",
    /* Spare bits of the last digit that are not zero. */
    A1_HEADER "." A_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl",
    A1_HEADER "." A_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXm",
    A1_HEADER ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb29"
              "0Ijp0cnVlfR." A1_MAC,
    "{\"alg\":\"HS256\"}." A_PAYLOAD "." A1_MAC,
    /* RFC 7515 7.2, the JSON form. */
    "{\"payload\":\"" A_PAYLOAD "\",\"protected\":\"" A1_HEADER "\",\"signature\":\"" A1_MAC "\"}",
    /* RFC 7516: five parts. */
    "a.b.c.d.e",
    "Bearer " A1_HEADER "." A_PAYLOAD "." A1_MAC,
    A1_HEADER "." A_PAYLOAD "." A1_MAC "\xc3\xa9",
    A1_HEADER "%2e" A_PAYLOAD "%2e" A1_MAC,
};

START_TEST(other_forms_are_refused)
{
    const char *token = bad_forms[_i];

    ck_assert_fault(fixture_ask(str_from_c(token), NULL), token[0] ? JOSE_FORM : JOSE_SIZE);
}
END_TEST

START_TEST(a_nul_byte_is_refused_everywhere)
{
    char token[] = A1_TOKEN;

    ck_assert_fault(fixture_ask(str_make(token, sizeof(token)), NULL), JOSE_FORM);
    for (size_t at = 0; at + 1 < sizeof(token); at++) {
        char kept = token[at];
        token[at] = '\0';
        ck_assert_fault(fixture_ask(str_make(token, sizeof(token) - 1), NULL), JOSE_FORM);
        token[at] = kept;
    }
}
END_TEST

static enum jose_fault ask_of_size(struct jws_verifier *verifier, size_t payload_bytes)
{
    static const char header[] = "{\"alg\":\"HS256\"}";
    uint8_t secret[64];
    size_t length;
    struct jws jws;

    ck_assert_int_eq(
        enc_unbase64url(
            STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9"
                "CAow"),
            secret, sizeof(secret), &length),
        ERR_OK);
    char *payload = calloc(1, payload_bytes);
    char *token = forge_mac_token(str_make((char *)secret, length), "HS256", STR(header),
                                  str_make(payload, payload_bytes));
    enum jose_fault fault = jws_verify(verifier, str_from_c(token), &jws);
    free(token);
    free(payload);
    return fault;
}

START_TEST(longer_tokens_are_refused_before_anything)
{
    struct jose_keys *keys = fixture_keys(A1_JWK);
    const struct jws_source source = {keys, ALL_ALGORITHMS};
    /* 20 of header, 43 of MAC, two dots, and four digits for three bytes. */
    struct jws_verifier *verifier = jws_verifier_new(&source, 1, 20 + 43 + 2 + 400);
    struct jws jws;

    ck_assert_fault(ask_of_size(verifier, 300), JOSE_NONE);
    ck_assert_fault(ask_of_size(verifier, 301), JOSE_SIZE);
    jws_verifier_free(verifier);
    verifier = jws_verifier_new(&source, 1, JWS_BYTES_MAX);
    ck_assert_fault(ask_of_size(verifier, 24000), JOSE_NONE);
    ck_assert_fault(ask_of_size(verifier, 25000), JOSE_SIZE);
    /* No byte of it is read. */
    ck_assert_fault(jws_verify(verifier, str_make(A1_TOKEN, 8u << 20), &jws), JOSE_SIZE);
    jws_verifier_free(verifier);
    jose_keys_unref(keys);
}
END_TEST

Suite *form_suite(void)
{
    Suite *suite = suite_create("form");
    TCase *tests = tcase_create("form");

    tcase_add_checked_fixture(tests, start, fixture_close);
    tcase_add_loop_test(tests, other_forms_are_refused, 0, COUNT(bad_forms));
    tcase_add_test(tests, a_nul_byte_is_refused_everywhere);
    tcase_add_test(tests, longer_tokens_are_refused_before_anything);
    suite_add_tcase(suite, tests);
    return suite;
}
