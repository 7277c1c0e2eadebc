#include "agent/base/reason.h"

#include "agent/base/err.h"
#include "tests/unit/base/suites.h"

START_TEST(a_zeroed_reason_is_no_allow)
{
    enum reason zeroed = (enum reason)0;

    ck_assert(str_equal(reason_code(zeroed), STR("none")));
    ck_assert_int_eq(reason_status(zeroed), 503);
}
END_TEST

START_TEST(only_ok_has_status_200)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        int status = reason_status((enum reason)i);

        ck_assert(i == REASON_OK ? status == 200 : status >= 400 && status <= 503);
    }
}
END_TEST

START_TEST(codes_are_distinct_words)
{
    for (int i = 0; i < REASON_COUNT; i++) {
        struct str code = reason_code((enum reason)i);

        ck_assert_uint_eq(strspn(code.ptr, "abcdefghijklmnopqrstuvwxyz_"), code.len);
        ck_assert_uint_gt(strlen(reason_text((enum reason)i)), 0);
        for (int k = 0; k < i; k++) {
            ck_assert(!str_equal(code, reason_code((enum reason)k)));
        }
    }
}
END_TEST

START_TEST(every_error_has_its_text)
{
    for (int i = 0; i >= ERR_BUSY; i--) {
        ck_assert_str_ne(err_text((enum err)i), "unknown error");
    }
    ck_assert_str_eq(err_text((enum err) - 99), "unknown error");
}
END_TEST

Suite *reason_suite(void)
{
    Suite *suite = suite_create("reason");
    TCase *tests = tcase_create("reason");

    tcase_add_test(tests, a_zeroed_reason_is_no_allow);
    tcase_add_test(tests, only_ok_has_status_200);
    tcase_add_test(tests, codes_are_distinct_words);
    tcase_add_test(tests, every_error_has_its_text);
    suite_add_tcase(suite, tests);
    return suite;
}
