/* Changes that are told: DESIGN 9, "fetch sent, invalidation arrives, old reply arrives". */
#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define TEAM "reeve:team:ops"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    asker_init(&asker);
    world_team(&world, "ops", "one");
}

static void stop(void)
{
    waiter_cancel(&asker.waiter);
    world_fini(&world);
}

/* One record, or all of them. */
static void invalidate(int how)
{
    if (how == 0) {
        directory_invalidate(world.directory, RECORD_TEAM, STR("ops"));
    } else {
        directory_invalidate_all(world.directory);
    }
}

START_TEST(an_invalidated_record_is_fetched_before_it_is_served)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    invalidate(_i);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
}
END_TEST

START_TEST(an_invalidated_absence_is_asked_again)
{
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_ABSENT);
    world_team(&world, "dev", NULL);
    if (_i == 0) {
        directory_invalidate(world.directory, RECORD_TEAM, STR("dev"));
    } else {
        directory_invalidate_all(world.directory);
    }
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_reply_from_before_the_change_is_not_served)
{
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    fake_store_execute(world.fake);
    fake_store_delete(world.fake, TEAM);
    invalidate(_i);
    world_turn(&world);
    ck_assert_int_eq(asker.woken_count, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_ABSENT);
}
END_TEST

START_TEST(a_refresh_from_before_the_change_is_not_served)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    fake_store_execute(world.fake);
    fake_store_delete(world.fake, TEAM);
    invalidate(_i);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_ABSENT);
}
END_TEST

START_TEST(a_change_between_reply_and_tick_counts)
{
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    fake_store_step(world.fake);
    invalidate(_i);
    world_tick(&world);
    ck_assert_int_eq(asker.woken_count, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
}
END_TEST

START_TEST(what_was_verified_is_forgotten_even_where_nothing_changed)
{
    world_key(&world, "one");
    struct key_record *key = world_key_record(&world);
    record_hash(key, 0)->has_verified = true;
    record_hash(key, 1)->has_verified = true;
    if (_i == 0) {
        directory_invalidate(world.directory, RECORD_KEY, STR("k"));
    } else {
        directory_invalidate_all(world.directory);
    }
    ck_assert_ptr_eq(world_key_record(&world), key);
    ck_assert(!record_hash(key, 0)->has_verified && !record_hash(key, 1)->has_verified);
}
END_TEST

START_TEST(others_are_served_on)
{
    world_team(&world, "dev", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_FOUND);
    directory_invalidate(world.directory, RECORD_TEAM, STR("ops"));
    directory_invalidate(world.directory, RECORD_USER, STR("dev"));
    directory_invalidate(world.directory, RECORD_TEAM, STR("nobody"));
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_FOUND);
}
END_TEST

Suite *invalidation_suite(void)
{
    Suite *suite = suite_create("invalidation");
    TCase *tcase = tcase_create("invalidation");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, an_invalidated_record_is_fetched_before_it_is_served, 0, 2);
    tcase_add_loop_test(tcase, an_invalidated_absence_is_asked_again, 0, 2);
    tcase_add_loop_test(tcase, a_reply_from_before_the_change_is_not_served, 0, 2);
    tcase_add_loop_test(tcase, a_refresh_from_before_the_change_is_not_served, 0, 2);
    tcase_add_loop_test(tcase, a_change_between_reply_and_tick_counts, 0, 2);
    tcase_add_loop_test(tcase, what_was_verified_is_forgotten_even_where_nothing_changed, 0, 2);
    tcase_add_test(tcase, others_are_served_on);
    suite_add_tcase(suite, tcase);
    return suite;
}
