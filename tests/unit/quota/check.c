/* What one agent answers, as long as the store does its part. */
#include <stdio.h>

#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/world.h"

static struct world world;

static void setup(void)
{
    world_open(&world, 1);
}

static void teardown(void)
{
    world_close(&world);
}

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

START_TEST(however_many_wait_there_is_one_call)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    static struct asker askers[100];

    for (int i = 0; i < 100; i++) {
        asker_init(&askers[i], &world, 0, &quota, 1);
        ck_assert_int_eq(asker_ask(&askers[i]), QUOTA_PENDING);
    }
    world_tick(&world);
    world_tick(&world);
    ck_assert_uint_eq(world.agents[0].fake->pending_count, 1);
    world_turn(&world);
    ck_assert_int_eq(world.counters.takes, 1);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(askers[i].answer, QUOTA_ENOUGH);
        ck_assert_int_eq(askers[i].woken_count, 1);
    }
}
END_TEST

START_TEST(who_came_first_is_first)
{
    struct limit_record quota = limit_quota(12, LIMIT_PER_DAY);
    static struct asker askers[20];

    for (int i = 0; i < 20; i++) {
        asker_init(&askers[i], &world, 0, &quota, 1);
        asker_ask(&askers[i]);
    }
    for (int i = 0; i < 12; i++) {
        world_turn(&world);
    }
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(askers[i].answer, i < 12 ? QUOTA_ENOUGH : QUOTA_EXHAUSTED);
        ck_assert(i == 0 || i >= 12 || askers[i].order > askers[i - 1].order);
    }
}
END_TEST

START_TEST(who_comes_later_does_not_overtake)
{
    struct limit_record quota = limit_quota(100, LIMIT_PER_DAY);
    struct asker small, large, late;

    asker_init(&small, &world, 0, &quota, 1);
    asker_init(&large, &world, 0, &quota, 60);
    asker_init(&late, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_ask_through(&small), QUOTA_ENOUGH);
    asker_ask(&large);
    ck_assert_int_eq(large.answer, QUOTA_PENDING);
    ck_assert_int_eq(asker_ask(&late), QUOTA_PENDING);
    for (int i = 0; i < 3; i++) {
        world_turn(&world);
    }
    ck_assert_int_eq(large.answer, QUOTA_ENOUGH);
    ck_assert_int_eq(late.answer, QUOTA_ENOUGH);
    ck_assert_int_lt(large.order, late.order);
}
END_TEST

START_TEST(who_left_is_not_woken_and_takes_nothing)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY);
    struct asker left, stays;

    asker_init(&left, &world, 0, &quota, 7);
    asker_init(&stays, &world, 0, &quota, 7);
    asker_ask(&left);
    asker_ask(&stays);
    world_tick(&world);
    waiter_cancel(&left.waiter);
    world_turn(&world);
    ck_assert_int_eq(left.woken_count, 0);
    ck_assert_int_eq(stays.answer, QUOTA_ENOUGH);
}
END_TEST

START_TEST(when_all_left_nothing_is_asked)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    asker_ask(&asker);
    waiter_cancel(&asker.waiter);
    world_turn(&world);
    ck_assert_int_eq(world.counters.takes, 0);
}
END_TEST

START_TEST(denied_traffic_costs_a_call_a_second)
{
    struct limit_record quota = limit_quota(5, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_admitted(&asker, 6), 5);
    int takes = world.counters.takes;
    for (int i = 0; i < 1000; i++) {
        world_pass(&world, SECOND / 100);
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_EXHAUSTED);
    }
    ck_assert_int_le(world.counters.takes - takes, 10);
}
END_TEST

START_TEST(a_busy_user_costs_few_calls)
{
    struct limit_record quota = limit_quota(1000000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    for (int i = 0; i < 20000; i++) {
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
        world_pass(&world, 100);
        world_turn(&world);
    }
    ck_assert_int_le(world.counters.takes + world.counters.adjusts, 60);
}
END_TEST

START_TEST(a_busy_rate_costs_a_few_calls_per_life_of_a_lease)
{
    struct limit_record rate = limit_rate(10000, 10000);
    struct asker asker;

    asker_init(&asker, &world, 0, &rate, 1);
    for (int i = 0; i < 20000; i++) {
        asker_ask_through(&asker);
        world_pass(&world, 100);
        world_turn(&world);
    }
    ck_assert_int_gt(asker.admitted_count, 19000);
    ck_assert_int_le(world.counters.takes, 100);
}
END_TEST

START_TEST(idle_units_go_back_after_a_second)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    ck_assert_int_gt(world_used(&world)->used, 1);
    world_pass(&world, SECOND);
    world_turn(&world); /* in this second one was spent */
    world_pass(&world, SECOND - 1);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(world.counters.adjusts, 0);
    world_pass(&world, 1);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(world.counters.adjusts, 1);
    ck_assert_int_eq(world_used(&world)->used, 1);
}
END_TEST

