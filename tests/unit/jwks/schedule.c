/* When an issuer's keys are fetched, on virtual time. */
#include "agent/jwks/schedule.h"

#include <check.h>
#include <stdlib.h>

#define S(n)  (INT64_C(1000000) * (n))
#define NOW   S(1000)
#define DICE  0u /* no spread */
#define DICES 5  /* tried where it matters */

static const struct jwt_published published = {
    .refresh_us = S(300), .max_age_us = S(3600), .cooldown_us = S(30)};
static const uint32_t dices[DICES] = {0, 1, 123456789, UINT32_MAX / 2, UINT32_MAX};
static struct schedule schedule;

static void setup(void)
{
    schedule_init(&schedule, &published, NOW);
}

static void succeed_at(int64_t now_us)
{
    schedule_begin(&schedule, now_us);
    schedule_succeed(&schedule, now_us, DICE);
}

START_TEST(the_first_fetch_is_due_at_once)
{
    ck_assert(schedule_is_due(&schedule, NOW));
    schedule_begin(&schedule, NOW);
    ck_assert(!schedule_is_due(&schedule, NOW + S(3600)));
    ck_assert_int_eq(schedule.good_until_us, INT64_MIN);
}
END_TEST

START_TEST(a_refresh_comes_up_to_a_tenth_early)
{
    for (int i = 0; i < DICES; i++) {
        setup();
        schedule_begin(&schedule, NOW);
        schedule_succeed(&schedule, NOW + S(2), dices[i]);
        ck_assert_int_le(schedule.due_us, NOW + S(2) + S(300));
        ck_assert_int_ge(schedule.due_us, NOW + S(2) + S(270));
        ck_assert_int_eq(schedule.good_until_us, NOW + S(3600));
    }
}
END_TEST

START_TEST(failures_back_off_up_to_a_minute)
{
    static const int64_t most[] = {S(1), S(2), S(4), S(8), S(16), S(32), S(60), S(60), S(60)};

    for (int i = 0; i < DICES; i++) {
        int64_t now_us = NOW;

        setup();
        for (size_t n = 0; n < sizeof(most) / sizeof(most[0]); n++) {
            schedule_begin(&schedule, now_us);
            schedule_fail(&schedule, now_us, dices[i]);
            ck_assert_int_ge(schedule.due_us, now_us + most[n] / 2);
            ck_assert_int_le(schedule.due_us, now_us + most[n]);
            now_us = schedule.due_us;
        }
        succeed_at(now_us);
        schedule_begin(&schedule, now_us);
        schedule_fail(&schedule, now_us, dices[i]);
        ck_assert_int_le(schedule.due_us, now_us + S(1));
    }
}
END_TEST

START_TEST(a_failure_leaves_the_last_good_set_its_time)
{
    succeed_at(NOW);
    schedule_begin(&schedule, NOW + S(300));
    schedule_fail(&schedule, NOW + S(305), DICE);
    ck_assert_int_eq(schedule.good_until_us, NOW + S(3600));
}
END_TEST

START_TEST(asking_is_of_use_once_in_a_cooldown)
{
    unsigned fetches = 0;

    succeed_at(NOW);
    for (int64_t now_us = NOW + S(1); now_us < NOW + S(91); now_us += S(1) / 10) {
        schedule_ask(&schedule, now_us);
        if (schedule_is_due(&schedule, now_us)) {
            schedule_begin(&schedule, now_us);
            schedule_succeed(&schedule, now_us + S(1) / 20, DICE);
            ck_assert_int_eq(schedule.next_ask_us, now_us + S(30));
            fetches++;
        }
    }
    ck_assert_uint_eq(fetches, 3);
}
END_TEST

/* A refresh is nobody's ask: a rotation right behind it is met. */
START_TEST(a_refresh_leaves_asking_open)
{
    succeed_at(NOW);
    schedule_ask(&schedule, NOW + 1);
    ck_assert(schedule_is_due(&schedule, NOW + 1));
}
END_TEST

/* Who asks while one is under way may ask again: it may have begun too early for him. */
START_TEST(an_ask_joins_the_fetch_that_is_under_way)
{
    schedule_begin(&schedule, NOW);
    schedule_ask(&schedule, NOW + 1);
    schedule_succeed(&schedule, NOW + 2, DICE);
    ck_assert(!schedule_is_due(&schedule, NOW + 3));
    schedule_ask(&schedule, NOW + 3);
    ck_assert(schedule_is_due(&schedule, NOW + 3));
}
END_TEST

START_TEST(asking_does_not_break_the_back_off)
{
    schedule_begin(&schedule, NOW);
    schedule_fail(&schedule, NOW, DICE);
    schedule_ask(&schedule, NOW + 1);
    ck_assert(schedule_is_due(&schedule, NOW + 1));
    schedule_begin(&schedule, NOW + 1);
    schedule_fail(&schedule, NOW + 1, DICE);
    schedule_ask(&schedule, NOW + 2);
    ck_assert(!schedule_is_due(&schedule, NOW + 2));
    ck_assert(schedule_is_due(&schedule, NOW + S(2)));
}
END_TEST

START_TEST(other_intervals_keep_what_is_known)
{
    static const struct jwt_published other = {
        .refresh_us = S(10), .max_age_us = S(100), .cooldown_us = S(1)};

    succeed_at(NOW);
    schedule_ask(&schedule, NOW);
    schedule_begin(&schedule, NOW);
    schedule_change(&schedule, &other, NOW + S(1));
    ck_assert(schedule_is_due(&schedule, NOW + S(1)));
    ck_assert_int_eq(schedule.good_until_us, NOW + S(100));
    ck_assert_int_eq(schedule.next_ask_us, NOW + S(2));
    succeed_at(NOW + S(1));
    schedule_change(&schedule, &published, NOW + S(2));
    ck_assert_int_eq(schedule.good_until_us, NOW + S(1) + S(3600));
    ck_assert_int_le(schedule.due_us, NOW + S(11));
}
END_TEST

static Suite *schedule_suite(void)
{
    Suite *suite = suite_create("schedule");
    TCase *tests = tcase_create("schedule");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, the_first_fetch_is_due_at_once);
    tcase_add_test(tests, a_refresh_comes_up_to_a_tenth_early);
    tcase_add_test(tests, failures_back_off_up_to_a_minute);
    tcase_add_test(tests, a_failure_leaves_the_last_good_set_its_time);
    tcase_add_test(tests, asking_is_of_use_once_in_a_cooldown);
    tcase_add_test(tests, a_refresh_leaves_asking_open);
    tcase_add_test(tests, an_ask_joins_the_fetch_that_is_under_way);
    tcase_add_test(tests, asking_does_not_break_the_back_off);
    tcase_add_test(tests, other_intervals_keep_what_is_known);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(schedule_suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
