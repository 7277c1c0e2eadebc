#include "agent/quota/lease.h"

#include "tests/unit/quota/suites.h"

#define SECOND INT64_C(1000000)
#define STORE  INT64_C(1800014400000000) /* its clock, at the agent's 100 s */

static const struct window noon = {STORE / 1000, STORE / 1000 + 60000};
static const struct window later = {STORE / 1000 + 60000, STORE / 1000 + 120000};

static struct lease lease;
static struct terms quota_terms, rate_terms, exact_terms;

static void setup(void)
{
    quota_terms = (struct terms){.kind = LIMIT_QUOTA, .units = 1000, .per = LIMIT_PER_MINUTE};
    rate_terms = (struct terms){
        .kind = LIMIT_RATE, .units = 100, .burst = 100, .period_us = SECOND, .life_us = 100000};
    exact_terms = (struct terms){.kind = LIMIT_RATE, .units = 100, .burst = 5, .period_us = SECOND};
}

static struct now at(int64_t us)
{
    return (struct now){.mono_us = 100 * SECOND + us, .wall_us = STORE + us};
}

static void begin_quota(void)
{
    lease_init(&lease, &quota_terms);
    lease_enter(&lease, &noon);
}

/* An answer to the call in flight, that the store gave at `us`. */
static struct lease_answer answer(uint64_t granted, int64_t us)
{
    return (struct lease_answer){.state = LEASE_ANSWER_OK,
                                 .sequence = lease.call.sequence,
                                 .granted = granted,
                                 .used = granted,
                                 .holders = 1,
                                 .now_us = STORE + us,
                                 .life_us = lease.terms.life_us};
}

/* Asks at `us` and is answered at once. */
static void grant(uint64_t granted, int64_t us)
{
    lease_begin_take(&lease, lease.last + 1, granted, 1, at(us));
    struct lease_answer answered = answer(granted, us);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(us)), 0);
}

START_TEST(a_new_one_has_nothing_and_is_disposable)
{
    lease_init(&lease, &quota_terms);
    ck_assert_uint_eq(lease_units(&lease), 0);
    ck_assert(lease_is_disposable(&lease, at(0)));
    ck_assert(!lease_is_exhausted(&lease, 1, at(0)));
    ck_assert(!lease_is_low(&lease, at(0)));
    ck_assert_uint_eq(lease_expire(&lease, at(0)), 0);
}
END_TEST

START_TEST(units_of_a_rate_die_by_when_they_were_asked_for)
{
    lease_init(&lease, &rate_terms);
    lease_begin_take(&lease, 1, 5, 1, at(0));
    struct lease_answer answered = answer(5, 40000);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(80000)), 0);
    ck_assert_uint_eq(lease_expire(&lease, at(99999)), 0);
    ck_assert(!lease_is_disposable(&lease, at(99999)));
    ck_assert(lease_is_disposable(&lease, at(100000)));
    ck_assert_uint_eq(lease_expire(&lease, at(100000)), 5);
    ck_assert_uint_eq(lease_units(&lease), 0);
}
END_TEST

/* 1000 units a second: a lease of 100 ms is renewed in its last quarter, by what the units that are
 * left will not have served. */
START_TEST(a_busy_rate_is_renewed_before_it_dies_and_wastes_nothing)
{
    lease_init(&lease, &rate_terms);
    lease.demand = 1000;
    lease.demand_since_us = at(0).mono_us;
    grant(100, 0);
    lease_spend(&lease, 50);
    ck_assert(!lease_is_low(&lease, at(74999)));
    lease_spend(&lease, 30);
    ck_assert(lease_is_low(&lease, at(80000)));
    lease_begin_take(&lease, lease.last + 1, 0, 1, at(80000));
    ck_assert_uint_eq(lease.demand, 1000);
    ck_assert_uint_eq(lease.call.want, 80);
}
END_TEST

