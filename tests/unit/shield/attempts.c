/* Who has to wait for whose failures, on one worker. */
#include <stdio.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/shield/suites.h"
#include "tests/unit/shield/world.h"

static struct world world;

static const struct world_try mallory = {.credential = "alice", .source = "203.0.113.9"};
static const struct world_try alice = {.credential = "alice", .source = "192.0.2.7"};

static void setup(void)
{
    world_open(&world);
}

static void teardown(void)
{
    world_close(&world);
}

static int64_t wait_of(struct world_try tried)
{
    enum shield_cause cause;

    return world_wait(&world, 0, tried, &cause);
}

/* Tries `count` credentials once each; gives how many were looked at. */
static unsigned stuff(const char *source, unsigned first, unsigned count)
{
    unsigned judged = 0;

    for (unsigned i = first; i < first + count; i++) {
        char name[32];
        snprintf(name, sizeof(name), "u%u", i);
        judged +=
            world_fail(&world, 0, (struct world_try){.credential = name, .source = source}) == 0;
    }
    world_turn(&world);
    return judged;
}

START_TEST(ten_guesses_and_then_one_each_time)
{
    int64_t wait_us = SECOND;

    ck_assert(shield_is_quiet(world.shields[0], world.now));
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 10);
    ck_assert(!shield_is_quiet(world.shields[0], world.now));
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(wait_of(mallory), wait_us);
        world_pass(&world, wait_us - 1);
        ck_assert_uint_eq(world_storm(&world, 0, mallory, 100), 0);
        world_pass(&world, 1);
        ck_assert_uint_eq(world_storm(&world, 0, mallory, 100), 1);
        wait_us = wait_us >= 512 * SECOND ? 900 * SECOND : 2 * wait_us;
    }
}
END_TEST

/* C4 */
START_TEST(an_attacker_locks_nobody_out_elsewhere)
{
    for (int i = 0; i < 100; i++) {
        world_storm(&world, 0, mallory, 100);
        world_pass(&world, 10 * SECOND);
    }
    ck_assert_int_gt(wait_of(mallory), 0);
    ck_assert_int_eq(wait_of(alice), 0);
    ck_assert_int_eq(wait_of((struct world_try){.credential = "bob", .source = mallory.source}), 0);
}
END_TEST

/* C5 */
START_TEST(one_try_each_on_many_accounts_throttles_the_source)
{
    enum shield_cause cause;

    ck_assert_uint_eq(stuff("203.0.113.9", 0, 10000), 100);
    ck_assert_int_eq(world_wait(&world, 0,
                                (struct world_try){.credential = "new", .source = "203.0.113.9"},
                                &cause),
                     SECOND);
    ck_assert_int_eq(cause, SHIELD_SOURCE);
    ck_assert_int_eq(wait_of((struct world_try){.credential = "new", .source = "203.0.113.10"}), 0);
    world_pass(&world, SECOND);
    ck_assert_uint_eq(stuff("203.0.113.9", 10000, 10000), 1);
    ck_assert_int_eq(wait_of((struct world_try){.credential = "new", .source = "203.0.113.9"}),
                     2 * SECOND);
}
END_TEST

START_TEST(a_64_of_ipv6_is_one_source)
{
    char address[64];
    unsigned judged = 0;

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "2001:db8:1:2::%x", i);
        judged += stuff(address, i, 1);
    }
    ck_assert_uint_eq(judged, 100);
    ck_assert_int_eq(wait_of((struct world_try){.credential = "a", .source = "2001:db8:1:3::1"}),
                     0);
}
END_TEST

START_TEST(success_clears_the_pair_alone)
{
    world_storm(&world, 0, alice, 9);
    world_succeed(&world, 0, alice);
    ck_assert_uint_eq(world_storm(&world, 0, alice, 100), 10);
    world_succeed(&world, 0, alice);
    /* An attacker with a good key of his own. */
    const struct world_try own = {.credential = "own", .source = "203.0.113.9"};
    unsigned judged = 0;
    for (unsigned i = 0; i < 1000; i++) {
        judged += stuff("203.0.113.9", i, 1);
        world_succeed(&world, 0, own);
    }
    ck_assert_uint_eq(judged, 100);
}
END_TEST

START_TEST(success_of_one_credential_forgives_no_other)
{
    world_storm(&world, 0, mallory, 10);
    world_succeed(&world, 0, (struct world_try){.credential = "bob", .source = mallory.source});
    world_succeed(&world, 0, alice);
    ck_assert_int_eq(wait_of(mallory), SECOND);
}
END_TEST

START_TEST(a_broken_client_does_not_throttle_its_neighbours)
{
    /* A deleted key, tried for two hours, ten times a second. */
    const struct world_try broken = {.credential = "deleted", .source = "192.0.2.7"};

    for (int i = 0; i < 72000; i += 10) {
        world_storm(&world, 0, broken, 10);
        world_pass(&world, SECOND);
        if (i % 10000 == 0) {
            ck_assert_int_eq(
                wait_of((struct world_try){.credential = "neighbour", .source = "192.0.2.7"}), 0);
        }
    }
    ck_assert_uint_lt(world_counters(&world, 0).failures, 10 + 10 + 7200 / 900 + 1);
}
END_TEST

