/* While the store tells of changes a record needs no refetch until it changes; when it stops, what
 * was told last counts. */
#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define TEAM         "reeve:team:ops"
#define MAX_STALE_US (10 * WORLD_MAX_AGE_US)

static struct world world;
static struct asker asker;

static void start(void)
{
    struct directory_settings settings = world_settings();

    settings.max_stale_us = MAX_STALE_US;
    world_init_with(&world, &settings);
    asker_init(&asker);
    world_team(&world, "ops", NULL);
    directory_follow(world.directory, 1, world.now.mono_us);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
}

static void stop(void)
{
    waiter_cancel(&asker.waiter);
    world_fini(&world);
}

/* Time passes, and the store proves in between that it tells. */
static void pass_proven(int64_t us)
{
    for (int64_t step = WORLD_MAX_AGE_US / 5; us > 0; us -= step) {
        world_pass(&world, us < step ? us : step);
        directory_follow(world.directory, 1, world.now.mono_us);
    }
}

START_TEST(a_record_needs_no_refetch_until_it_changes)
{
    for (int i = 0; i < 100; i++) {
        pass_proven(WORLD_MAX_AGE_US);
        ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    }
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
    directory_invalidate(world.directory, RECORD_TEAM, STR("ops"));
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 2);
}
END_TEST

START_TEST(an_unused_record_needs_none_either)
{
    pass_proven(100 * WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
}
END_TEST

START_TEST(without_proof_it_ages_as_of_the_last_one)
{
    pass_proven(3 * WORLD_MAX_AGE_US);
    fake_store_set_mode(world.fake, FAKE_STORE_HANG);
    world_pass(&world, WORLD_MAX_AGE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
}
END_TEST

START_TEST(the_end_of_the_telling_makes_nothing_older_than_it_is)
{
    pass_proven(3 * WORLD_MAX_AGE_US);
    directory_unfollow(world.directory);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_pass(&world, MAX_STALE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
}
END_TEST

/* Nobody told what changed between the two. */
START_TEST(another_session_fetches_before_it_serves)
{
    directory_unfollow(world.directory);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    directory_follow(world.directory, 2, world.now.mono_us);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 2);
}
END_TEST

START_TEST(the_same_session_goes_on_after_a_pause)
{
    directory_unfollow(world.directory);
    directory_follow(world.directory, 1, world.now.mono_us);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
}
END_TEST

/* What was on its way when the telling began was perhaps read before it. */
START_TEST(a_fetch_from_before_the_session_is_not_of_it)
{
    directory_unfollow(world.directory);
    world_team(&world, "dev", NULL);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_PENDING);
    directory_follow(world.directory, 2, world.now.mono_us);
    world_turn(&world);
    ck_assert_int_eq(asker.woken_count, 1);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_FOUND);
}
END_TEST

START_TEST(absence_is_followed_too)
{
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_ABSENT);
    pass_proven(10 * WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_ask(&world, "dev", &asker), DIRECTORY_ABSENT);
    world_team(&world, "dev", NULL);
    directory_invalidate(world.directory, RECORD_TEAM, STR("dev"));
    ck_assert_int_eq(world_fetch(&world, "dev"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(an_entry_is_current_as_long_as_a_get_would_give_it)
{
    struct directory_entry *entry = world_entry(&world, "ops");

    pass_proven(3 * WORLD_MAX_AGE_US);
    ck_assert(directory_is_current(world.directory, entry, world.now));
    directory_unfollow(world.directory);
    directory_follow(world.directory, 2, world.now.mono_us);
    ck_assert(!directory_is_current(world.directory, entry, world.now));
}
END_TEST

/* Who waits for a change is told that it is applied, while this record was not asked for since. */
static void lose_a_change_and_seal(void)
{
    directory_unfollow(world.directory);
    fake_store_delete(world.fake, TEAM);
    directory_follow(world.directory, 2, world.now.mono_us);
    directory_seal(world.directory, world.now);
}

START_TEST(what_was_told_to_be_applied_is_not_served_when_the_store_goes)
{
    lose_a_change_and_seal();
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
    directory_unfollow(world.directory);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
}
END_TEST

START_TEST(nor_when_only_the_telling_ends)
{
    lose_a_change_and_seal();
    directory_unfollow(world.directory);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_pass(&world, 1);
    world_turn(&world);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_ABSENT);
}
END_TEST

START_TEST(a_seal_keeps_what_was_followed)
{
    directory_seal(world.directory, world.now);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    directory_unfollow(world.directory);
    world_pass(&world, MAX_STALE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
}
END_TEST

START_TEST(what_was_proven_in_the_last_session_is_as_old_as_that)
{
    pass_proven(3 * MAX_STALE_US);
    directory_unfollow(world.directory);
    directory_follow(world.directory, 2, world.now.mono_us);
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_pass(&world, MAX_STALE_US - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_DOWN);
}
END_TEST

Suite *follow_suite(void)
{
    Suite *suite = suite_create("follow");
    TCase *tcase = tcase_create("follow");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_record_needs_no_refetch_until_it_changes);
    tcase_add_test(tcase, an_unused_record_needs_none_either);
    tcase_add_test(tcase, without_proof_it_ages_as_of_the_last_one);
    tcase_add_test(tcase, the_end_of_the_telling_makes_nothing_older_than_it_is);
    tcase_add_test(tcase, another_session_fetches_before_it_serves);
    tcase_add_test(tcase, the_same_session_goes_on_after_a_pause);
    tcase_add_test(tcase, a_fetch_from_before_the_session_is_not_of_it);
    tcase_add_test(tcase, absence_is_followed_too);
    tcase_add_test(tcase, what_was_told_to_be_applied_is_not_served_when_the_store_goes);
    tcase_add_test(tcase, nor_when_only_the_telling_ends);
    tcase_add_test(tcase, a_seal_keeps_what_was_followed);
    tcase_add_test(tcase, what_was_proven_in_the_last_session_is_as_old_as_that);
    tcase_add_test(tcase, an_entry_is_current_as_long_as_a_get_would_give_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