START_TEST(a_slow_rate_is_not_renewed)
{
    lease_init(&lease, &rate_terms);
    lease.demand = 70;
    grant(7, 0);
    lease.demand = 70;
    ck_assert(!lease_is_low(&lease, at(99999)));
}
END_TEST

START_TEST(units_that_come_after_their_end_are_dead)
{
    lease_init(&lease, &rate_terms);
    lease_begin_take(&lease, 1, 5, 1, at(0));
    struct lease_answer answered = answer(5, 10);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(100000)), 5);
    ck_assert_uint_eq(lease_units(&lease), 0);
}
END_TEST

START_TEST(units_of_a_quota_die_with_the_window)
{
    begin_quota();
    lease_begin_take(&lease, 1, 5, 1, at(0));
    struct lease_answer answered = answer(5, 100);
    lease_take_answer(&lease, &answered, at(200));
    /* It ends 59.9999 s after the store answered; that may have been when it was asked. */
    ck_assert_uint_eq(lease_expire(&lease, at(60 * SECOND - 101)), 0);
    ck_assert_uint_eq(lease_expire(&lease, at(60 * SECOND - 100)), 5);
}
END_TEST

START_TEST(two_batches_have_their_own_ends_and_the_older_goes_first)
{
    lease_init(&lease, &rate_terms);
    grant(3, 0);
    grant(4, 50000);
    ck_assert_uint_eq(lease_units(&lease), 7);
    lease_spend(&lease, 1);
    ck_assert_uint_eq(lease_expire(&lease, at(100000)), 2);
    ck_assert_uint_eq(lease_units(&lease), 4);
    ck_assert_uint_eq(lease_expire(&lease, at(150000)), 4);
}
END_TEST

START_TEST(a_third_batch_joins_the_first_two_at_the_earlier_end)
{
    lease_init(&lease, &rate_terms);
    grant(3, 0);
    grant(4, 30000);
    grant(5, 60000);
    ck_assert_uint_eq(lease_units(&lease), 12);
    ck_assert_uint_eq(lease_expire(&lease, at(100000)), 7);
    ck_assert_uint_eq(lease_expire(&lease, at(160000)), 5);
}
END_TEST

START_TEST(a_refund_never_lives_longer)
{
    lease_init(&lease, &rate_terms);
    grant(3, 0);
    grant(4, 50000);
    lease_spend(&lease, 5);
    lease_refund(&lease, 5, 0);
    ck_assert_uint_eq(lease_units(&lease), 7);
    ck_assert_uint_eq(lease.spent_total, 0);
    ck_assert_uint_eq(lease_expire(&lease, at(100000)), 5);
    ck_assert_uint_eq(lease_units(&lease), 2);
    lease_spend(&lease, 2);
    lease_refund(&lease, 2, 0);
    ck_assert_uint_eq(lease_units(&lease), 2);
    ck_assert_uint_eq(lease_expire(&lease, at(149999)), 0);
}
END_TEST

START_TEST(an_exact_grant_tells_when_it_was_made)
{
    lease_init(&lease, &exact_terms);
    lease_begin_take(&lease, 1, 2, 1, at(0));
    struct lease_answer answered = answer(2, 123);
    lease_take_answer(&lease, &answered, at(200));
    ck_assert_int_eq(lease_spend(&lease, 1), STORE + 123);
    ck_assert_uint_eq(lease_expire(&lease, at(LEASE_EXACT_HOLD_US)), 1);
    lease_init(&lease, &rate_terms);
    grant(1, 0);
    ck_assert_int_eq(lease_spend(&lease, 1), 0);
}
END_TEST

