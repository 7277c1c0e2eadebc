/* What one agent answers while the store fails, hangs, forgets, or loses replies. */
#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/world.h"

static struct world world;
static struct asker asker;
static struct limit_record quota;

static void setup(void)
{
    world_open(&world, 1);
    quota = limit_quota(1000, LIMIT_PER_DAY);
    asker_init(&asker, &world, 0, &quota, 1);
}

static void teardown(void)
{
    world_close(&world);
}

static struct fake_store *fake(void)
{
    return world.agents[0].fake;
}

START_TEST(a_store_that_is_away_denies)
{
    world_set_mode(&world, FAKE_STORE_DOWN);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_DOWN);
    ck_assert_uint_eq(asker.claim.left, 0);
}
END_TEST

START_TEST(what_is_leased_is_spent_without_the_store)
{
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    uint64_t left = asker.claim.left;
    world_set_mode(&world, FAKE_STORE_DOWN);
    for (; left > 0; left--) {
        ck_assert_int_eq(asker_ask(&asker), QUOTA_ENOUGH);
        ck_assert(!asker.claim.is_outage);
    }
    ck_assert_int_eq(asker_ask(&asker), QUOTA_DOWN);
}
END_TEST

START_TEST(a_store_that_goes_between_check_and_tick_leaves_nobody_waiting)
{
    ck_assert_int_eq(asker_ask(&asker), QUOTA_PENDING);
    world_set_mode(&world, _i == 0 ? FAKE_STORE_DOWN : FAKE_STORE_FULL);
    world_tick(&world);
    ck_assert_int_eq(asker.answer, QUOTA_DOWN);
    ck_assert_int_eq(asker.woken_count, 1);
}
END_TEST

START_TEST(a_store_that_goes_again_and_again_leaves_nobody_waiting)
{
    quota.outage = LIMIT_OUTAGE_ALLOW; /* so there is always something to settle */
    for (int i = 0; i < 10; i++) {
        world_set_mode(&world, FAKE_STORE_UP);
        asker_ask(&asker);
        world_set_mode(&world, FAKE_STORE_DOWN);
        world_tick(&world);
        fake_store_step(fake());
        world_tick(&world);
        ck_assert_int_eq(asker.answer, QUOTA_ENOUGH);
        world_pass(&world, SECOND / 10);
    }
}
END_TEST

START_TEST(after_a_failure_the_store_is_asked_again_soon)
{
    world_set_mode(&world, FAKE_STORE_FULL);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_DOWN);
    world_set_mode(&world, FAKE_STORE_UP);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_DOWN);
    world_pass(&world, 50000);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
}
END_TEST

START_TEST(a_reply_lost_before_or_after_its_call_ran_takes_units_once)
{
    bool has_run = _i == 1;

    asker_ask(&asker);
    world_tick(&world);
    if (has_run) {
        fake_store_execute(fake());
    }
    fake_store_drop(fake());
    world_tick(&world);
    ck_assert_int_eq(asker.answer, QUOTA_DOWN);
    world_pass(&world, 50000);
    world_tick(&world);
    world_turn(&world);
    ck_assert_int_eq(world.counters.takes, has_run ? 2 : 1);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_ENOUGH);
    ck_assert_int_eq(world_used(&world)->used, (int64_t)asker.claim.left + 1);
}
END_TEST

START_TEST(a_retry_is_the_same_to_the_byte)
{
    char first[512] = "", second[512] = "";
    struct limit_record other = limit_quota(2000, LIMIT_PER_DAY);

    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    world_pass(&world, SECOND);
    world_tick(&world);
    world_pass(&world, SECOND);
    for (int i = 0; i < 2; i++) {
        char *text = i == 0 ? first : second;
        world_tick(&world);
        ck_assert_uint_eq(fake()->pending_count, 1);
        size_t count;
        const struct str *arguments = fake_store_last_arguments(fake(), &count);
        for (size_t n = 0; n < count; n++) {
            strncat(text, arguments[n].ptr, arguments[n].len);
            strcat(text, " ");
        }
        fake_store_drop(fake());
        world_tick(&world);
        asker.claim.limit = &other; /* meanwhile the record changes */
        asker_ask(&asker);
        world_pass(&world, 50000);
    }
    ck_assert_str_eq(first, second);
    ck_assert_ptr_nonnull(strstr(first, " 1000 "));
}
END_TEST

