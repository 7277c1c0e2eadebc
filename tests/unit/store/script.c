/* A script and its reply, known to the server or not. */
#include <stdio.h>

#include "agent/base/clock.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/store/script_world.h"
#include "tests/unit/store/suites.h"

#define CALL       " 1 " SCRIPT_KEY " take 5\n"
#define EVALSHA    "EVALSHA " SCRIPT_SHA1 CALL
#define EVAL       "EVAL " SCRIPT_TEXT CALL
#define TIMEOUT_US 600000 /* half of it must be enough for a busy machine to go on */

static struct script_world world;
static struct asker asker;

static void start(void)
{
    script_world_init(&world);
    asker = (struct asker){0};
}

static void stop(void)
{
    world_fini(&world.world);
}

static const char *log_of_server(void)
{
    return fake_redis_log(world.world.server);
}

START_TEST(a_known_script_is_run_by_its_name_alone)
{
    world_start_up(&world.world);
    fake_redis_clear_log(world.world.server);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "n=5;");
    ck_assert_str_eq(log_of_server(), EVALSHA);
}
END_TEST

START_TEST(an_unknown_script_is_sent_once_and_known_from_then_on)
{
    world.knows_script = false;
    world_start_up(&world.world);
    fake_redis_clear_log(world.world.server);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "n=5;");
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_str_eq(log_of_server(), EVALSHA EVAL EVALSHA);
    ck_assert_int_eq(asker.count, 2);
}
END_TEST

START_TEST(a_script_that_no_server_keeps_runs_all_the_same)
{
    world.knows_script = false;
    world.is_forgetful = true;
    world_start_up(&world.world);
    fake_redis_clear_log(world.world.server);
    for (int i = 0; i < 2; i++) {
        script_world_run_to_the_end(&world, 0, &asker);
        ck_assert_str_eq(asker.fields, "n=5;");
    }
    ck_assert_str_eq(log_of_server(), EVALSHA EVAL EVALSHA EVAL);
}
END_TEST

START_TEST(noscript_to_its_text_is_down)
{
    world.knows_script = false;
    world.answer = STR(NOSCRIPT);
    world_start_up(&world.world);
    fake_redis_clear_log(world.world.server);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    ck_assert_str_eq(asker.fields, "");
    ck_assert_str_eq(log_of_server(), EVALSHA EVAL);
    ck_assert(world_is_up(&world.world));
}
END_TEST

static const struct {
    const char *reply;
    enum store_status status;
    bool keeps_connection;
} refusals[] = {
    {"-NOPERM no permissions\r\n", STORE_REFUSED, true},
    {"-ERR ACL failure in script: User a has no permissions\r\n", STORE_REFUSED, true},
    {"-WRONGTYPE Operation against a key script: 0c76, on @user_script:1.\r\n", STORE_WRONGTYPE,
     true},
    {"-OOM command not allowed script: 0c76, on @user_script:1.\r\n", STORE_DOWN, true},
    {"-NOREPLICAS Not enough good replicas to write.\r\n", STORE_DOWN, true},
    {"-MISCONF Redis is configured to save RDB snapshots\r\n", STORE_DOWN, true},
    {"-BUSY Redis is busy running a script.\r\n", STORE_DOWN, true},
    {"-ERR user_script:1: boom script: 8290, on @user_script:1.\r\n", STORE_DOWN, true},
    {"-READONLY You can't write against a read only replica.\r\n", STORE_DOWN, false},
    {"-LOADING Redis is loading\r\n", STORE_DOWN, false},
    {":1\r\n", STORE_BAD_REPLY, false},
    {"+OK\r\n", STORE_BAD_REPLY, false},
    {"$1\r\na\r\n", STORE_BAD_REPLY, false},
    {"$-1\r\n", STORE_BAD_REPLY, false},
    {"*-1\r\n", STORE_BAD_REPLY, false},
    {"*1\r\n$1\r\na\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n:1\r\n:2\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$1\r\na\r\n:2\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$1\r\na\r\n$-1\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$1\r\na\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$1\r\na\r\n+OK\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$1\r\na\r\n-OOM a\r\n", STORE_BAD_REPLY, false},
};

static void assert_refused(int index)
{
    struct asker next = {0};

    world.answer = str_from_c(refusals[index].reply);
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_msg(asker.status == refusals[index].status, "%s", refusals[index].reply);
    ck_assert_str_eq(asker.fields, "");
    ck_assert_msg(world_is_up(&world.world) == refusals[index].keeps_connection, "%s",
                  refusals[index].reply);

    world.answer = STR_ABSENT;
    WORLD_UNTIL(&world.world, world_is_up(&world.world));
    script_world_run_to_the_end(&world, 0, &next);
    ck_assert_str_eq(next.fields, "n=5;");
    ck_assert_int_eq(asker.count, 1);
}