START_TEST(exact_grants_are_not_spent_as_one)
{
    lease_init(&lease, &exact_terms);
    grant(2, 0);
    grant(2, 10);
    ck_assert(lease_has(&lease, 2));
    ck_assert(!lease_has(&lease, 3));
    ck_assert_int_eq(lease_spend(&lease, 1), STORE);
    ck_assert_int_eq(lease_spend(&lease, 2), STORE + 10);
    lease_refund(&lease, 2, STORE + 10);
    lease_begin_take(&lease, 3, 4, 3, at(20));
    struct lease_answer answered = answer(3, 20);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(20)), 1);
    ck_assert_int_eq(lease_spend(&lease, 3), STORE + 20);
    ck_assert_int_eq(lease_spend(&lease, 1), STORE + 10);
    ck_assert_int_eq(lease_spend(&lease, 1), STORE + 10);
    ck_assert_uint_eq(lease_units(&lease), 0);
}
END_TEST

START_TEST(demand_follows_what_is_spent)
{
    begin_quota();
    lease_measure(&lease, at(0));
    for (int i = 1; i <= 40; i++) {
        lease.spent += 25;
        lease_measure(&lease, at(i * 50000));
    }
    ck_assert_uint_ge(lease.demand, 499);
    ck_assert_uint_le(lease.demand, 500);
    for (int i = 1; i <= 10; i++) {
        lease_measure(&lease, at(2 * SECOND + i * 50000));
    }
    ck_assert_uint_eq(lease.demand, 0);
}
END_TEST

START_TEST(a_sudden_demand_counts_at_once)
{
    begin_quota();
    lease_measure(&lease, at(0));
    lease.spent = 30;
    lease_measure(&lease, at(1000));
    ck_assert_uint_eq(lease.demand, 30000);
}
END_TEST

START_TEST(demand_is_bounded_whatever_is_spent)
{
    begin_quota();
    lease_measure(&lease, at(0));
    lease.spent = UINT64_MAX;
    lease_measure(&lease, at(1));
    ck_assert_uint_eq(lease.demand, 1000000000);
    lease_measure(&lease, at(SECOND));
    ck_assert_uint_le(lease.demand, 1000000000);
}
END_TEST

START_TEST(a_take_wants_what_is_waited_for_and_a_seconds_demand)
{
    begin_quota();
    lease_begin_take(&lease, 1, 3, 2, at(0));
    ck_assert_uint_eq(lease.call.want, 1000 / LEASE_AHEAD_SHARE);
    lease_begin_take(&lease, 2, 300, 2, at(0));
    ck_assert_uint_eq(lease.call.want, 300);
    ck_assert_uint_eq(lease.call.least, 2);
    lease.demand = 500;
    lease.demand_since_us = at(0).mono_us;
    lease_begin_take(&lease, 3, 3, 2, at(1));
    ck_assert_uint_eq(lease.call.want, 500);
}
END_TEST

START_TEST(more_than_two_seconds_demand_is_surplus)
{
    begin_quota();
    grant(100, 0);
    lease.demand = 50;
    ck_assert_uint_eq(lease_surplus(&lease), 0);
    lease.demand = 49;
    ck_assert_uint_eq(lease_surplus(&lease), 51);
    lease_set_aside(&lease, 51);
    ck_assert_uint_eq(lease_units(&lease), 49);
    ck_assert_uint_eq(lease.to_return, 51);
    ck_assert(!lease_is_disposable(&lease, at(0)));
}
END_TEST

START_TEST(a_refusal_of_a_quota_is_remembered_a_second_and_not_past_the_window)
{
    int64_t asked = _i == 0 ? 0 : 59 * SECOND + 700000;

    begin_quota();
    lease_begin_take(&lease, 1, 10, 10, at(asked));
    struct lease_answer answered = answer(0, asked);
    answered.used = 995;
    lease_take_answer(&lease, &answered, at(asked));
    int64_t until = _i == 0 ? SECOND : 60 * SECOND;
    ck_assert(lease_is_exhausted(&lease, 10, at(until - 1)));
    ck_assert(!lease_is_exhausted(&lease, 9, at(until - 1)));
    ck_assert(!lease_is_exhausted(&lease, 10, at(until)));
    ck_assert_uint_eq(lease.left, 5);
}
END_TEST

