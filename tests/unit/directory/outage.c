/* The store is away, slow, or unwilling: known records are served up to max_age, or to max_stale
 * where that is longer, then nothing. */
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

#define MAX_STALE_US (10 * WORLD_MAX_AGE_US)

static void start_stale(void)
{
    struct directory_settings settings = world_settings();

    settings.max_stale_us = MAX_STALE_US;
    world_init_with(&world, &settings);
    asker_init(&asker);
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_ABSENT);
}

START_TEST(what_is_known_is_served_to_max_stale_and_not_longer)
{
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_pass(&world, MAX_STALE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_ABSENT);
    ck_assert_uint_eq(world_counters(&world).stales, 2);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_DOWN);
}
END_TEST

START_TEST(a_bad_record_stays_bad)
{
    fake_store_set(world.fake, TEAM, "state", "aktive");
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_BAD);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_pass(&world, MAX_STALE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_BAD);
}
END_TEST

START_TEST(who_waits_for_a_store_that_hangs_is_served_when_that_is_known)
{
    fake_store_set_mode(world.fake, FAKE_STORE_HANG);
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    fake_store_drop(world.fake);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_tick(&world);
    ck_assert_int_eq(asker.woken_count, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_record_that_changed_is_not_served_stale)
{
    if (_i == 0) {
        directory_invalidate(world.directory, RECORD_TEAM, STR("ops"));
    } else {
        directory_invalidate_all(world.directory);
    }
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
}
END_TEST

/* The refresh that was on its way when the change was told fails: nobody knows the record. */
START_TEST(nor_is_one_that_changed_while_it_was_fetched)
{
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    directory_invalidate(world.directory, RECORD_TEAM, STR("ops"));
    fake_store_drop(world.fake);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_tick(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
}
END_TEST

START_TEST(a_full_store_does_not_make_stale_records_good)
{
    fake_store_set_mode(world.fake, FAKE_STORE_FULL);
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_BUSY);
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
    tcase = tcase_create("stale");
    tcase_add_checked_fixture(tcase, start_stale, stop);
    tcase_add_test(tcase, what_is_known_is_served_to_max_stale_and_not_longer);
    tcase_add_test(tcase, a_bad_record_stays_bad);
    tcase_add_test(tcase, who_waits_for_a_store_that_hangs_is_served_when_that_is_known);
    tcase_add_loop_test(tcase, a_record_that_changed_is_not_served_stale, 0, 2);
    tcase_add_test(tcase, nor_is_one_that_changed_while_it_was_fetched);
    tcase_add_test(tcase, a_full_store_does_not_make_stale_records_good);
    suite_add_tcase(suite, tcase);
    return suite;
}