START_TEST(units_of_a_rate_never_go_back)
{
    struct limit_record rate = limit_rate(1000, 1000);
    struct asker asker;

    asker_init(&asker, &world, 0, &rate, 1);
    for (int i = 0; i < 50; i++) {
        asker_ask_through(&asker);
    }
    for (int i = 0; i < 30; i++) {
        world_pass(&world, SECOND / 10);
        world_turn(&world);
    }
    ck_assert_int_eq(world.counters.adjusts, 0);
}
END_TEST

START_TEST(a_window_that_ends_gives_a_whole_limit)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_MINUTE);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_admitted(&asker, 12), 10);
    ck_assert_int_eq(asker.claim.wait_us, 60 * SECOND);
    world_pass(&world, 60 * SECOND - 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_EXHAUSTED);
    ck_assert_int_eq(asker.claim.wait_us, 1);
    world_pass(&world, 1);
    ck_assert_int_eq(asker_admitted(&asker, 12), 10);
}
END_TEST

START_TEST(units_do_not_outlive_their_window)
{
    struct limit_record quota = limit_quota(6400, LIMIT_PER_MINUTE);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    world_pass(&world, 60 * SECOND - 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
    ck_assert_uint_gt(asker.claim.left, 0);
    world_pass(&world, 1);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_PENDING);
    ck_assert_uint_gt(agent_counters(&world.agents[0]).died, 0);
    world_turn(&world);
    world_turn(&world);
    ck_assert_int_eq(asker.answer, QUOTA_ENOUGH);
}
END_TEST

START_TEST(an_agent_whose_clock_is_wrong_learns_the_window_from_the_store)
{
    struct limit_record quota = limit_quota(10, LIMIT_PER_MINUTE);
    struct asker asker;

    world.now.wall_us += _i * 86400 * SECOND;
    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_admitted(&asker, 12), 10);
    ck_assert_int_eq(world_used(&world)->start, WORLD_START_US / 1000);
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

START_TEST(a_lease_whose_reply_is_still_to_come_is_not_dropped)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY), rate = limit_rate(10, 1);
    char subjects[WORLD_LEASES + 1][8];
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    asker_ask(&asker);
    world_tick(&world);
    waiter_cancel(&asker.waiter);
    asker.claim.limit = &rate; /* drops the call, and the reply finds another kind */
    asker_ask(&asker);
    waiter_cancel(&asker.waiter);
    world_tick(&world);
    for (int i = 0; i <= WORLD_LEASES; i++) {
        struct asker other;
        world_pass(&world, SECOND);
        snprintf(subjects[i], sizeof(subjects[i]), "user:%d", i);
        asker_init(&other, &world, 0, &rate, 99);
        other.claim.subject = str_from_c(subjects[i]);
        asker_ask(&other);
        world_tick(&world);
    }
    world_turn(&world);
    ck_assert_uint_eq(agent_counters(&world.agents[0]).calls_in_flight, 0);
}
END_TEST

START_TEST(units_of_many_rates_that_died_do_not_fill_the_table)
{
    struct limit_record rate = limit_rate(1000, 1000);
    char subjects[3 * WORLD_LEASES][16];

    for (int i = 0; i < 3 * WORLD_LEASES; i++) {
        struct asker asker;
        asker_init(&asker, &world, 0, &rate, 1);
        snprintf(subjects[i], sizeof(subjects[i]), "source:%d", i);
        asker.claim.subject = str_from_c(subjects[i]);
        for (int n = 0; n < 40; n++) {
            ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
            world_turn(&world);
        }
        world_pass(&world, SECOND);
    }
    ck_assert_uint_eq(agent_counters(&world.agents[0]).lease_count, WORLD_LEASES);
}
END_TEST

START_TEST(a_full_table_is_busy_and_recovers)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker askers[WORLD_LEASES + 1];
    char subjects[WORLD_LEASES + 1][16];

    for (int i = 0; i <= WORLD_LEASES; i++) {
        asker_init(&askers[i], &world, 0, &quota, 1);
        snprintf(subjects[i], sizeof(subjects[i]), "user:%d", i);
        askers[i].claim.subject = str_from_c(subjects[i]);
        ck_assert_int_eq(asker_ask_through(&askers[i]),
                         i < WORLD_LEASES ? QUOTA_ENOUGH : QUOTA_BUSY);
    }
    for (int i = 0; i < 3; i++) {
        world_pass(&world, SECOND);
        world_turn(&world);
    }
    ck_assert_int_eq(asker_ask_through(&askers[WORLD_LEASES]), QUOTA_ENOUGH);
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