START_TEST(inventing_others_ends_no_wait)
{
    char source[64];

    world_storm(&world, 0, mallory, 10);
    for (int i = 0; i < 9; i++) {
        world_pass(&world, wait_of(mallory));
        world_storm(&world, 0, mallory, 1);
    }
    ck_assert_int_eq(wait_of(mallory), 512 * SECOND);
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(source, sizeof(source), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        stuff(source, i, 1);
    }
    ck_assert_int_eq(wait_of(mallory), 512 * SECOND);
}
END_TEST

START_TEST(a_change_of_the_record_clears_the_pair)
{
    enum shield_cause cause;

    world_storm(&world, 0, mallory, 10);
    world_storm(&world, 0, alice, 5);
    world_change(&world, 0, "bob");
    ck_assert_int_eq(wait_of(mallory), SECOND);
    world_change(&world, 0, "alice");
    ck_assert_int_eq(world_wait(&world, 0, mallory, &cause), 0);
    world_pass(&world, SECOND);
    /* In the store, too, and all free again. */
    ck_assert_int_ge(world.failures.forgives, 1);
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 100), 10);
    ck_assert_uint_eq(world_storm(&world, 0, alice, 100), 10);
    world_pass(&world, SECOND / 2);
    ck_assert_int_gt(wait_of(mallory), 0);
}
END_TEST

START_TEST(what_was_proven_once_is_no_guess)
{
    const struct world_try proven = {
        .credential = "alice", .source = "192.0.2.7", .text = "s3cret"};
    const struct world_try guess = {.credential = "alice", .source = "192.0.2.7", .text = "guess"};

    world_succeed(&world, 0, proven);
    ck_assert_uint_eq(world_storm(&world, 0, proven, 1000), 1000);
    ck_assert_uint_eq(world_counters(&world, 0).failures, 0);
    /* But it is no way around. */
    ck_assert_uint_eq(world_storm(&world, 0, guess, 1000), 10);
    ck_assert_int_eq(wait_of(proven), SECOND);
}
END_TEST

START_TEST(an_exempt_source_is_not_counted_as_a_whole)
{
    struct ip_prefix nat;

    ck_assert(ip_prefix_parse(STR("192.0.2.0/24"), &nat));
    world.config.failure_exempt = (struct config_prefix_list){.items = &nat, .count = 1};
    shield_configure(world.shields[0], &world.config);
    ck_assert_uint_eq(stuff("192.0.2.7", 0, 5000), 5000);
    ck_assert_uint_eq(stuff("203.0.113.9", 0, 5000), 100);
    ck_assert_uint_eq(world_storm(&world, 0, alice, 100), 10);
}
END_TEST

START_TEST(what_is_switched_off_counts_nothing)
{
    world.config.max_failures = 0;
    shield_configure(world.shields[0], &world.config);
    ck_assert_uint_eq(world_storm(&world, 0, alice, 1000), 100);
    world.config.max_failures = 10;
    world.config.max_source_failures = 0;
    shield_configure(world.shields[0], &world.config);
    ck_assert_uint_eq(stuff("203.0.113.9", 0, 5000), 5000);
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 10);
}
END_TEST

START_TEST(a_reload_keeps_what_was_counted)
{
    world_storm(&world, 0, mallory, 10);
    shield_configure(world.shields[0], &world.config);
    ck_assert_int_eq(wait_of(mallory), SECOND);
}
END_TEST

START_TEST(kinds_of_credentials_do_not_meet)
{
    const struct ip source = {.length = 4, .bytes = {203, 0, 113, 9}};
    const struct shield_attempt password = {
        .kind = CREDENTIAL_BASIC, .credential = STR("alice"), .source = &source};
    enum shield_cause cause;

    world_storm(&world, 0, mallory, 10);
    ck_assert_int_eq(shield_wait_us(world.shields[0], &password, world.now, &cause), 0);
    ck_assert_int_eq(cause, SHIELD_NOTHING);
}
END_TEST

START_TEST(without_memory_there_is_no_shield)
{
    long n = 1;

    for (;; n++) {
        failing_alloc_start(n);
        struct shield *shield = shield_new(&world.config, &world.fake->store);
        bool has_failed = failing_alloc_stop();
        ck_assert(!has_failed == (shield != NULL));
        shield_free(shield);
        if (!has_failed) {
            break;
        }
    }
    ck_assert_int_gt(n, 3);
}
END_TEST

Suite *attempts_suite(void)
{
    Suite *suite = suite_create("attempts");
    TCase *tests = tcase_create("attempts");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, ten_guesses_and_then_one_each_time);
    tcase_add_test(tests, an_attacker_locks_nobody_out_elsewhere);
    tcase_add_test(tests, one_try_each_on_many_accounts_throttles_the_source);
    tcase_add_test(tests, a_64_of_ipv6_is_one_source);
    tcase_add_test(tests, success_clears_the_pair_alone);
    tcase_add_test(tests, success_of_one_credential_forgives_no_other);
    tcase_add_test(tests, a_broken_client_does_not_throttle_its_neighbours);
    tcase_add_test(tests, inventing_others_ends_no_wait);
    tcase_add_test(tests, a_change_of_the_record_clears_the_pair);
    tcase_add_test(tests, what_was_proven_once_is_no_guess);
    tcase_add_test(tests, an_exempt_source_is_not_counted_as_a_whole);
    tcase_add_test(tests, what_is_switched_off_counts_nothing);
    tcase_add_test(tests, a_reload_keeps_what_was_counted);
    tcase_add_test(tests, kinds_of_credentials_do_not_meet);
    tcase_add_test(tests, without_memory_there_is_no_shield);
    suite_add_tcase(suite, tests);
    return suite;
}
