#include <check.h>
#include <stdlib.h>

#include "tests/bench/histogram.h"

static struct histogram histogram;

static void clear(void)
{
    histogram = (struct histogram){0};
}

START_TEST(is_exact_for_small_values)
{
    for (uint64_t value = 1; value <= 100; value++) {
        histogram_record(&histogram, value);
    }
    ck_assert_uint_eq(histogram.count, 100);
    ck_assert_uint_eq(histogram.sum, 5050);
    ck_assert_uint_eq(histogram_percentile(&histogram, 1), 1);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 50);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99), 99);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 100);
}
END_TEST

/* One value alone is the largest, which is kept as it is; so a larger one stands beside it. */
START_TEST(is_at_most_one_part_in_64_above)
{
    uint64_t value = UINT64_C(1) << _i;

    for (uint64_t off = 0; off < 3; off++) {
        uint64_t sample = value + off * (value / 3);
        clear();
        histogram_record(&histogram, sample);
        histogram_record(&histogram, UINT64_MAX);
        uint64_t got = histogram_percentile(&histogram, 50);
        ck_assert_uint_ge(got, sample);
        ck_assert_uint_le(got - sample, sample / 64);
    }
}
END_TEST

START_TEST(never_tells_more_than_the_largest)
{
    histogram_record(&histogram, 1000001);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 1000001);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 1000001);
    histogram_record(&histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), UINT64_MAX);
}
END_TEST

START_TEST(one_late_of_a_hundred_is_the_last_percent)
{
    for (unsigned i = 0; i < 99; i++) {
        histogram_record(&histogram, 10);
    }
    histogram_record(&histogram, 5000);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99), 10);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99.5), 5000);
}
END_TEST

START_TEST(has_no_percentile_when_empty)
{
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tcase = tcase_create("histogram");

    tcase_add_checked_fixture(tcase, clear, NULL);
    tcase_add_test(tcase, has_no_percentile_when_empty);
    tcase_add_loop_test(tcase, is_at_most_one_part_in_64_above, 0, 63);
    tcase_add_test(tcase, never_tells_more_than_the_largest);
    tcase_add_test(tcase, one_late_of_a_hundred_is_the_last_percent);
    tcase_add_test(tcase, is_exact_for_small_values);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