START_TEST(a_refused_rate_waits_and_then_twice_as_long)
{
    int64_t now = 0, pauses[] = {1000, 2000, 4000, 8000};

    lease_init(&lease, &exact_terms);
    for (int i = 0; i < 4; i++) {
        lease_begin_take(&lease, lease.last + 1, 1, 1, at(now));
        struct lease_answer answered = answer(0, now);
        answered.wait_us = 1000;
        lease_take_answer(&lease, &answered, at(now));
        ck_assert_int_eq(lease.exhausted_until_us, at(now + pauses[i]).mono_us);
        now += pauses[i];
    }
    grant(1, now);
    ck_assert_int_eq(lease.exhausted_until_us, 0);
    ck_assert_uint_eq(lease.refused_count, 0);
}
END_TEST

START_TEST(a_pause_is_a_second_at_most_whatever_the_store_says)
{
    lease_init(&lease, &exact_terms);
    for (int i = 0; i < 70; i++) {
        lease_begin_take(&lease, lease.last + 1, 1, 1, at(0));
        struct lease_answer answered = answer(0, 0);
        answered.wait_us = INT64_C(1) << 53;
        lease_take_answer(&lease, &answered, at(0));
        ck_assert_int_eq(lease.exhausted_until_us, at(1000000).mono_us);
        ck_assert_int_eq(lease.more_us, at(INT64_C(1) << 53).mono_us);
    }
}
END_TEST

START_TEST(the_last_units_come_with_the_news_that_there_are_no_more)
{
    begin_quota();
    lease_begin_take(&lease, 1, 7, 7, at(0));
    struct lease_answer answered = answer(7, 0);
    answered.used = 1000;
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_uint_eq(lease_units(&lease), 7);
    ck_assert(lease_is_exhausted(&lease, 1, at(0)));
    ck_assert_uint_eq(lease.refused_count, 0);
}
END_TEST

START_TEST(a_new_window_forgets_the_old_one)
{
    begin_quota();
    grant(10, 0);
    lease_set_aside(&lease, 4);
    lease.owed = lease.outage_spent = 9;
    ck_assert_uint_eq(lease_enter(&lease, &noon), 0);
    ck_assert_uint_eq(lease_units(&lease), 6);
    ck_assert_uint_eq(lease_enter(&lease, &later), 6);
    ck_assert_uint_eq(lease.to_return + lease.owed + lease.outage_spent, 0);
    ck_assert_uint_eq(lease.last, 0);
    ck_assert(lease_is_disposable(&lease, at(0)));
}
END_TEST

START_TEST(what_comes_for_the_old_window_is_dead)
{
    begin_quota();
    lease_begin_take(&lease, 1, 10, 1, at(0));
    struct lease_answer answered = answer(10, 0);
    lease_enter(&lease, &later);
    ck_assert_int_eq(lease.call.kind, LEASE_CALL_TAKE);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(SECOND)), 10);
    ck_assert_uint_eq(lease_units(&lease), 0);
    ck_assert_uint_eq(lease.last, 0);
    ck_assert_int_eq(lease.call.kind, LEASE_CALL_NONE);
}
END_TEST

START_TEST(a_return_to_the_old_window_takes_nothing_from_the_new_ones)
{
    static const enum lease_answer_state states[] = {LEASE_ANSWER_OK, LEASE_ANSWER_WINDOW};

    begin_quota();
    grant(10, 0);
    lease_set_aside(&lease, 10);
    lease.owed = 3;
    lease_begin_adjust(&lease, 2, at(0));
    lease_enter(&lease, &later);
    lease.to_return = 5;
    lease.owed = 2;
    struct lease_answer answered = answer(0, 0);
    answered.state = states[_i];
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_uint_eq(lease.to_return, 5);
    ck_assert_uint_eq(lease.owed, 2);
}
END_TEST

