/* What one agent answers, as long as the store does its part. */
#include "tests/unit/quota/alone.h"
#include "tests/unit/quota/suites.h"

START_TEST(a_cost_above_the_limit_is_refused_without_asking)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY), rate = limit_rate(100, 20);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 11);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_COST);
    ck_assert(str_equal(asker.claim.policy, STR("\"x\";q=10;w=86400")));
    asker_init(&asker, &world, 0, &rate, 21);
    asker.claim.name = STR("y");
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_COST);
    ck_assert_int_eq(world.counters.takes, 0);
}
END_TEST

START_TEST(a_zone_that_is_not_known_is_bad)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY);
    struct asker asker;

    quota.tz = STR("Mars/Olympus");
    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_BAD);
    ck_assert_uint_eq(asker.claim.policy.len, 0);
    ck_assert_int_eq(world.counters.takes, 0);
}
END_TEST

START_TEST(a_counter_that_does_not_parse_is_bad_and_asked_about_once_a_second)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    world_used(&world)->is_bad = true;
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_BAD);
        world_pass(&world, SECOND / 100);
    }
    ck_assert_int_eq(world.counters.takes, 3);
    world_used(&world)->is_bad = false;
    world_pass(&world, SECOND);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
}
END_TEST

START_TEST(a_bad_counter_is_not_asked_again_and_again_to_take_units_back)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    world_used(&world)->is_bad = true;
    world_pass(&world, 2 * SECOND);
    for (int i = 0; i < 200; i++) {
        world_pass(&world, SECOND / 100);
        world_turn(&world);
    }
    ck_assert_int_le(world.counters.adjusts, 3);
    world_used(&world)->is_bad = false;
    world_pass(&world, SECOND);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(world_used(&world)->used, 1);
}
END_TEST

START_TEST(the_limit_is_the_limit)
{
    const struct limit_record limits[] = {limit_quota(1, LIMIT_PER_DAY),
                                          limit_quota(17, LIMIT_PER_DAY),
                                          limit_quota(1000, LIMIT_PER_DAY),
                                          limit_rate(1, 1),
                                          limit_rate(1, 30),
                                          limit_rate(7, 100)};
    const int wanted[] = {1, 17, 1000, 1, 29, 99}; /* leases leave what refills in their life */
    struct asker asker;

    asker_init(&asker, &world, 0, &limits[_i], 1);
    ck_assert_int_eq(asker_admitted(&asker, 1100), wanted[_i]);
    ck_assert_int_eq(asker.answer, QUOTA_EXHAUSTED);
    ck_assert_int_gt(asker.claim.wait_us, 0);
}
END_TEST

START_TEST(a_raised_limit_counts_at_once_and_keeps_the_use)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_admitted(&asker, 12), 10);
    quota.units = 15;
    ck_assert_int_eq(asker_admitted(&asker, 12), 5);
    quota.units = 12;
    ck_assert_int_eq(asker_admitted(&asker, 12), 0);
}
END_TEST

START_TEST(a_limit_that_changes_while_its_call_is_out_keeps_its_word)
{
    struct limit_record before = limit_quota(1000, LIMIT_PER_DAY);
    struct limit_record after = limit_quota(50, LIMIT_PER_DAY);
    struct asker first, second;

    asker_init(&first, &world, 0, &before, 30);
    asker_init(&second, &world, 0, &after, 30);
    asker_ask(&first);
    world_tick(&world);
    asker_ask(&second);
    first.claim.limit = &after;
    for (int i = 0; i < 6; i++) {
        world_turn(&world);
    }
    ck_assert_int_eq(first.admitted_count + second.admitted_count, 1);
    ck_assert_int_le(world_used(&world)->used, 50);
}
END_TEST

START_TEST(a_limit_that_changes_its_kind_while_its_call_is_out_forgets_it)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY), rate = limit_rate(10, 1);
    struct asker first, second;

    asker_init(&first, &world, 0, &quota, 1);
    asker_init(&second, &world, 0, &rate, 1);
    asker_ask(&first);
    world_tick(&world);
    asker_ask(&second);
    waiter_cancel(&first.waiter);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(second.answer, QUOTA_ENOUGH);
    ck_assert_int_eq(world_bucket(&world)->debt, 1);
}
END_TEST

