/* What clients can make the directory keep, ask or forget. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

static struct world world;
static struct asker askers[64];

static void start(void)
{
    world_init(&world);
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
        asker_init(&askers[i]);
    }
}

static void stop(void)
{
    world_fini(&world);
}

static const char *name_of(const char *stem, int number)
{
    static char name[32];

    snprintf(name, sizeof(name), "%s%d", stem, number);
    return name;
}

START_TEST(records_are_bounded)
{
    for (int i = 0; i < 10 * WORLD_RECORDS; i++) {
        world_team(&world, name_of("t", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("t", i)), DIRECTORY_FOUND);
        ck_assert_uint_le(world_counters(&world).record_count, WORLD_RECORDS);
    }
    ck_assert_uint_eq(world_counters(&world).record_count, WORLD_RECORDS);
    ck_assert_uint_eq(world_counters(&world).evictions, 9 * WORLD_RECORDS);
}
END_TEST

START_TEST(bytes_follow_what_is_kept)
{
    size_t before = world_counters(&world).bytes;

    for (int i = 0; i < WORLD_ABSENTS; i++) {
        ck_assert_int_eq(world_fetch(&world, name_of("x", i)), DIRECTORY_ABSENT);
    }
    size_t with_absents = world_counters(&world).bytes;
    ck_assert_uint_gt(with_absents, before);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(world_fetch(&world, name_of("y", i)), DIRECTORY_ABSENT);
    }
    ck_assert_uint_le(world_counters(&world).bytes, with_absents + WORLD_ABSENTS);
}
END_TEST

#ifdef REEVE_GLIBC_MALLOC
/* Absent names among them, and as many as make the table grow. */
START_TEST(bytes_are_what_the_allocator_gave)
{
    enum { NAMES = 3000 };
    struct directory_settings settings = world_settings();

    world_fini(&world);
    settings.max_records = NAMES;
    settings.max_absent = NAMES;
    world_init_with(&world, &settings);
    for (int i = 0; i < NAMES; i += 2) {
        world_team(&world, name_of("t", i), NULL);
    }
    for (int i = 0; i < NAMES; i++) {
        ck_assert_int_eq(world_fetch(&world, name_of("t", i)),
                         i % 2 == 0 ? DIRECTORY_FOUND : DIRECTORY_ABSENT);
    }
    size_t counted = world_counters(&world).bytes;
    size_t given = mallinfo2().uordblks;
    directory_free(world.directory);
    given -= mallinfo2().uordblks;
    world.directory = NULL;
    ck_assert_uint_gt(given, NAMES * 100);
    ck_assert_msg(counted >= given - given / 20 && counted <= given + given / 20,
                  "counted %zu, given %zu", counted, given);
}
END_TEST
#endif

START_TEST(invented_names_do_not_push_records_out)
{
    for (int i = 0; i < WORLD_RECORDS; i++) {
        world_team(&world, name_of("t", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("t", i)), DIRECTORY_FOUND);
    }
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(world_fetch(&world, name_of("x", i)), DIRECTORY_ABSENT);
    }
    ck_assert_uint_eq(world_counters(&world).absent_count, WORLD_ABSENTS);
    for (int i = 0; i < WORLD_RECORDS; i++) {
        ck_assert_int_eq(world_ask(&world, name_of("t", i), &askers[0]), DIRECTORY_FOUND);
    }
}
END_TEST

START_TEST(names_that_failed_do_not_push_records_out)
{
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(world_ask(&world, name_of("x", i), &askers[0]), DIRECTORY_PENDING);
        fake_store_drop(world.fake);
        world_tick(&world);
    }
    ck_assert_uint_eq(world_counters(&world).absent_count, WORLD_ABSENTS);
    ck_assert_int_eq(world_ask(&world, "ops", &askers[0]), DIRECTORY_FOUND);
}
END_TEST

/* A scan over many records that are asked for once leaves the busy ones where they are. */
START_TEST(busy_records_survive_a_scan)
{
    for (int i = 0; i < WORLD_RECORDS / 2; i++) {
        world_team(&world, name_of("busy", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("busy", i)), DIRECTORY_FOUND);
    }
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    for (int i = 0; i < WORLD_RECORDS / 2; i++) {
        ck_assert_int_eq(world_ask(&world, name_of("busy", i), &askers[0]), DIRECTORY_FOUND);
    }
    for (int scanned = 0; scanned < 200; scanned++) {
        world_team(&world, name_of("scan", scanned), NULL);
        ck_assert_int_eq(world_ask(&world, name_of("scan", scanned), &askers[0]),
                         DIRECTORY_PENDING);
        world_turn(&world);
        for (int i = 0; i < WORLD_RECORDS / 2; i++) {
            ck_assert_int_eq(world_ask(&world, name_of("busy", i), &askers[0]), DIRECTORY_FOUND);
        }
    }
}
END_TEST

/* Who asked for a record runs again when it came, and once more when the next one it needs did: that
 * makes no record a busy one. */
START_TEST(busy_records_survive_a_scan_whose_requests_run_again)
{
    struct directory_settings settings = world_settings();

    world_fini(&world);
    settings.max_age_us = 100 * WORLD_MAX_AGE_US;
    world_init_with(&world, &settings);
    for (int i = 0; i < WORLD_RECORDS / 2; i++) {
        world_team(&world, name_of("busy", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("busy", i)), DIRECTORY_FOUND);
    }
    world_pass(&world, 1000000);
    for (int scanned = 0; scanned < 200; scanned++) {
        for (int i = 0; i < WORLD_RECORDS / 2; i++) {
            ck_assert_int_eq(world_ask(&world, name_of("busy", i), &askers[0]), DIRECTORY_FOUND);
        }
        world_team(&world, name_of("scan", scanned), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("scan", scanned)), DIRECTORY_FOUND);
        world_pass(&world, 1000);
        ck_assert_int_eq(world_ask(&world, name_of("scan", scanned), &askers[0]), DIRECTORY_FOUND);
    }
}
END_TEST

