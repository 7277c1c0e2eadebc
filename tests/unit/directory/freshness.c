/* How long what is known is served, and what a refresh changes. */
#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define TEAM "reeve:team:ops"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    asker_init(&asker);
}

static void stop(void)
{
    waiter_cancel(&asker.waiter);
    world_fini(&world);
}

START_TEST(gives_the_parsed_record)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    const struct directory_entry *entry = world_entry(&world, "ops");
    ck_assert_int_eq(entry->record->kind, RECORD_TEAM);
    ck_assert(entry->record->team.is_active);
}
END_TEST

START_TEST(is_absent_where_the_store_has_nothing)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_ABSENT);
}
END_TEST

static const struct {
    const char *name;
    enum store_status status;
    const char *state;
} bad_cases[] = {
    {"a field that nobody knows", STORE_OK, "aktive"},
    {"another type", STORE_WRONGTYPE, "active"},
    {"too big", STORE_BAD_REPLY, "active"},
};

START_TEST(is_bad_where_the_record_does_not_parse)
{
    fake_store_set(world.fake, TEAM, "state", bad_cases[_i].state);
    fake_store_set_status(world.fake, TEAM, bad_cases[_i].status);
    ck_assert_msg(world_fetch(&world, "ops") == DIRECTORY_BAD, "%s", bad_cases[_i].name);
    world_pass(&world, WORLD_MAX_AGE_US / 2 - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_BAD);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
    ck_assert_uint_eq(world_counters(&world).bad_records, 1);
}
END_TEST

START_TEST(forgives_a_bad_record_that_was_mended)
{
    fake_store_set(world.fake, TEAM, "state", "aktive");
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_BAD);
    fake_store_set(world.fake, TEAM, "state", "active");
    world_pass(&world, WORLD_MAX_AGE_US);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
}
END_TEST

START_TEST(does_not_serve_the_old_record_when_the_new_one_is_bad)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    fake_store_set(world.fake, TEAM, "state", "aktive");
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_BAD);
}
END_TEST

START_TEST(refuses_names_that_can_not_be)
{
    char longest[DIRECTORY_NAME_BYTES_MAX + 2];

    memset(longest, 'a', sizeof(longest));
    longest[DIRECTORY_NAME_BYTES_MAX + 1] = '\0';
    ck_assert_int_eq(world_ask(&world, "", &asker), DIRECTORY_BAD);
    ck_assert_int_eq(world_ask(&world, longest, &asker), DIRECTORY_BAD);
    longest[DIRECTORY_NAME_BYTES_MAX] = '\0';
    ck_assert_int_eq(world_ask(&world, longest, &asker), DIRECTORY_PENDING);
    ck_assert_uint_eq(world.fake->request_count, 1);
}
END_TEST

START_TEST(tells_kinds_and_names_apart)
{
    struct directory_entry *entry = NULL;

    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    ck_assert_int_eq(world_fetch(&world, "op"), DIRECTORY_ABSENT);
    ck_assert_int_eq(directory_get(world.directory, RECORD_USER, STR("ops"), STR("s"), world.now,
                                   &asker.waiter, &entry),
                     DIRECTORY_PENDING);
    ck_assert_uint_eq(fake_store_requests(world.fake, "reeve:user:{ops}"), 1);
}
END_TEST

START_TEST(serves_until_max_age_after_the_fetch_was_sent)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
    world_pass(&world, 300000);
    world_turn(&world);
    fake_store_set_mode(world.fake, FAKE_STORE_HANG);
    world_pass(&world, WORLD_MAX_AGE_US - 300000 - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_PENDING);
}
END_TEST

START_TEST(refreshes_once_past_half_of_max_age)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    world_pass(&world, WORLD_MAX_AGE_US / 2 - 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
    world_pass(&world, 1);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 2);
    ck_assert_uint_eq(world_counters(&world).refreshes, 1);
}
END_TEST

START_TEST(a_busy_record_never_makes_anybody_wait)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    for (int i = 0; i < 100; i++) {
        world_pass(&world, WORLD_MAX_AGE_US / 4);
        ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
        world_turn(&world);
    }
    ck_assert_uint_le(fake_store_requests(world.fake, TEAM), 51);
    ck_assert_int_eq(asker.woken_count, 0);
}
END_TEST

START_TEST(refreshes_absence_too)
{
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_ABSENT);
    world_team(&world, "ops", NULL);
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_ABSENT);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
}
END_TEST

START_TEST(a_deleted_record_is_absent_after_the_refresh)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    fake_store_delete(world.fake, TEAM);
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_FOUND);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &asker), DIRECTORY_ABSENT);
    ck_assert_uint_eq(world_counters(&world).record_count, 0);
    ck_assert_uint_eq(world_counters(&world).absent_count, 1);
}
END_TEST

static void refresh(const char *label)
{
    world_key(&world, label);
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    world_key_record(&world);
    world_turn(&world);
}

START_TEST(an_unchanged_record_keeps_what_was_verified)
{
    const struct siphash_digest digest = {1, 2};

    world_key(&world, "one");
    struct key_record *key = world_key_record(&world);
    record_hash(key, 1)->verified = digest;
    record_hash(key, 1)->has_verified = true;
    refresh("one");
    ck_assert_ptr_eq(world_key_record(&world), key);
    ck_assert(record_hash(key, 1)->has_verified && !record_hash(key, 0)->has_verified);
    ck_assert_mem_eq(&record_hash(key, 1)->verified, &digest, sizeof(digest));
    ck_assert_uint_eq(fake_store_requests(world.fake, WORLD_KEY), 2);
}
END_TEST

START_TEST(a_changed_record_forgets_what_was_verified)
{
    world_key(&world, "one");
    struct key_record *key = world_key_record(&world);
    record_hash(key, 0)->has_verified = true;
    record_hash(key, 1)->has_verified = true;
    refresh("two");
    key = world_key_record(&world);
    ck_assert(!record_hash(key, 0)->has_verified && !record_hash(key, 1)->has_verified);
    ck_assert_uint_eq(fake_store_requests(world.fake, WORLD_KEY), 2);
}
END_TEST

Suite *freshness_suite(void)
{
    Suite *suite = suite_create("freshness");
    TCase *tcase = tcase_create("freshness");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, is_bad_where_the_record_does_not_parse, 0,
                        sizeof(bad_cases) / sizeof(bad_cases[0]));
    tcase_add_test(tcase, forgives_a_bad_record_that_was_mended);
    tcase_add_test(tcase, does_not_serve_the_old_record_when_the_new_one_is_bad);
    tcase_add_test(tcase, refuses_names_that_can_not_be);
    tcase_add_test(tcase, is_absent_where_the_store_has_nothing);
    tcase_add_test(tcase, gives_the_parsed_record);
    tcase_add_test(tcase, tells_kinds_and_names_apart);
    tcase_add_test(tcase, serves_until_max_age_after_the_fetch_was_sent);
    tcase_add_test(tcase, refreshes_once_past_half_of_max_age);
    tcase_add_test(tcase, a_busy_record_never_makes_anybody_wait);
    tcase_add_test(tcase, refreshes_absence_too);
    tcase_add_test(tcase, a_deleted_record_is_absent_after_the_refresh);
    tcase_add_test(tcase, an_unchanged_record_keeps_what_was_verified);
    tcase_add_test(tcase, a_changed_record_forgets_what_was_verified);
    suite_add_tcase(suite, tcase);
    return suite;
}
