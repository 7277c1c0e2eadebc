/* Examples that others published. */
#include "tests/unit/jose/vectors.h"

#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"

static const struct {
    const char *name, *jwk, *token, *payload;
    enum signature_algorithm algorithm;
} vectors[] = {
    {"RFC 7515 A.1", A1_JWK, A1_TOKEN, A_CLAIMS, SIGNATURE_HS256},
    {"RFC 7515 A.2", A2_JWK, A2_TOKEN, A_CLAIMS, SIGNATURE_RS256},
    {"RFC 7515 A.3", A3_JWK, A3_TOKEN, A_CLAIMS, SIGNATURE_ES256},
    {"RFC 7515 A.4", A4_JWK, A4_TOKEN, "Payload", SIGNATURE_ES512},
    {"RFC 7520 4.1", C_RSA_JWK, C1_TOKEN, C_TEXT, SIGNATURE_RS256},
    {"RFC 7520 4.2", C_RSA_JWK, C2_TOKEN, C_TEXT, SIGNATURE_PS384},
    {"RFC 7520 4.3", C3_JWK, C3_TOKEN, C_TEXT, SIGNATURE_ES512},
    {"RFC 7520 4.4", C4_JWK, C4_TOKEN, C_TEXT, SIGNATURE_HS256},
    {"RFC 8037 A.4", ED_JWK, ED_TOKEN, "Example of Ed25519 signing", SIGNATURE_EDDSA},
};

START_TEST(a_published_token_is_good)
{
    fixture_open(vectors[_i].jwk, SIGNATURE_BIT(vectors[_i].algorithm));
    ck_assert_fault(fixture_ask(str_from_c(vectors[_i].token), vectors[_i].payload), JOSE_NONE);
    fixture_close();
}
END_TEST

START_TEST(a_published_token_is_bad_under_another_key_or_algorithm)
{
    fixture_open(vectors[_i].jwk, ALL_ALGORITHMS & ~SIGNATURE_BIT(vectors[_i].algorithm));
    ck_assert_fault(fixture_ask(str_from_c(vectors[_i].token), NULL), JOSE_ALGORITHM);
    fixture_close();
    for (int i = 0; i < COUNT(vectors); i++) {
        if (strcmp(vectors[i].jwk, vectors[_i].jwk) != 0) {
            fixture_open(vectors[i].jwk, ALL_ALGORITHMS);
            ck_assert_msg(fixture_ask(str_from_c(vectors[_i].token), NULL) != JOSE_NONE, "%s",
                          vectors[i].name);
            fixture_close();
        }
    }
}
END_TEST

/* Every bit of every byte. */
START_TEST(a_published_token_with_one_bit_changed_is_bad)
{
    char token[2048];
    size_t length = strlen(vectors[_i].token);

    fixture_open(vectors[_i].jwk, ALL_ALGORITHMS);
    memcpy(token, vectors[_i].token, length);
    for (size_t at = 0; at < length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            token[at] ^= (char)(1 << bit);
            ck_assert_msg(fixture_ask(str_make(token, length), NULL) != JOSE_NONE, "%zu %d", at,
                          bit);
            token[at] ^= (char)(1 << bit);
        }
    }
    ck_assert_fault(fixture_ask(str_make(token, length), vectors[_i].payload), JOSE_NONE);
    fixture_close();
}
END_TEST

START_TEST(a_published_token_that_is_cut_is_bad)
{
    size_t length = strlen(vectors[_i].token);

    fixture_open(vectors[_i].jwk, ALL_ALGORITHMS);
    for (size_t cut = 0; cut < length; cut++) {
        ck_assert(fixture_ask(str_make(vectors[_i].token, cut), NULL) != JOSE_NONE);
        ck_assert(fixture_ask(str_make(vectors[_i].token + cut + 1, length - cut - 1), NULL) !=
                  JOSE_NONE);
    }
    fixture_close();
}
END_TEST

/* RFC 7515 A.5. */
START_TEST(the_published_unsecured_token_is_bad)
{
    fixture_open(A1_JWK, ALL_ALGORITHMS);
    ck_assert_fault(fixture_ask(str_from_c(A5_TOKEN), NULL), JOSE_FORM);
    ck_assert_fault(fixture_ask(str_from_c(A5_TOKEN "AAAA"), NULL), JOSE_ALGORITHM);
    fixture_close();
}
END_TEST

Suite *vectors_suite(void)
{
    Suite *suite = suite_create("vectors");
    TCase *tests = tcase_create("vectors");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_published_token_is_good, 0, COUNT(vectors));
    tcase_add_loop_test(tests, a_published_token_is_bad_under_another_key_or_algorithm, 0,
                        COUNT(vectors));
    tcase_add_loop_test(tests, a_published_token_with_one_bit_changed_is_bad, 0, COUNT(vectors));
    tcase_add_loop_test(tests, a_published_token_that_is_cut_is_bad, 0, COUNT(vectors));
    tcase_add_test(tests, the_published_unsecured_token_is_bad);
    suite_add_tcase(suite, tests);
    return suite;
}