START_TEST(a_return_whose_reply_is_lost_credits_once)
{
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    world_pass(&world, SECOND);
    world_tick(&world);
    world_pass(&world, SECOND);
    world_tick(&world);
    for (int i = 0; i < 3; i++) {
        fake_store_execute(fake());
        fake_store_drop(fake());
        world_tick(&world);
        world_pass(&world, 50000);
        world_tick(&world);
    }
    world_turn(&world);
    ck_assert_int_eq(world.counters.adjusts, 4);
    ck_assert_int_eq(world_used(&world)->used, 1);
    ck_assert_uint_eq(agent_counters(&world.agents[0]).calls_in_flight, 0);
}
END_TEST

START_TEST(a_reply_after_its_window_brings_nothing)
{
    quota.per = LIMIT_PER_MINUTE;
    world_pass(&world, 60 * SECOND - 1);
    asker_ask(&asker);
    world_tick(&world);
    fake_store_execute(fake());
    world_pass(&world, 1);
    waiter_cancel(&asker.waiter);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_PENDING);
    world_turn(&world);
    ck_assert_int_eq(asker.answer, QUOTA_PENDING);
    world_turn(&world);
    ck_assert_int_eq(asker.answer, QUOTA_ENOUGH);
    ck_assert_int_eq(world_used(&world)->used, (int64_t)asker.claim.left + 1);
}
END_TEST

START_TEST(a_reply_that_comes_after_a_rate_lease_died_brings_nothing)
{
    struct limit_record rate = limit_rate(1000, 1000);

    asker.claim.limit = &rate;
    asker_ask(&asker);
    world_tick(&world);
    fake_store_execute(fake());
    world_pass(&world, 100000);
    fake_store_step(fake());
    world_tick(&world);
    ck_assert_uint_eq(agent_counters(&world.agents[0]).died, 1);
    ck_assert_int_eq(asker.answer, QUOTA_PENDING);
    world_turn(&world);
    ck_assert_int_eq(asker.answer, QUOTA_ENOUGH);
}
END_TEST

START_TEST(units_that_too_few_replicas_have_are_not_spent_and_go_back)
{
    world.counters.is_unsynced = true;
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_DOWN);
    ck_assert_int_gt(world_used(&world)->used, 0);
    world_pass(&world, 50000);
    world_tick(&world);
    world_turn(&world);
    ck_assert_int_eq(world_used(&world)->used, 0);
    world.counters.is_unsynced = false;
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
}
END_TEST

START_TEST(a_store_that_lost_its_data_is_told_what_was_used)
{
    struct limit_record small = limit_quota(300, LIMIT_PER_DAY);

    asker.claim.limit = &small;
    ck_assert_int_eq(asker_admitted(&asker, 300), 300);
    fake_counters_lose(&world.counters);
    for (int i = 0; i < 30; i++) {
        world_pass(&world, SECOND / 10);
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_EXHAUSTED);
    }
    ck_assert_int_eq(world_used(&world)->used, 300);
}
END_TEST

START_TEST(a_reset_holds_even_of_a_counter_that_was_lost)
{
    struct limit_record limits[] = {limit_quota(300, LIMIT_PER_DAY), limit_rate(1, 300)};
    bool was_lost = _i / 2 == 1;
    struct fake_counter *counter;

    limits[1].period_us = 3600 * SECOND;
    asker.claim.limit = &limits[_i % 2];
    ck_assert_int_eq(asker_admitted(&asker, 301), 300 - _i % 2);
    world_pass(&world, SECOND);
    if (was_lost) {
        fake_counters_lose(&world.counters);
    }
    counter = _i % 2 == 0 ? world_used(&world) : world_bucket(&world);
    counter->used = counter->debt = 0;
    counter->reset = world.counters.now_us / 1000;
    world_pass(&world, 400 * 3600 * SECOND * (_i % 2)); /* a rate's refusal is remembered */
    for (int i = 0; i < 3; i++) {
        asker_ask_through(&asker);
        world_pass(&world, SECOND);
    }
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
}
END_TEST