START_TEST(a_refusal_is_told_once_and_the_next_call_is_answered)
{
    assert_refused(_i);
    ck_assert_int_eq(world.eval_count, 0);
}
END_TEST

START_TEST(a_refusal_of_its_text_is_the_same)
{
    world.knows_script = false;
    assert_refused(_i);
    ck_assert_int_eq(world.eval_count, 1);
}
END_TEST

/* Every call gets the answer of its own number, whatever the server forgot in between. */
START_TEST(scripts_flushed_under_load_mix_up_nothing)
{
    struct asker calls[12] = {0};
    struct asker hashes[4] = {0};
    char want[32];

    world_start_up(&world.world);
    for (int round = 1; round < 30; round++) {
        world.knows_script = round % 3 == 0;
        world.is_forgetful = round % 2 == 0;
        for (int i = 0; i < COUNT(calls); i++) {
            ck_assert_int_eq(script_world_run(&world, 100 * round + i, 0, &calls[i]), ERR_OK);
            if (i % 3 == 2) {
                ck_assert_int_eq(world_ask(&world.world, &hashes[i / 3]), ERR_OK);
            }
        }
        for (int i = 0; i < COUNT(calls); i++) {
            WORLD_UNTIL(&world.world, calls[i].count == round);
            snprintf(want, sizeof(want), "n=%d;", 100 * round + i);
            ck_assert_str_eq(calls[i].fields, want);
        }
        for (int i = 0; i < COUNT(hashes); i++) {
            ck_assert_int_eq(hashes[i].count, round);
            ck_assert_str_eq(hashes[i].fields, "h=1;");
        }
    }
    ck_assert_int_eq(world.evalsha_count, 29 * COUNT(calls));
    ck_assert_uint_eq(fake_redis_connections(world.world.server), 1);
}
END_TEST

START_TEST(a_call_takes_one_place_in_flight_however_many_commands)
{
    struct asker askers[3] = {0};

    world.knows_script = false;
    world.is_forgetful = true;
    world.world.settings.max_in_flight = 2;
    world_start_up(&world.world);
    for (int round = 1; round < 5; round++) {
        ck_assert_int_eq(script_world_run(&world, 1, 0, &askers[0]), ERR_OK);
        ck_assert_int_eq(script_world_run(&world, 2, 0, &askers[1]), ERR_OK);
        ck_assert_int_eq(script_world_run(&world, 3, 0, &askers[2]), ERR_FULL);
        ck_assert_int_eq(world_ask(&world.world, &askers[2]), ERR_FULL);
        WORLD_UNTIL(&world.world, askers[1].count == round);
        ck_assert_int_eq(askers[0].count, round);
    }
    ck_assert_int_eq(askers[2].count, 0);
}
END_TEST

START_TEST(down_it_takes_no_call)
{
    world_start(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 0, &asker), ERR_IO);
    WORLD_UNTIL(&world.world, world_is_up(&world.world));
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.count, 1);
}
END_TEST

/* Behind a younger command that has no reply either. */
START_TEST(its_text_has_no_deadline_of_its_own)
{
    struct asker younger = {0};

    world.answer = STR("");
    world.world.answer = STR("");
    world.world.settings.command_timeout_us = TIMEOUT_US;
    world_start_up(&world.world);
    int64_t before_us = clock_read().mono_us;
    ck_assert_int_eq(script_world_run(&world, 5, 0, &asker), ERR_OK);
    world_pass(&world.world, TIMEOUT_US / 2);
    ck_assert_int_eq(world_ask(&world.world, &younger), ERR_OK);
    script_world_say(&world, NOSCRIPT);
    WORLD_UNTIL(&world.world, world.eval_count == 1);
    ck_assert_int_eq(asker.count, 0);
    world_pass(&world.world, before_us + TIMEOUT_US * 5 / 4 - clock_read().mono_us);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    ck_assert_int_eq(younger.status, STORE_DOWN);
}
END_TEST

static const enum fake_redis_end ends[] = {FAKE_REDIS_HALF_CLOSE, FAKE_REDIS_CLOSE,
                                           FAKE_REDIS_RESET};

static void assert_lost_and_recovered(void)
{
    WORLD_UNTIL(&world.world, asker.count > 0);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    ck_assert_str_eq(asker.fields, "");
    world.answer = STR_ABSENT;
    WORLD_UNTIL(&world.world, world_is_up(&world.world));
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_str_eq(asker.fields, "n=5;");
    ck_assert_int_eq(asker.count, 2);
}

