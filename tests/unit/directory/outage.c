/* The store is away, slow, or unwilling: known records are served up to max_age, then nothing. */
#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define TEAM "reeve:team:ops"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    asker_init(&asker);
    world_team(&world, "ops", NULL);
}

static void stop(void)
{
    waiter_cancel(&asker.waiter);
    world_fini(&world);
}

START_TEST(an_unknown_record_is_down_at_once)
{
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    ck_assert_uint_eq(world_counters(&world).store_failures, 1);
    fake_store_set_mode(world.fake, FAKE_STORE_UP);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_known_record_is_served_to_max_age_and_not_longer)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_pass(&world, WORLD_MAX_AGE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    fake_store_set_mode(world.fake, FAKE_STORE_UP);
    world_pass(&world, DIRECTORY_RETRY_US);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_refresh_that_fails_leaves_the_record)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    fake_store_drop(world.fake);
    world_tick(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 2);
    world_pass(&world, DIRECTORY_RETRY_US);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 3);
}
END_TEST

/* The failure is an answer: who waited is not sent round again. */
START_TEST(who_waited_is_told_down)
{
    const enum store_status statuses[] = {STORE_DOWN, STORE_REFUSED};

    fake_store_set_status(world.fake, TEAM, statuses[_i]);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_DOWN);
    world_pass(&world, DIRECTORY_RETRY_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
    fake_store_set_status(world.fake, TEAM, STORE_OK);
    world_pass(&world, 1);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_stale_record_whose_fetch_fails_is_down)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    fake_store_set_status(world.fake, TEAM, STORE_DOWN);
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_DOWN);
}
END_TEST

START_TEST(a_failure_about_one_record_does_not_touch_others)
{
    world_team(&world, "dev", NULL);
    fake_store_set_status(world.fake, TEAM, STORE_REFUSED);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_DOWN);
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_full_store_is_busy)
{
    fake_store_set_mode(world.fake, FAKE_STORE_FULL);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_BUSY);
    ck_assert_uint_eq(world_counters(&world).refused, 1);
    ck_assert_uint_eq(world_counters(&world).misses_in_flight, 0);
}
END_TEST

Suite *outage_suite(void)
{
    Suite *suite = suite_create("outage");
    TCase *tcase = tcase_create("outage");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, an_unknown_record_is_down_at_once);
    tcase_add_test(tcase, a_known_record_is_served_to_max_age_and_not_longer);
    tcase_add_test(tcase, a_refresh_that_fails_leaves_the_record);
    tcase_add_loop_test(tcase, who_waited_is_told_down, 0, 2);
    tcase_add_test(tcase, a_stale_record_whose_fetch_fails_is_down);
    tcase_add_test(tcase, a_failure_about_one_record_does_not_touch_others);
    tcase_add_test(tcase, a_full_store_is_busy);
    suite_add_tcase(suite, tcase);
    return suite;
}
