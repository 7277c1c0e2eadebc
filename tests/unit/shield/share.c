/* Counting together through the store, and alone where it is away. */
#include "agent/shield/share.h"

#include <stdio.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "tests/unit/shield/suites.h"
#include "tests/unit/shield/world.h"

static struct world world;

static const struct world_try mallory = {.credential = "alice", .source = "203.0.113.9"};

static void setup(void)
{
    world_open(&world);
}

static void teardown(void)
{
    world_close(&world);
}

static int64_t wait_of(unsigned worker)
{
    enum shield_cause cause;

    return world_wait(&world, worker, mallory, &cause);
}

/* The name of a text as agents and operators make it. */
static const char *name_of(const char *text)
{
    static char name[2 * SHIELD_NAME_BYTES + 1];
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char salted[256];
    struct crypto_hasher *hasher = crypto_sha256_new();

    snprintf(salted, sizeof(salted), "%s\n%s", world.failures.salt, text);
    ck_assert_int_eq(crypto_hash(hasher, salted, strlen(salted), digest), ERR_OK);
    crypto_hasher_free(hasher);
    enc_hex(digest, SHIELD_NAME_BYTES, name);
    return name;
}

static bool holds_key(const char *key)
{
    for (int i = 0; i < world.failures.count; i++) {
        if (strcmp(world.failures.items[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static bool unlock(unsigned worker, const char *text)
{
    char key[96];

    snprintf(key, sizeof(key), "p:unlock:%s", name_of(text));
    return shield_unlock(world.shields[worker], str_from_c(key));
}

START_TEST(what_fails_here_counts_there)
{
    for (int i = 0; i < 9; i++) {
        world_fail(&world, 0, mallory);
    }
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_eq(wait_of(1), 0);
    world_fail(&world, 1, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_eq(wait_of(1), SECOND - SHARE_INTERVAL_US);
    ck_assert_int_eq(wait_of(2), 0);
    world_fail(&world, 2, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_gt(wait_of(2), 0);
}
END_TEST

/* C4 */
START_TEST(a_restart_forgets_nothing)
{
    for (int i = 0; i < 16; i++) {
        world_storm(&world, 0, mallory, 1);
        world_pass(&world, wait_of(0) + SHARE_INTERVAL_US);
    }
    world_storm(&world, 0, mallory, 1);
    int64_t before_us = wait_of(0);
    ck_assert_int_gt(before_us, 100 * SECOND);
    world_restart(&world, 0);
    ck_assert_int_eq(wait_of(0), 0);
    ck_assert_int_eq(world_fail(&world, 0, mallory), 0);
    world_turn(&world);
    ck_assert_int_eq(wait_of(0), before_us);
}
END_TEST

START_TEST(names_are_salted_and_tell_nothing)
{
    char key[160], source[64];

    world_fail(&world, 0, mallory);
    world_turn(&world);
    snprintf(source, sizeof(source), "%s", name_of("source:203.0.113.9"));
    snprintf(key, sizeof(key), "p:failed:any:%s", source);
    ck_assert_msg(holds_key(key), "%s", key);
    snprintf(key, sizeof(key), "p:failed:%s:%s", name_of("key:alice"), source);
    ck_assert_msg(holds_key(key), "%s", key);
    ck_assert_int_eq(world.failures.count, 2);
}
END_TEST

START_TEST(without_the_store_the_worker_counts_alone)
{
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    fake_store_drop(world.fake);
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 10);
    for (int i = 0; i < 6; i++) {
        world_pass(&world, wait_of(0));
        ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 1);
    }
    ck_assert_int_eq(wait_of(0), 64 * SECOND);
    /* When it is back all know, and nothing is forgotten. */
    fake_store_set_mode(world.fake, FAKE_STORE_UP);
    world_turn(&world);
    world_pass(&world, SECOND);
    ck_assert_int_eq(wait_of(0), 63 * SECOND);
    world_fail(&world, 1, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_gt(wait_of(1), 60 * SECOND);
}
END_TEST

START_TEST(a_store_that_answers_nothing_holds_up_nothing)
{
    fake_store_set_mode(world.fake, FAKE_STORE_HANG);
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 10);
    world_pass(&world, SECOND);
    ck_assert_uint_eq(world_storm(&world, 0, mallory, 1000), 1);
    fake_store_drop(world.fake);
    fake_store_set_mode(world.fake, FAKE_STORE_UP);
    world_turn(&world);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_gt(world.failures.fails, 0);
    ck_assert_int_gt(wait_of(0), 0);
}
END_TEST

START_TEST(success_forgives_everywhere)
{
    for (int i = 0; i < 9; i++) {
        world_fail(&world, 0, mallory);
    }
    world_turn(&world);
    world_succeed(&world, 0, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_eq(world.failures.forgives, 1);
    world_fail(&world, 1, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    ck_assert_int_eq(wait_of(1), 0);
}
END_TEST

START_TEST(an_unlock_reaches_who_hears_of_it)
{
    static const char *const texts[] = {"key:alice", "source:203.0.113.9"};

    for (size_t i = 0; i < 2; i++) {
        world_storm(&world, 0, mallory, 10);
        ck_assert_int_gt(wait_of(0), 0);
        ck_assert(unlock(0, "key:bob"));
        ck_assert(unlock(0, "password:alice"));
        ck_assert_int_gt(wait_of(0), 0);
        ck_assert(unlock(0, texts[i]));
        ck_assert_int_eq(wait_of(0), 0);
        ck_assert_uint_eq(world_storm(&world, 0, mallory, 10), 10);
        ck_assert(unlock(0, texts[i]));
    }
}
END_TEST

START_TEST(an_unlock_ends_what_was_counted_while_the_store_was_away)
{
    fake_store_set_mode(world.fake, FAKE_STORE_DOWN);
    world_restart(&world, 0);
    world_storm(&world, 0, mallory, 10);
    fake_store_set_mode(world.fake, FAKE_STORE_UP);
    world_pass(&world, SECOND / 2);
    ck_assert_int_gt(wait_of(0), 0);
    ck_assert(unlock(0, "key:alice"));
    ck_assert_int_eq(wait_of(0), 0);
}
END_TEST

START_TEST(other_keys_unlock_nothing)
{
    static const char *const keys[] = {
        "p:unlock:",
        "p:unlock:00112233445566778899aab",
        "p:unlock:00112233445566778899aabbc",
        "p:unlock:00112233445566778899aabg",
        "unlock:00112233445566778899aabb",
        "p:unlocks:00112233445566778899aabb",
        "p:user:{alice}",
        "",
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        ck_assert_msg(!shield_unlock(world.shields[0], str_from_c(keys[i])), "%s", keys[i]);
    }
}
END_TEST

START_TEST(who_missed_an_unlock_hears_when_it_is_asked_again)
{
    world_storm(&world, 0, mallory, 10);
    world_turn(&world);
    for (int i = 0; i < 9; i++) {
        world_pass(&world, wait_of(0) + SHARE_INTERVAL_US);
        world_fail(&world, 0, mallory);
        world_turn(&world);
    }
    ck_assert_int_gt(wait_of(0), 500 * SECOND);
    world.failures.count = 0; /* deleted in the store; the worker was not told */
    world_pass(&world, SHARE_ASK_US - SECOND);
    ck_assert_int_gt(wait_of(0), 500 * SECOND);
    world_pass(&world, SECOND);
    wait_of(0);
    world_turn(&world);
    ck_assert_int_eq(wait_of(0), 0);
}
END_TEST

START_TEST(calls_are_bounded)
{
    size_t before = world.fake->request_count;
    char source[64];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(source, sizeof(source), "10.0.%u.%u", i >> 8, i & 255);
        world_fail(&world, 0, (struct world_try){.credential = "a", .source = source});
    }
    world_turn(&world);
    ck_assert_uint_le(world.fake->request_count - before, SHARE_BATCH);
    ck_assert_uint_ge(world_counters(&world, 0).unshared, 10000 - 2 * SHARE_QUEUE - 5000);
    for (int i = 0; i < 1000; i++) {
        world_pass(&world, SHARE_INTERVAL_US);
    }
    ck_assert_uint_le(world.fake->request_count - before, SHARE_QUEUE + SHARE_BATCH);
    ck_assert_uint_ge(world.fake->request_count - before, SHARE_QUEUE / 2);
}
END_TEST

START_TEST(a_subject_that_fails_all_the_time_is_one_call_in_each_interval)
{
    size_t before = world.fake->request_count;

    world.config.max_failures = world.config.max_source_failures = 1000000;
    shield_configure(world.shields[0], &world.config);
    for (int i = 0; i < 1000; i++) {
        world_fail(&world, 0, mallory);
        world_pass(&world, SHARE_INTERVAL_US / 10);
    }
    ck_assert_uint_le(world.fake->request_count - before, 2 * 100 + 2);
}
END_TEST

START_TEST(another_salt_names_anew)
{
    char old[64];

    world_fail(&world, 0, mallory);
    world_turn(&world);
    snprintf(old, sizeof(old), "%s", world.failures.salt);
    world.failures.salt[0] = '\0'; /* FLUSHALL */
    world.failures.count = 0;
    shield_flushed(world.shields[0]);
    world_pass(&world, SECOND);
    ck_assert_str_ne(world.failures.salt, old);
    world_fail(&world, 0, mallory);
    world_pass(&world, SHARE_INTERVAL_US);
    char key[160];
    snprintf(key, sizeof(key), "p:failed:any:%s", name_of("source:203.0.113.9"));
    ck_assert(holds_key(key));
}
END_TEST

START_TEST(agents_agree_on_one_salt)
{
    ck_assert_int_eq(world.failures.salts, WORLD_WORKERS);
    ck_assert_uint_eq(strlen(world.failures.salt), 32);
}
END_TEST

START_TEST(a_freed_shield_waits_for_no_answer)
{
    world_fail(&world, 0, mallory);
    shield_tick(world.shields[0], world.now);
    ck_assert_uint_gt(world.fake->pending_count, 0);
    shield_free(world.shields[0]);
    fake_store_step(world.fake);
    /* And while its salt is asked for. */
    world.shields[0] = shield_new(&world.config, &world.fake->store);
    shield_tick(world.shields[0], world.now);
    shield_free(world.shields[0]);
    fake_store_step(world.fake);
    world.shields[0] = shield_new(&world.config, &world.fake->store);
}
END_TEST

Suite *share_suite(void)
{
    Suite *suite = suite_create("share");
    TCase *tests = tcase_create("share");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_fails_here_counts_there);
    tcase_add_test(tests, a_restart_forgets_nothing);
    tcase_add_test(tests, names_are_salted_and_tell_nothing);
    tcase_add_test(tests, without_the_store_the_worker_counts_alone);
    tcase_add_test(tests, a_store_that_answers_nothing_holds_up_nothing);
    tcase_add_test(tests, success_forgives_everywhere);
    tcase_add_test(tests, an_unlock_reaches_who_hears_of_it);
    tcase_add_test(tests, an_unlock_ends_what_was_counted_while_the_store_was_away);
    tcase_add_test(tests, other_keys_unlock_nothing);
    tcase_add_test(tests, who_missed_an_unlock_hears_when_it_is_asked_again);
    tcase_add_test(tests, calls_are_bounded);
    tcase_add_test(tests, a_subject_that_fails_all_the_time_is_one_call_in_each_interval);
    tcase_add_test(tests, another_salt_names_anew);
    tcase_add_test(tests, agents_agree_on_one_salt);
    tcase_add_test(tests, a_freed_shield_waits_for_no_answer);
    suite_add_tcase(suite, tests);
    return suite;
}
