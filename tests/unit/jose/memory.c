/* Where memory runs out. */
#include "tests/support/failing_alloc.h"
#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"
#include "tests/unit/jose/vectors.h"

#define SET "{\"keys\":[" C_RSA_JWK "," A3_JWK "," ED_JWK "]}"

/* Only our own allocations fail; those of jansson and OpenSSL are theirs. */
START_TEST(keys_are_whole_or_refused)
{
    for (long n = 1;; n++) {
        struct diag diag = {""};

        failing_alloc_start(n);
        struct jose_keys *keys = jose_keys_new();
        enum err e = keys ? jose_keys_add(keys, STR(SET), &diag) : ERR_MEMORY;
        bool came = failing_alloc_stop();
        ck_assert_int_eq(e != ERR_OK, came);
        ck_assert_msg(!came || !keys || strstr(diag.text, "out of memory"), "%s", diag.text);
        jose_keys_unref(keys);
        if (!came) {
            ck_assert_int_gt(n, 4);
            return;
        }
    }
}
END_TEST

START_TEST(a_verifier_is_whole_or_none)
{
    struct jose_keys *keys = fixture_keys(SET);
    const struct jws_source source = {keys, ALL_ALGORITHMS};

    for (long n = 1;; n++) {
        struct jws jws;

        failing_alloc_start(n);
        struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
        bool came = failing_alloc_stop();
        ck_assert_int_eq(verifier == NULL, came);
        if (!came) {
            ck_assert_fault(jws_verify(verifier, STR(C1_TOKEN), &jws), JOSE_NONE);
            jws_verifier_free(verifier);
            ck_assert_int_gt(n, 8);
            break;
        }
    }
    jose_keys_unref(keys);
}
END_TEST

/* Nothing of our own is allocated for a token, good or bad. */
START_TEST(verifying_allocates_nothing_of_its_own)
{
    struct jose_keys *keys = fixture_keys(C_RSA_JWK);
    const struct jws_source source = {keys, ALL_ALGORITHMS};
    struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
    enum jose_fault faults[3];
    struct jws jws;

    failing_alloc_start(1);
    faults[0] = jws_verify(verifier, STR(C1_TOKEN), &jws);
    faults[1] = jws_verify(verifier, STR(C1_TOKEN " "), &jws);
    faults[2] = jws_verify(verifier, STR(A2_TOKEN), &jws);
    ck_assert(!failing_alloc_stop());
    ck_assert_fault(faults[0], JOSE_NONE);
    ck_assert_fault(faults[1], JOSE_FORM);
    ck_assert_fault(faults[2], JOSE_SIGNATURE);
    jws_verifier_free(verifier);
    jose_keys_unref(keys);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, keys_are_whole_or_refused);
    tcase_add_test(tests, a_verifier_is_whole_or_none);
    tcase_add_test(tests, verifying_allocates_nothing_of_its_own);
    suite_add_tcase(suite, tests);
    return suite;
}