START_TEST(a_refund_gives_back_what_was_taken)
{
    const struct limit_record limits[] = {limit_quota(3, LIMIT_PER_DAY), limit_rate(1, 3)};
    struct asker asker;

    asker_init(&asker, &world, 0, &limits[_i], 3);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
        quota_refund(asker.agent->quota, &asker.claim, 1);
    }
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_EXHAUSTED);
    ck_assert_uint_eq(agent_counters(&world.agents[0]).spent, 3);
}
END_TEST

START_TEST(left_is_what_is_in_hand)
{
    struct limit_record quota = limit_quota(6400, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
        ck_assert_int_le((int64_t)asker.claim.left, world_used(&world)->used - i - 1);
    }
}
END_TEST

START_TEST(what_is_in_hand_counts_towards_a_larger_cost)
{
    struct limit_record quota = limit_quota(128, LIMIT_PER_DAY);
    struct asker small, large;

    asker_init(&small, &world, 0, &quota, 1);
    asker_init(&large, &world, 0, &quota, 127);
    ck_assert_int_eq(asker_ask_through(&small), QUOTA_ENOUGH);
    ck_assert_uint_eq(small.claim.left, 1);
    ck_assert_int_eq(asker_ask_through(&large), QUOTA_ENOUGH);
    ck_assert_int_eq(asker_ask_through(&small), QUOTA_EXHAUSTED);
}
END_TEST

START_TEST(who_is_refused_is_not_sent_away_for_longer_than_until_units_come_back)
{
    struct limit_record quota = limit_quota(128, LIMIT_PER_DAY);
    struct asker small, large;

    asker_init(&small, &world, 0, &quota, 1);
    asker_init(&large, &world, 0, &quota, 127);
    ck_assert_int_eq(asker_ask_through(&small), QUOTA_ENOUGH);
    world_used(&world)->used += 50; /* another agent's, who gives it back */
    ck_assert_int_eq(asker_ask_through(&large), QUOTA_EXHAUSTED);
    ck_assert_int_gt(large.claim.wait_us, SECOND);
    world_used(&world)->used -= 50;
    world_pass(&world, SECOND);
    ck_assert_int_eq(asker_ask_through(&large), QUOTA_ENOUGH);
}
END_TEST

START_TEST(an_exact_limit_counts_at_the_grant)
{
    struct limit_record rate = limit_rate(100, 5);
    static struct asker askers[8];

    ck_assert(quota_is_exact(&rate));
    for (int i = 0; i < 8; i++) {
        asker_init(&askers[i], &world, 0, &rate, 1);
        asker_ask(&askers[i]);
    }
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(world.counters.takes, 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(askers[i].answer, QUOTA_ENOUGH);
        ck_assert_int_eq(askers[i].claim.granted_us, WORLD_START_US);
    }
    world_turn(&world);
    ck_assert_int_eq(askers[7].answer, QUOTA_EXHAUSTED);
    ck_assert_int_eq(askers[7].claim.wait_us, 10000);
}
END_TEST

Suite *check_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");

    tcase_add_checked_fixture(tests, alone_setup, alone_teardown);
    tcase_add_test(tests, a_cost_above_the_limit_is_refused_without_asking);
    tcase_add_test(tests, a_zone_that_is_not_known_is_bad);
    tcase_add_test(tests, a_counter_that_does_not_parse_is_bad_and_asked_about_once_a_second);
    tcase_add_test(tests, a_bad_counter_is_not_asked_again_and_again_to_take_units_back);
    tcase_add_loop_test(tests, the_limit_is_the_limit, 0, 6);
    tcase_add_test(tests, a_raised_limit_counts_at_once_and_keeps_the_use);
    tcase_add_test(tests, a_limit_that_changes_while_its_call_is_out_keeps_its_word);
    tcase_add_test(tests, a_limit_that_changes_its_kind_while_its_call_is_out_forgets_it);
    tcase_add_loop_test(tests, a_refund_gives_back_what_was_taken, 0, 2);
    tcase_add_test(tests, left_is_what_is_in_hand);
    tcase_add_test(tests, what_is_in_hand_counts_towards_a_larger_cost);
    tcase_add_test(tests, who_is_refused_is_not_sent_away_for_longer_than_until_units_come_back);
    tcase_add_test(tests, an_exact_limit_counts_at_the_grant);
    suite_add_tcase(suite, tests);
    return suite;
}