START_TEST(a_drain_returns_all_and_leases_nothing_more)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    asker_ask_through(&asker);
    ck_assert(!quota_return_all(world.agents[0].quota, world.now));
    world_tick(&world);
    ck_assert(!quota_return_all(world.agents[0].quota, world.now));
    world_turn(&world);
    ck_assert(quota_return_all(world.agents[0].quota, world.now));
    ck_assert_int_eq(world_used(&world)->used, 1);
    ck_assert_int_eq(asker_ask_through(&asker), QUOTA_DOWN);
}
END_TEST

START_TEST(a_drain_tells_those_who_wait)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    ck_assert_int_eq(asker_ask(&asker), QUOTA_PENDING);
    quota_return_all(world.agents[0].quota, world.now);
    world_tick(&world);
    ck_assert_int_eq(asker.answer, QUOTA_DOWN);
}
END_TEST

START_TEST(a_drain_gets_back_what_is_still_to_come)
{
    struct limit_record quota = limit_quota(1000, LIMIT_PER_DAY);
    struct asker asker;

    asker_init(&asker, &world, 0, &quota, 1);
    asker_ask(&asker);
    world_tick(&world);
    waiter_cancel(&asker.waiter);
    for (int i = 0; i < 6 && !quota_return_all(world.agents[0].quota, world.now); i++) {
        world_turn(&world);
    }
    ck_assert(quota_return_all(world.agents[0].quota, world.now));
    ck_assert_int_eq(world_used(&world)->used, 0);
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

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_cost_above_the_limit_is_refused_without_asking);
    tcase_add_test(tests, a_zone_that_is_not_known_is_bad);
    tcase_add_test(tests, a_counter_that_does_not_parse_is_bad_and_asked_about_once_a_second);
    tcase_add_test(tests, a_bad_counter_is_not_asked_again_and_again_to_take_units_back);
    tcase_add_loop_test(tests, the_limit_is_the_limit, 0, 6);
    tcase_add_test(tests, however_many_wait_there_is_one_call);
    tcase_add_test(tests, who_came_first_is_first);
    tcase_add_test(tests, who_comes_later_does_not_overtake);
    tcase_add_test(tests, who_left_is_not_woken_and_takes_nothing);
    tcase_add_test(tests, when_all_left_nothing_is_asked);
    tcase_add_test(tests, denied_traffic_costs_a_call_a_second);
    tcase_add_test(tests, a_busy_user_costs_few_calls);
    tcase_add_test(tests, a_busy_rate_costs_a_few_calls_per_life_of_a_lease);
    tcase_add_test(tests, idle_units_go_back_after_a_second);
    tcase_add_test(tests, units_of_a_rate_never_go_back);
    tcase_add_test(tests, a_window_that_ends_gives_a_whole_limit);
    tcase_add_test(tests, units_do_not_outlive_their_window);
    tcase_add_loop_test(tests, an_agent_whose_clock_is_wrong_learns_the_window_from_the_store, -1,
                        2);
    tcase_add_test(tests, a_raised_limit_counts_at_once_and_keeps_the_use);
    tcase_add_test(tests, a_limit_that_changes_while_its_call_is_out_keeps_its_word);
    tcase_add_test(tests, a_limit_that_changes_its_kind_while_its_call_is_out_forgets_it);
    tcase_add_test(tests, a_lease_whose_reply_is_still_to_come_is_not_dropped);
    tcase_add_test(tests, units_of_many_rates_that_died_do_not_fill_the_table);
    tcase_add_test(tests, a_full_table_is_busy_and_recovers);
    tcase_add_loop_test(tests, a_refund_gives_back_what_was_taken, 0, 2);
    tcase_add_test(tests, left_is_what_is_in_hand);
    tcase_add_test(tests, what_is_in_hand_counts_towards_a_larger_cost);
    tcase_add_test(tests, who_is_refused_is_not_sent_away_for_longer_than_until_units_come_back);
    tcase_add_test(tests, a_drain_returns_all_and_leases_nothing_more);
    tcase_add_test(tests, a_drain_tells_those_who_wait);
    tcase_add_test(tests, a_drain_gets_back_what_is_still_to_come);
    tcase_add_test(tests, an_exact_limit_counts_at_the_grant);
    suite_add_tcase(suite, tests);
    return suite;
}
