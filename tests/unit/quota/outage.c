#include "agent/quota/outage.h"

#include "tests/unit/quota/suites.h"

#define SECOND INT64_C(1000000)

static struct now at(int64_t us)
{
    return (struct now){.mono_us = 50 * SECOND + us};
}

static void begin(struct lease *lease, enum limit_kind kind, enum limit_outage outage)
{
    const struct terms terms = {.kind = kind,
                                .units = 1000,
                                .burst = 500,
                                .period_us = SECOND,
                                .outage = outage,
                                .budget_percent = 10};

    lease_init(lease, &terms);
}

/* How many of 2000 units are admitted at one instant. */
static int spend_all(struct lease *lease, unsigned worker_count, int64_t us)
{
    int count = 0;

    while (count < 2000 && outage_spend(lease, 1, worker_count, at(us))) {
        count++;
    }
    return count;
}

START_TEST(deny_admits_nothing)
{
    struct lease lease;

    begin(&lease, (enum limit_kind)_i, LIMIT_OUTAGE_DENY);
    ck_assert(!outage_admits(&lease, 1, 1, at(0)));
    ck_assert(!outage_spend(&lease, 1, 1, at(0)));
    ck_assert_uint_eq(lease.owed, 0);
}
END_TEST

START_TEST(allow_admits_and_owes)
{
    struct lease lease;

    begin(&lease, (enum limit_kind)_i, LIMIT_OUTAGE_ALLOW);
    ck_assert_int_eq(spend_all(&lease, 4, 0), 2000);
    ck_assert_uint_eq(lease.owed, 2000);
    outage_refund(&lease, 500);
    ck_assert_uint_eq(lease.owed, 1500);
}
END_TEST

START_TEST(a_quotas_budget_is_its_share_and_each_workers_part)
{
    static const unsigned workers[] = {1, 2, 3, 100, 101};
    static const int wanted[] = {100, 50, 33, 1, 0};
    struct lease lease;

    begin(&lease, LIMIT_QUOTA, LIMIT_OUTAGE_BUDGET);
    ck_assert_int_eq(spend_all(&lease, workers[_i], 0), wanted[_i]);
    ck_assert_int_eq(spend_all(&lease, workers[_i], 3600 * SECOND), 0);
    ck_assert_uint_eq(lease.owed, (uint64_t)wanted[_i]);
}
END_TEST

START_TEST(a_budget_is_not_spent_by_what_is_settled)
{
    struct lease lease;

    begin(&lease, LIMIT_QUOTA, LIMIT_OUTAGE_BUDGET);
    spend_all(&lease, 1, 0);
    lease.owed = 0;
    ck_assert_int_eq(spend_all(&lease, 1, 0), 0);
    lease_enter(&lease, &(struct window){60000, 120000});
    ck_assert_int_eq(spend_all(&lease, 1, 0), 100);
}
END_TEST

START_TEST(a_cost_above_the_rest_of_the_budget_is_refused_whole)
{
    struct lease lease;

    begin(&lease, (enum limit_kind)_i, LIMIT_OUTAGE_BUDGET);
    lease.terms.burst = 1000;
    ck_assert(!outage_spend(&lease, 101, 1, at(0)));
    ck_assert(outage_spend(&lease, 30, 1, at(0)));
    ck_assert(!outage_spend(&lease, 71, 1, at(0)));
    ck_assert_uint_eq(lease.owed, 30);
}
END_TEST

START_TEST(a_rates_budget_is_a_bucket_of_its_share)
{
    struct lease lease;

    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    ck_assert_int_eq(spend_all(&lease, 1, 0), 50);
    ck_assert_int_eq(spend_all(&lease, 1, 100000), 10);
    ck_assert_int_eq(spend_all(&lease, 1, 100000), 0);
    ck_assert_int_eq(spend_all(&lease, 1, 3600 * SECOND), 50);
    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    ck_assert_int_eq(spend_all(&lease, 2, 0), 25);
    ck_assert_int_eq(spend_all(&lease, 2, 100000), 5);
}
END_TEST

START_TEST(a_rates_refund_goes_back_into_its_bucket)
{
    struct lease lease;

    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    spend_all(&lease, 1, 0);
    outage_refund(&lease, 7);
    ck_assert_int_eq(spend_all(&lease, 1, 0), 7);
    ck_assert_uint_eq(lease.owed, 50);
}
END_TEST

START_TEST(a_slow_rates_bucket_fills_however_often_it_is_asked)
{
    struct lease lease;
    int count = 0;

    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    lease.terms.units = 10;
    lease.terms.period_us = 3600 * SECOND;
    spend_all(&lease, 1, 0);
    for (int64_t us = 0; us < 3600 * SECOND; us += 5000) {
        count += outage_spend(&lease, 1, 1, at(us));
    }
    ck_assert_int_le(count, 1);
    count += outage_spend(&lease, 1, 1, at(7200 * SECOND));
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(a_smaller_burst_makes_a_fuller_bucket_smaller)
{
    struct lease lease;

    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    ck_assert(outage_admits(&lease, 50, 1, at(0)));
    lease.terms.burst = 100;
    ck_assert_int_eq(spend_all(&lease, 1, 1), 10);
}
END_TEST

START_TEST(the_largest_numbers_fit)
{
    struct lease lease;

    begin(&lease, LIMIT_QUOTA, LIMIT_OUTAGE_BUDGET);
    lease.terms.units = UINT64_C(1000000000000000);
    lease.terms.budget_percent = 100;
    ck_assert(outage_spend(&lease, lease.terms.units, 1, at(0)));
    ck_assert(!outage_spend(&lease, 1, 1, at(0)));
    begin(&lease, LIMIT_RATE, LIMIT_OUTAGE_BUDGET);
    lease.terms.units = lease.terms.burst = 1000000000;
    lease.terms.budget_percent = 100;
    ck_assert(outage_spend(&lease, 1000000000, 1, at(0)));
    ck_assert(!outage_admits(&lease, 1000000000, 1, at(SECOND - 1)));
    ck_assert(outage_admits(&lease, 1000000000, 1, at(INT64_MAX / 2)));
}
END_TEST

Suite *outage_suite(void)
{
    Suite *suite = suite_create("outage");
    TCase *tests = tcase_create("outage");

    tcase_add_loop_test(tests, deny_admits_nothing, 0, 2);
    tcase_add_loop_test(tests, allow_admits_and_owes, 0, 2);
    tcase_add_loop_test(tests, a_quotas_budget_is_its_share_and_each_workers_part, 0, 5);
    tcase_add_test(tests, a_budget_is_not_spent_by_what_is_settled);
    tcase_add_loop_test(tests, a_cost_above_the_rest_of_the_budget_is_refused_whole, 0, 2);
    tcase_add_test(tests, a_rates_budget_is_a_bucket_of_its_share);
    tcase_add_test(tests, a_rates_refund_goes_back_into_its_bucket);
    tcase_add_test(tests, a_slow_rates_bucket_fills_however_often_it_is_asked);
    tcase_add_test(tests, a_smaller_burst_makes_a_fuller_bucket_smaller);
    tcase_add_test(tests, the_largest_numbers_fit);
    suite_add_tcase(suite, tests);
    return suite;
}