START_TEST(three_answers_that_the_window_is_wrong_are_a_failure)
{
    begin_quota();
    for (int i = 1; i <= 3; i++) {
        lease_begin_take(&lease, (uint64_t)i, 1, 1, at(0));
        struct lease_answer answered = answer(0, 0);
        answered.state = LEASE_ANSWER_WINDOW;
        lease_take_answer(&lease, &answered, at(0));
        ck_assert_int_eq(lease.down_until_us, i < 3 ? 0 : at(LEASE_RETRY_US).mono_us);
    }
}
END_TEST

START_TEST(stale_and_bad_answers_bring_nothing)
{
    begin_quota();
    lease_begin_take(&lease, 1, 1, 1, at(0));
    struct lease_answer answered = answer(9, 0);
    answered.state = LEASE_ANSWER_STALE;
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_int_eq(lease.down_until_us, at(LEASE_RETRY_US).mono_us);
    lease_begin_take(&lease, 2, 1, 1, at(0));
    answered = answer(9, 0);
    answered.state = LEASE_ANSWER_BAD;
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_int_eq(lease.bad_until_us, at(SECOND).mono_us);
    ck_assert_uint_eq(lease_units(&lease), 0);
    ck_assert_uint_eq(lease.last, 0);
}
END_TEST

START_TEST(a_call_that_failed_stays_as_it_was)
{
    begin_quota();
    grant(10, 0);
    lease_begin_take(&lease, 2, 5, 3, at(SECOND));
    struct lease_call before = lease.call;
    lease_take_failure(&lease, at(SECOND));
    before.is_in_flight = false;
    ck_assert_mem_eq(&lease.call, &before, sizeof(before));
    ck_assert(!lease_is_disposable(&lease, at(SECOND)));
    lease_enter(&lease, &later);
    ck_assert_int_eq(lease.call.kind, LEASE_CALL_NONE);
}
END_TEST

START_TEST(a_holder_that_was_silent_for_an_hour_saw_nothing)
{
    begin_quota();
    grant(10, 0);
    lease_begin_take(&lease, 2, 1, 1, at(3600 * SECOND - 1));
    ck_assert_uint_eq(lease.call.last, 1);
    lease_begin_take(&lease, 2, 1, 1, at(3600 * SECOND));
    ck_assert_uint_eq(lease.call.last, 0);
}
END_TEST

START_TEST(changed_terms_of_a_quota_give_back_what_is_held_and_what_comes)
{
    struct terms terms = quota_terms;

    begin_quota();
    grant(10, 0);
    lease_begin_take(&lease, 2, 5, 1, at(0));
    lease.outage_spent = 4;
    terms.units = 50;
    lease_change_terms(&lease, &terms);
    ck_assert_uint_eq(lease.to_return, 10);
    struct lease_answer answered = answer(5, 0);
    ck_assert_uint_eq(lease_take_answer(&lease, &answered, at(0)), 0);
    ck_assert_uint_eq(lease_units(&lease), 0);
    ck_assert_uint_eq(lease.to_return, 15);
    ck_assert_uint_eq(lease.outage_spent, 4);
}
END_TEST

START_TEST(changed_terms_of_a_rate_forget_what_is_held_and_what_comes)
{
    struct terms terms = rate_terms;

    lease_init(&lease, &rate_terms);
    grant(10, 0);
    lease_begin_take(&lease, 2, 5, 1, at(0));
    terms.burst = 50;
    lease_change_terms(&lease, &terms);
    struct lease_answer answered = answer(5, 0);
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_uint_eq(lease_units(&lease) + lease.to_return, 0);
}
END_TEST

START_TEST(another_kind_forgets_everything)
{
    begin_quota();
    grant(10, 0);
    lease_set_aside(&lease, 3);
    lease.owed = 2;
    lease_begin_adjust(&lease, 2, at(0));
    lease_change_terms(&lease, &rate_terms);
    ck_assert_uint_eq(lease_units(&lease) + lease.to_return + lease.owed + lease.last, 0);
    ck_assert_int_eq(lease.call.kind, LEASE_CALL_NONE);
}
END_TEST

