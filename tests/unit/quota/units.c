/* Units in hand: when they go back, how long they count, and the table that holds them. */
#include <stdio.h>

#include "tests/unit/quota/alone.h"
#include "tests/unit/quota/suites.h"

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

Suite *units_suite(void)
{
    Suite *suite = suite_create("units");
    TCase *tests = tcase_create("units");

    tcase_add_checked_fixture(tests, alone_setup, alone_teardown);
    tcase_add_test(tests, idle_units_go_back_after_a_second);
    tcase_add_test(tests, units_of_a_rate_never_go_back);
    tcase_add_test(tests, a_window_that_ends_gives_a_whole_limit);
    tcase_add_test(tests, units_do_not_outlive_their_window);
    tcase_add_loop_test(tests, an_agent_whose_clock_is_wrong_learns_the_window_from_the_store, -1,
                        2);
    tcase_add_test(tests, a_lease_whose_reply_is_still_to_come_is_not_dropped);
    tcase_add_test(tests, units_of_many_rates_that_died_do_not_fill_the_table);
    tcase_add_test(tests, a_full_table_is_busy_and_recovers);
    tcase_add_test(tests, a_drain_returns_all_and_leases_nothing_more);
    tcase_add_test(tests, a_drain_tells_those_who_wait);
    tcase_add_test(tests, a_drain_gets_back_what_is_still_to_come);
    suite_add_tcase(suite, tests);
    return suite;
}
