/* Replicas that confirm what a script wrote. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/store/redis_call.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/store/script_world.h"
#include "tests/unit/store/suites.h"

#define TIMEOUT_US 200000

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

/* The script has run, and WAIT has no reply. */
static void start_waiting(void)
{
    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 2, &asker), ERR_OK);
    WORLD_UNTIL(&world.world, world.wait_count == 1);
    ck_assert_int_eq(asker.count, 0);
}

static void assert_unsynced(void)
{
    WORLD_UNTIL(&world.world, asker.count > 0);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(asker.status, STORE_UNSYNCED);
    ck_assert_str_eq(asker.fields, "n=5;");
}

static const struct {
    const char *reply;
    enum store_status status;
    bool keeps_connection;
} replies[] = {
    {":0\r\n", STORE_UNSYNCED, true},
    {":1\r\n", STORE_UNSYNCED, true},
    {":-1\r\n", STORE_UNSYNCED, true},
    {"-NOPERM no permissions to run the 'wait' command\r\n", STORE_UNSYNCED, true},
    {"-ERR WAIT cannot be used with replica instances.\r\n", STORE_UNSYNCED, true},
    {"-NOSCRIPT No matching script.\r\n", STORE_UNSYNCED, true},
    {"-UNBLOCKED force unblock from blocking operation\r\n", STORE_UNSYNCED, false},
    {"-READONLY You can't write against a read only replica.\r\n", STORE_UNSYNCED, false},
    {"+OK\r\n", STORE_UNSYNCED, false},
    {"$1\r\n2\r\n", STORE_UNSYNCED, false},
    {"$-1\r\n", STORE_UNSYNCED, false},
    {"*1\r\n:2\r\n", STORE_UNSYNCED, false},
    {"*2\r\n$1\r\nn\r\n$1\r\n7\r\n", STORE_UNSYNCED, false},
    {"*0\r\n", STORE_UNSYNCED, false},
    {":2\r\n", STORE_OK, true},
    {":3\r\n", STORE_OK, true},
};

START_TEST(enough_replicas_are_ok_and_anything_else_unsynced_with_the_fields)
{
    struct asker next = {0};

    world.wait = replies[_i].reply;
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_msg(asker.status == replies[_i].status, "%s", replies[_i].reply);
    ck_assert_str_eq(asker.fields, "n=5;");
    ck_assert_msg(world_is_up(&world.world) == replies[_i].keeps_connection, "%s",
                  replies[_i].reply);

    world.wait = ":2\r\n";
    WORLD_UNTIL(&world.world, world_is_up(&world.world));
    script_world_run_to_the_end(&world, 2, &next);
    ck_assert_int_eq(next.status, STORE_OK);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(world.evalsha_count, 2);
}
END_TEST

START_TEST(it_waits_for_half_of_the_time_left_at_most)
{
    world.world.settings.command_timeout_us = TIMEOUT_US;
    world.wait = ":2\r\n";
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_int_eq(world.wait_replicas, 2);
    ck_assert_int_ge(world.wait_ms, 1);
    ck_assert_int_le(world.wait_ms, TIMEOUT_US / 2 / 1000);
}
END_TEST

START_TEST(an_unknown_script_is_run_and_waited_for)
{
    world.knows_script = false;
    world.wait = ":2\r\n";
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "n=5;");
    ck_assert_int_eq(world.eval_count, 1);
    ck_assert_int_eq(world.wait_count, 1);
}
END_TEST

START_TEST(byte_by_byte_it_is_the_same)
{
    world.knows_script = false;
    world.wait = ":2\r\n";
    world_start_up(&world.world);
    fake_redis_drip(fake_redis_newest(world.world.server));
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "n=5;");
}
END_TEST

static const char *const failures[] = {"-OOM command not allowed\r\n",
                                       "-READONLY You can't write\r\n", "-NOPERM no\r\n", ":1\r\n"};

START_TEST(a_script_that_failed_is_not_waited_for)
{
    world.answer = str_from_c(failures[_i]);
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_int_ne(asker.status, STORE_UNSYNCED);
    ck_assert_int_ne(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "");
    ck_assert_int_eq(world.wait_count, 0);
}
END_TEST

START_TEST(without_replicas_nothing_is_waited_for)
{
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 0, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_int_eq(world.wait_count, 0);
}
END_TEST

/* All scripts have run when the first one's WAIT arrives. */
START_TEST(calls_that_have_run_hang_on_one_wait)
{
    struct asker others[8] = {0};
    char want[16];

    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 2, &asker), ERR_OK);
    for (int i = 0; i < COUNT(others); i++) {
        ck_assert_int_eq(script_world_run(&world, i, 1 + (unsigned)i % 2, &others[i]), ERR_OK);
    }
    WORLD_UNTIL(&world.world, world.wait_count == 1);
    ck_assert_int_eq(world.evalsha_count, 1 + COUNT(others));
    script_world_say(&world, ":1\r\n");
    assert_unsynced();
    for (int i = 0; i < COUNT(others); i++) {
        snprintf(want, sizeof(want), "n=%d;", i);
        ck_assert_int_eq(others[i].count, 1);
        ck_assert_int_eq(others[i].status, i % 2 == 0 ? STORE_OK : STORE_UNSYNCED);
        ck_assert_str_eq(others[i].fields, want);
    }
    ck_assert_int_eq(world.wait_count, 1);
}
END_TEST