START_TEST(the_largest_numbers_fit)
{
    const uint64_t most = UINT64_C(1000000000000000);

    quota_terms.units = most;
    begin_quota();
    lease_begin_take(&lease, 1, most, most, at(0));
    struct lease_answer answered = answer(most, 0);
    answered.used = UINT64_C(1) << 53;
    lease_take_answer(&lease, &answered, at(0));
    ck_assert_uint_eq(lease_units(&lease), most);
    ck_assert_uint_eq(lease.left, 0);
    ck_assert_uint_eq(lease_surplus(&lease), most - LEASE_AHEAD_MAX);
    lease_spend(&lease, most);
    lease_measure(&lease, at(SECOND));
    lease_refund(&lease, most, 0);
    ck_assert_uint_eq(lease_units(&lease), most);
}
END_TEST

Suite *lease_suite(void)
{
    Suite *suite = suite_create("lease");
    TCase *tests = tcase_create("lease");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, a_new_one_has_nothing_and_is_disposable);
    tcase_add_test(tests, units_of_a_rate_die_by_when_they_were_asked_for);
    tcase_add_test(tests, a_busy_rate_is_renewed_before_it_dies_and_wastes_nothing);
    tcase_add_test(tests, a_slow_rate_is_not_renewed);
    tcase_add_test(tests, units_that_come_after_their_end_are_dead);
    tcase_add_test(tests, units_of_a_quota_die_with_the_window);
    tcase_add_test(tests, two_batches_have_their_own_ends_and_the_older_goes_first);
    tcase_add_test(tests, a_third_batch_joins_the_first_two_at_the_earlier_end);
    tcase_add_test(tests, a_refund_never_lives_longer);
    tcase_add_test(tests, an_exact_grant_tells_when_it_was_made);
    tcase_add_test(tests, exact_grants_are_not_spent_as_one);
    tcase_add_test(tests, demand_follows_what_is_spent);
    tcase_add_test(tests, a_sudden_demand_counts_at_once);
    tcase_add_test(tests, demand_is_bounded_whatever_is_spent);
    tcase_add_test(tests, a_take_wants_what_is_waited_for_and_a_seconds_demand);
    tcase_add_test(tests, more_than_two_seconds_demand_is_surplus);
    tcase_add_loop_test(tests, a_refusal_of_a_quota_is_remembered_a_second_and_not_past_the_window,
                        0, 2);
    tcase_add_test(tests, a_refused_rate_waits_and_then_twice_as_long);
    tcase_add_test(tests, a_pause_is_a_second_at_most_whatever_the_store_says);
    tcase_add_test(tests, the_last_units_come_with_the_news_that_there_are_no_more);
    tcase_add_test(tests, a_new_window_forgets_the_old_one);
    tcase_add_test(tests, what_comes_for_the_old_window_is_dead);
    tcase_add_loop_test(tests, a_return_to_the_old_window_takes_nothing_from_the_new_ones, 0, 2);
    tcase_add_test(tests, three_answers_that_the_window_is_wrong_are_a_failure);
    tcase_add_test(tests, stale_and_bad_answers_bring_nothing);
    tcase_add_test(tests, a_call_that_failed_stays_as_it_was);
    tcase_add_test(tests, a_holder_that_was_silent_for_an_hour_saw_nothing);
    tcase_add_test(tests, changed_terms_of_a_quota_give_back_what_is_held_and_what_comes);
    tcase_add_test(tests, changed_terms_of_a_rate_forget_what_is_held_and_what_comes);
    tcase_add_test(tests, another_kind_forgets_everything);
    tcase_add_test(tests, the_largest_numbers_fit);
    suite_add_tcase(suite, tests);
    return suite;
}