START_TEST(a_source_has_so_many_misses_in_flight)
{
    for (int i = 0; i < WORLD_SOURCE; i++) {
        ck_assert_int_eq(world_ask_from(&world, "one", name_of("x", i), &askers[i]),
                         DIRECTORY_PENDING);
    }
    ck_assert_int_eq(world_ask_from(&world, "one", "y", &askers[10]), DIRECTORY_BUSY);
    ck_assert_int_eq(world_ask_from(&world, "two", "y", &askers[10]), DIRECTORY_PENDING);
    /* Waiting for what somebody asks already is free. */
    ck_assert_int_eq(world_ask_from(&world, "one", "y", &askers[11]), DIRECTORY_PENDING);
    ck_assert_uint_eq(world.fake->request_count, WORLD_SOURCE + 1);
    ck_assert(fake_store_step_first(world.fake));
    ck_assert_int_eq(world_ask_from(&world, "one", "z", &askers[12]), DIRECTORY_PENDING);
    ck_assert_int_eq(world_ask_from(&world, "one", "zz", &askers[13]), DIRECTORY_BUSY);
    ck_assert_uint_eq(world_counters(&world).refused, 2);
}
END_TEST

START_TEST(failed_misses_are_not_held_against_their_source)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < WORLD_SOURCE; i++) {
            ck_assert_int_eq(world_ask_from(&world, "one", name_of("x", i), &askers[i]),
                             DIRECTORY_PENDING);
        }
        fake_store_drop(world.fake);
        world_tick(&world);
        world_pass(&world, DIRECTORY_RETRY_US);
    }
}
END_TEST

START_TEST(records_that_exist_do_not_count_to_a_source)
{
    for (int i = 0; i < WORLD_RECORDS; i++) {
        world_team(&world, name_of("t", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("t", i)), DIRECTORY_FOUND);
    }
    world_pass(&world, WORLD_MAX_AGE_US);
    for (int i = 0; i < WORLD_RECORDS; i++) {
        ck_assert_int_eq(world_ask_from(&world, "one", name_of("t", i), &askers[i]),
                         DIRECTORY_PENDING);
    }
}
END_TEST

START_TEST(all_sources_together_are_bounded)
{
    for (int i = 0; i < WORLD_MISSES; i++) {
        char source[16];
        snprintf(source, sizeof(source), "source%d", i);
        ck_assert_int_eq(world_ask_from(&world, source, name_of("x", i), &askers[i]),
                         DIRECTORY_PENDING);
    }
    ck_assert_int_eq(world_ask_from(&world, "another", "y", &askers[60]), DIRECTORY_BUSY);
    ck_assert_uint_eq(world_counters(&world).misses_in_flight, WORLD_MISSES);
}
END_TEST

START_TEST(refreshes_leave_room_for_misses)
{
    struct directory_settings settings = world_settings();

    world_fini(&world);
    settings.max_records = 32;
    world_init_with(&world, &settings);
    for (int i = 0; i < 32; i++) {
        world_team(&world, name_of("t", i), NULL);
        ck_assert_int_eq(world_fetch(&world, name_of("t", i)), DIRECTORY_FOUND);
    }
    world_pass(&world, WORLD_MAX_AGE_US / 2);
    for (int i = 0; i < 32; i++) {
        ck_assert_int_eq(world_ask(&world, name_of("t", i), &askers[0]), DIRECTORY_FOUND);
    }
    ck_assert_uint_eq(world_counters(&world).refreshes, WORLD_MISSES / 2);
    ck_assert_int_eq(world_ask(&world, "x", &askers[0]), DIRECTORY_PENDING);
}
END_TEST

START_TEST(bounds_of_nothing_allow_nothing)
{
    struct directory_settings settings = world_settings();

    world_fini(&world);
    settings.max_source_misses = 0;
    world_init_with(&world, &settings);
    ck_assert_int_eq(world_ask(&world, "x", &askers[0]), DIRECTORY_BUSY);
}
END_TEST

Suite *bounds_suite(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tcase = tcase_create("bounds");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, records_are_bounded);
    tcase_add_test(tcase, bytes_follow_what_is_kept);
#ifdef REEVE_GLIBC_MALLOC
    tcase_add_test(tcase, bytes_are_what_the_allocator_gave);
#endif
    tcase_add_test(tcase, invented_names_do_not_push_records_out);
    tcase_add_test(tcase, names_that_failed_do_not_push_records_out);
    tcase_add_test(tcase, busy_records_survive_a_scan);
    tcase_add_test(tcase, busy_records_survive_a_scan_whose_requests_run_again);
    tcase_add_test(tcase, a_source_has_so_many_misses_in_flight);
    tcase_add_test(tcase, failed_misses_are_not_held_against_their_source);
    tcase_add_test(tcase, records_that_exist_do_not_count_to_a_source);
    tcase_add_test(tcase, all_sources_together_are_bounded);
    tcase_add_test(tcase, refreshes_leave_room_for_misses);
    tcase_add_test(tcase, bounds_of_nothing_allow_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