START_TEST(who_needs_more_replicas_waits_for_himself)
{
    struct asker second = {0};

    world_start_up(&world.world);
    ck_assert_int_eq(script_world_run(&world, 5, 1, &asker), ERR_OK);
    ck_assert_int_eq(script_world_run(&world, 6, 3, &second), ERR_OK);
    WORLD_UNTIL(&world.world, world.wait_count == 2);
    ck_assert_int_eq(world.wait_replicas, 3);
    script_world_say(&world, ":1\r\n");
    WORLD_UNTIL(&world.world, asker.count == 1);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_int_eq(second.count, 0);
    script_world_say(&world, ":2\r\n");
    WORLD_UNTIL(&world.world, second.count == 1);
    ck_assert_int_eq(second.status, STORE_UNSYNCED);
    ck_assert_str_eq(second.fields, "n=6;");
}
END_TEST

START_TEST(who_asks_again_when_told_waits_anew)
{
    start_waiting();
    script_world_say(&world, ":2\r\n");
    WORLD_UNTIL(&world.world, asker.count == 1);
    ck_assert_int_eq(script_world_run(&world, 6, 2, &asker), ERR_OK);
    WORLD_UNTIL(&world.world, world.wait_count == 2);
    script_world_say(&world, ":2\r\n");
    WORLD_UNTIL(&world.world, asker.count == 2);
    ck_assert_str_eq(asker.fields, "n=6;");
}
END_TEST

static const enum fake_redis_end ends[] = {FAKE_REDIS_HALF_CLOSE, FAKE_REDIS_CLOSE,
                                           FAKE_REDIS_RESET};

START_TEST(a_connection_lost_meanwhile_is_unsynced)
{
    start_waiting();
    fake_redis_end(fake_redis_newest(world.world.server), ends[_i]);
    assert_unsynced();
}
END_TEST

START_TEST(a_deadline_that_passes_meanwhile_is_unsynced)
{
    struct asker behind = {0};

    world.world.answer = STR("");
    world.world.settings.command_timeout_us = TIMEOUT_US;
    int64_t before_us = clock_read().mono_us;
    start_waiting();
    ck_assert_int_eq(world_ask(&world.world, &behind), ERR_OK);
    assert_unsynced();
    ck_assert_int_ge(clock_read().mono_us - before_us, TIMEOUT_US);
    ck_assert(!world_is_up(&world.world));
    ck_assert_int_eq(behind.status, STORE_DOWN);
}
END_TEST

START_TEST(freed_meanwhile_it_is_unsynced)
{
    start_waiting();
    world_stop(&world.world);
    assert_unsynced();
}
END_TEST

/* Beside the table of its fields. */
START_TEST(an_answer_too_long_to_keep_is_unsynced_at_once)
{
    size_t length = STORE_WAITING_BYTES_MAX - 200 + 400 * (size_t)_i;
    char *text = calloc(1, length + 64);
    size_t at = (size_t)snprintf(text, 64, "*2\r\n$1\r\nn\r\n$%zu\r\n", length);

    memset(text + at, 'x', length);
    memcpy(text + at + length, "\r\n", 3);
    world.answer = str_from_c(text);
    world.wait = ":2\r\n";
    world_start_up(&world.world);
    script_world_run_to_the_end(&world, 2, &asker);
    ck_assert_int_eq(asker.status, _i == 0 ? STORE_OK : STORE_UNSYNCED);
    ck_assert_int_eq(world.wait_count, _i == 0 ? 1 : 0);
    ck_assert_mem_eq(asker.fields, "n=xxxx", 6);
    free(text);
}
END_TEST

START_TEST(out_of_memory_it_is_unsynced_at_once)
{
    static struct store_script script = {.name = "take", .text = {"return {}", 9}};
    const struct store_call call = {.script = &script, .key = STR(SCRIPT_KEY), .replicas = 2};
    struct store_field field = {STR("n"), STR("5")};
    const struct redis_reply reply = {
        .kind = REPLY_FIELDS, .fields = &field, .item_count = 2, .byte_count = 2};

    ck_assert_int_eq(store_script_init(&script), ERR_OK);
    struct redis_call *copy = redis_call_new(&call, asker_cb, &asker);
    failing_alloc_start(1);
    ck_assert(!redis_call_goes_on(copy, &reply));
    ck_assert(failing_alloc_stop());
    redis_call_end(copy, &reply);
    assert_unsynced();
}
END_TEST

Suite *sync_suite(void)
{
    Suite *suite = suite_create("sync");
    TCase *tcase = tcase_create("sync");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, enough_replicas_are_ok_and_anything_else_unsynced_with_the_fields, 0,
                        COUNT(replies));
    tcase_add_loop_test(tcase, a_connection_lost_meanwhile_is_unsynced, 0, COUNT(ends));
    tcase_add_test(tcase, a_deadline_that_passes_meanwhile_is_unsynced);
    tcase_add_test(tcase, freed_meanwhile_it_is_unsynced);
    tcase_add_loop_test(tcase, an_answer_too_long_to_keep_is_unsynced_at_once, 0, 2);
    tcase_add_test(tcase, out_of_memory_it_is_unsynced_at_once);
    tcase_add_loop_test(tcase, a_script_that_failed_is_not_waited_for, 0, COUNT(failures));
    tcase_add_test(tcase, without_replicas_nothing_is_waited_for);
    tcase_add_test(tcase, it_waits_for_half_of_the_time_left_at_most);
    tcase_add_test(tcase, an_unknown_script_is_run_and_waited_for);
    tcase_add_test(tcase, byte_by_byte_it_is_the_same);
    tcase_add_test(tcase, calls_that_have_run_hang_on_one_wait);
    tcase_add_test(tcase, who_needs_more_replicas_waits_for_himself);
    tcase_add_test(tcase, who_asks_again_when_told_waits_anew);
    suite_add_tcase(suite, tcase);
    return suite;
}