START_TEST(what_was_seen_after_a_reset_still_heals)
{
    struct limit_record small = limit_quota(300, LIMIT_PER_DAY);

    asker.claim.limit = &small;
    asker_ask_through(&asker);
    world_pass(&world, 5000);
    struct fake_counter before = *world_used(&world);
    before.used = 0;
    before.reset = world.counters.now_us / 1000;
    *world_used(&world) = before;
    ck_assert_int_eq(asker_admitted(&asker, 310), 303);
    *world_used(&world) = before; /* from an old dump */
    for (int i = 0; i < 30; i++) {
        world_pass(&world, SECOND / 10);
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_EXHAUSTED);
    }
}
END_TEST

START_TEST(a_budget_is_spent_once_and_settled)
{
    quota.outage = LIMIT_OUTAGE_BUDGET;
    quota.budget_percent = 2;
    world_set_mode(&world, FAKE_STORE_DOWN);
    for (int i = 0; i < 30; i++) {
        ck_assert_int_eq(asker_ask(&asker), i < 20 ? QUOTA_ENOUGH : QUOTA_DOWN);
        world_tick(&world);
    }
    world_set_mode(&world, FAKE_STORE_UP);
    world_tick(&world);
    fake_store_execute(fake());
    fake_store_drop(fake()); /* once more, but not twice */
    world_tick(&world);
    world_pass(&world, 50000);
    world_tick(&world);
    world_turn(&world);
    ck_assert_int_eq(world_used(&world)->used, 20);
    world_set_mode(&world, FAKE_STORE_DOWN);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_DOWN);
}
END_TEST

START_TEST(what_an_outage_admitted_can_be_refunded)
{
    quota.outage = LIMIT_OUTAGE_BUDGET;
    quota.budget_percent = 2;
    world_set_mode(&world, FAKE_STORE_DOWN);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(asker_ask(&asker), QUOTA_ENOUGH);
        quota_refund(asker.agent->quota, &asker.claim, 1);
    }
    world_set_mode(&world, FAKE_STORE_UP);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(world.counters.adjusts, 0);
}
END_TEST

START_TEST(leaving_with_calls_out_and_waiters_is_safe)
{
    asker_ask(&asker);
    world_tick(&world);
    quota_free(world.agents[0].quota);
    world.agents[0].quota = NULL;
    ck_assert_ptr_null(asker.waiter.next);
    fake_store_step(fake());
}
END_TEST

Suite *faults_suite(void)
{
    Suite *suite = suite_create("faults");
    TCase *tests = tcase_create("faults");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_store_that_is_away_denies);
    tcase_add_test(tests, what_is_leased_is_spent_without_the_store);
    tcase_add_loop_test(tests, a_store_that_goes_between_check_and_tick_leaves_nobody_waiting, 0,
                        2);
    tcase_add_test(tests, a_store_that_goes_again_and_again_leaves_nobody_waiting);
    tcase_add_test(tests, after_a_failure_the_store_is_asked_again_soon);
    tcase_add_loop_test(tests, a_reply_lost_before_or_after_its_call_ran_takes_units_once, 0, 2);
    tcase_add_test(tests, a_retry_is_the_same_to_the_byte);
    tcase_add_test(tests, a_return_whose_reply_is_lost_credits_once);
    tcase_add_test(tests, a_reply_after_its_window_brings_nothing);
    tcase_add_test(tests, a_reply_that_comes_after_a_rate_lease_died_brings_nothing);
    tcase_add_test(tests, units_that_too_few_replicas_have_are_not_spent_and_go_back);
    tcase_add_test(tests, a_store_that_lost_its_data_is_told_what_was_used);
    tcase_add_loop_test(tests, a_reset_holds_even_of_a_counter_that_was_lost, 0, 4);
    tcase_add_test(tests, what_was_seen_after_a_reset_still_heals);
    tcase_add_test(tests, a_budget_is_spent_once_and_settled);
    tcase_add_test(tests, what_an_outage_admitted_can_be_refunded);
    tcase_add_test(tests, leaving_with_calls_out_and_waiters_is_safe);
    suite_add_tcase(suite, tests);
    return suite;
}
