/* How failures add up. tests/admin/test_shield_scripts.py holds lua/fail.lua to the same. */
#include "agent/shield/count.h"

#include "tests/unit/shield/suites.h"

#define SECOND INT64_C(1000000)

/* Ten are free, one is forgotten in 90 s. */
static const struct shield_rule rule = {
    .free = 10, .interval_us = 90 * SECOND, .wait_us = SECOND, .wait_max_us = 900 * SECOND};

/* Fails until it has to wait; gives how often. */
static int fail_until_wait(struct shield_count *count, int64_t now_us)
{
    int failures = 0;

    while (!shield_count_waits(count, now_us) && failures < 1000) {
        shield_count_add(count, &rule, now_us);
        failures++;
    }
    return failures;
}

START_TEST(waits_double_up_to_the_longest)
{
    struct shield_count count = {0};
    int64_t now_us = 1000 * SECOND, wait_us = SECOND;

    ck_assert_int_eq(fail_until_wait(&count, now_us), 10);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(count.until_us - now_us, wait_us < 900 * SECOND ? wait_us : 900 * SECOND);
        now_us = count.until_us;
        ck_assert(!shield_count_waits(&count, now_us));
        shield_count_add(&count, &rule, now_us);
        wait_us *= 2;
    }
}
END_TEST

START_TEST(what_fails_while_it_waits_makes_it_no_longer)
{
    struct shield_count count = {0};

    for (int i = 0; i < 1000; i++) {
        shield_count_add(&count, &rule, i);
    }
    ck_assert_int_eq(count.until_us, 9 + SECOND);
}
END_TEST

START_TEST(a_failure_is_forgotten_in_each_interval)
{
    struct shield_count count = {0};
    int64_t now_us = 0;

    for (int i = 0; i < 1000; i++) {
        shield_count_add(&count, &rule, now_us);
        ck_assert_msg(!shield_count_waits(&count, now_us), "%d", i);
        now_us += rule.interval_us;
    }
    ck_assert(shield_count_is_clear(&count, now_us));
}
END_TEST

START_TEST(nothing_is_forgotten_while_it_waits)
{
    struct shield_count count = {0};
    int64_t now_us = 0;

    fail_until_wait(&count, now_us);
    for (int i = 0; i < 9; i++) {
        now_us = count.until_us;
        shield_count_add(&count, &rule, now_us);
    }
    ck_assert_int_eq(count.until_us - now_us, 512 * SECOND);
    /* All is forgotten one by one, but only from the end of the wait on. */
    now_us = count.until_us;
    ck_assert_int_eq(count.clear_us - now_us, 19 * rule.interval_us);
    shield_count_add(&count, &rule, now_us + 5 * rule.interval_us);
    ck_assert_int_eq(count.until_us - now_us - 5 * rule.interval_us, 32 * SECOND);
}
END_TEST

START_TEST(who_never_stops_is_forgotten_no_later_than_who_just_reached_the_longest)
{
    struct shield_count count = {0};

    for (int i = 0; i < 100000; i++) {
        shield_count_add(&count, &rule, count.until_us);
    }
    ck_assert_int_eq(count.clear_us - count.until_us, 20 * rule.interval_us);
}
END_TEST

START_TEST(none_free_counts_nothing)
{
    struct shield_rule off = rule;
    struct shield_count count = {0};

    off.free = 0;
    for (int i = 0; i < 100; i++) {
        shield_count_add(&count, &off, i);
    }
    ck_assert_int_eq(count.clear_us, 0);
    ck_assert_int_eq(count.until_us, 0);
}
END_TEST

START_TEST(one_free_waits_at_once)
{
    struct shield_rule strict = rule;
    struct shield_count count = {0};

    strict.free = 1;
    shield_count_add(&count, &strict, 5);
    ck_assert_int_eq(count.until_us, 5 + SECOND);
}
END_TEST

START_TEST(a_first_wait_beyond_the_longest_is_the_longest)
{
    struct shield_rule odd = rule;
    struct shield_count count = {0};

    odd.free = 1;
    odd.wait_us = 2000 * SECOND;
    shield_count_add(&count, &odd, 0);
    ck_assert_int_eq(count.until_us, 900 * SECOND);
}
END_TEST

Suite *count_suite(void)
{
    Suite *suite = suite_create("count");
    TCase *tests = tcase_create("count");

    tcase_add_test(tests, waits_double_up_to_the_longest);
    tcase_add_test(tests, what_fails_while_it_waits_makes_it_no_longer);
    tcase_add_test(tests, a_failure_is_forgotten_in_each_interval);
    tcase_add_test(tests, nothing_is_forgotten_while_it_waits);
    tcase_add_test(tests, who_never_stops_is_forgotten_no_later_than_who_just_reached_the_longest);
    tcase_add_test(tests, none_free_counts_nothing);
    tcase_add_test(tests, one_free_waits_at_once);
    tcase_add_test(tests, a_first_wait_beyond_the_longest_is_the_longest);
    suite_add_tcase(suite, tests);
    return suite;
}