START_TEST(a_connection_lost_before_its_text_arrives_is_down)
{
    world.answer = STR("");
    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 0, &asker), ERR_OK);
    WORLD_UNTIL(&world.world, world.evalsha_count == 1);
    script_world_say(&world, NOSCRIPT);
    fake_redis_end(fake_redis_newest(world.world.server), ends[_i]);
    assert_lost_and_recovered();
}
END_TEST

START_TEST(a_connection_lost_after_its_text_arrived_is_down)
{
    world.knows_script = false;
    world.answer = STR("");
    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 0, &asker), ERR_OK);
    WORLD_UNTIL(&world.world, world.eval_count == 1);
    fake_redis_end(fake_redis_newest(world.world.server), ends[_i]);
    assert_lost_and_recovered();
}
END_TEST

START_TEST(byte_by_byte_it_is_the_same)
{
    world.knows_script = false;
    world_start_up(&world.world);
    fake_redis_drip(fake_redis_newest(world.world.server));
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "n=5;");
    ck_assert_int_eq(world.eval_count, 1);
}
END_TEST

START_TEST(freed_it_tells_every_call_once)
{
    struct asker others[3] = {0};

    world.answer = STR("");
    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 0, &asker), ERR_OK);
    WORLD_UNTIL(&world.world, world.evalsha_count == 1);
    script_world_say(&world, NOSCRIPT);
    WORLD_UNTIL(&world.world, world.eval_count == 1);
    for (int i = 0; i < COUNT(others); i++) {
        ck_assert_int_eq(script_world_run(&world, i, 0, &others[i]), ERR_OK);
    }
    world_stop(&world.world);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    for (int i = 0; i < COUNT(others); i++) {
        ck_assert_int_eq(others[i].count, 1);
        ck_assert_int_eq(others[i].status, STORE_DOWN);
    }
}
END_TEST

/* The n-th of those that the call and its reply need, for all n. */
START_TEST(out_of_memory_a_call_is_refused_or_down)
{
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        asker = (struct asker){0};
        world_start_up(&world.world);
        world.answer = STR("");
        fake_redis_clear_log(world.world.server);
        failing_alloc_start(n);
        enum err e = script_world_run(&world, 5, 0, &asker);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(e, has_failed ? ERR_MEMORY : ERR_OK);
        if (!has_failed) {
            WORLD_UNTIL(&world.world, log_of_server()[0] != '\0');
            script_world_say(&world, "*2\r\n$1\r\nn\r\n$1\r\n5\r\n");
            WORLD_UNTIL(&world.world, asker.count == 1);
        }
        ck_assert_int_eq(asker.count, has_failed ? 0 : 1);
        world_stop(&world.world);
    }
    ck_assert_str_eq(asker.fields, "n=5;");
}
END_TEST

START_TEST(an_error_is_logged_with_the_script_and_not_with_its_text)
{
    world.answer = STR("-ERR user_script:1: \x1b[2J secret script: 8290, on @user_script:1.\r\n");
    world_start_up(&world.world);
    world_log_start();
    log_set_level(LOG_WARNING);
    script_world_run_to_the_end(&world, 0, &asker);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_str_eq(world_log_end(), "warning store: EVALSHA of script take: ERR: an unexpected "
                                      "error (0 like it not logged)\n");
}
END_TEST

Suite *script_suite(void)
{
    Suite *suite = suite_create("script");
    TCase *tcase = tcase_create("script");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_refusal_is_told_once_and_the_next_call_is_answered, 0,
                        COUNT(refusals));
    tcase_add_loop_test(tcase, a_refusal_of_its_text_is_the_same, 0, COUNT(refusals));
    tcase_add_test(tcase, noscript_to_its_text_is_down);
    tcase_add_test(tcase, down_it_takes_no_call);
    tcase_add_test(tcase, its_text_has_no_deadline_of_its_own);
    tcase_add_loop_test(tcase, a_connection_lost_before_its_text_arrives_is_down, 0, COUNT(ends));
    tcase_add_loop_test(tcase, a_connection_lost_after_its_text_arrived_is_down, 0, COUNT(ends));
    tcase_add_test(tcase, out_of_memory_a_call_is_refused_or_down);
    tcase_add_test(tcase, freed_it_tells_every_call_once);
    tcase_add_test(tcase, an_error_is_logged_with_the_script_and_not_with_its_text);
    tcase_add_test(tcase, a_known_script_is_run_by_its_name_alone);
    tcase_add_test(tcase, an_unknown_script_is_sent_once_and_known_from_then_on);
    tcase_add_test(tcase, a_script_that_no_server_keeps_runs_all_the_same);
    tcase_add_test(tcase, scripts_flushed_under_load_mix_up_nothing);
    tcase_add_test(tcase, a_call_takes_one_place_in_flight_however_many_commands);
    tcase_add_test(tcase, byte_by_byte_it_is_the_same);
    suite_add_tcase(suite, tcase);
    return suite;
}
