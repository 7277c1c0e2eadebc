/* Who waits for units, in which order, and how few calls serve how many. */
#include "tests/unit/quota/alone.h"
#include "tests/unit/quota/suites.h"

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

Suite *queue_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *tests = tcase_create("queue");

    tcase_add_checked_fixture(tests, alone_setup, alone_teardown);
    tcase_add_test(tests, however_many_wait_there_is_one_call);
    tcase_add_test(tests, who_came_first_is_first);
    tcase_add_test(tests, who_comes_later_does_not_overtake);
    tcase_add_test(tests, who_left_is_not_woken_and_takes_nothing);
    tcase_add_test(tests, when_all_left_nothing_is_asked);
    tcase_add_test(tests, denied_traffic_costs_a_call_a_second);
    tcase_add_test(tests, a_busy_user_costs_few_calls);
    tcase_add_test(tests, a_busy_rate_costs_a_few_calls_per_life_of_a_lease);
    suite_add_tcase(suite, tests);
    return suite;
}
