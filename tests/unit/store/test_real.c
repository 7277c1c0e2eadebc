/* Scripts on a real Redis. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "tests/support/real_redis.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define TIMEOUT_US 400000
#define KEY        "reeve:used:{user:a}:daily"

#define SCRIPT(script_name, script_text)                                                           \
    {                                                                                              \
        .name = script_name, .text = { script_text, sizeof(script_text) - 1 }                      \
    }

/* Adds its argument to the field "used"; says what that is now. */
static struct store_script add =
    SCRIPT("add", "local used = (redis.call('HMGET', KEYS[1], 'used')[1] or 0) + ARGV[1]\n"
                  "redis.call('HSET', KEYS[1], 'used', string.format('%.0f', used))\n"
                  "return {'used', string.format('%.0f', used), 'empty', ''}");
static struct store_script reach =
    SCRIPT("reach", "redis.call('HSET', 'reeve:user:{a}', 'state', 'active') return {}");
static struct store_script forbidden = SCRIPT("forbidden", "redis.call('DBSIZE') return {}");
static struct store_script faulty = SCRIPT("faulty", "return no.such.thing");
static struct store_script odd = SCRIPT("odd", "return {'a'}");
static struct store_script numbers = SCRIPT("numbers", "return {'a', 1}");
static struct store_script nothing = SCRIPT("nothing", "return nil");

static struct store_script *const scripts[] = {&add, &reach,   &forbidden, &faulty,
                                               &odd, &numbers, &nothing};

static struct world world;
static struct real_redis *server;
static struct asker asker;

static void start_with(const char *const *arguments)
{
    for (int i = 0; i < COUNT(scripts); i++) {
        ck_assert_int_eq(store_script_init(scripts[i]), ERR_OK);
    }
    server = real_redis_new(arguments);
    asker = (struct asker){0};
    world = (struct world){.loop = ev_loop_new(EVFLAG_AUTO)};
    snprintf(world.host, sizeof(world.host), "%s", real_redis_path(server));
    world.address.address =
        (struct config_address){.type = CONFIG_ADDRESS_UNIX, .host = world.host};
    world.settings = (struct store_redis_settings){.address = &world.address,
                                                   .client_name = "reeved",
                                                   .connect_timeout_us = 60 * WORLD_SECOND_US,
                                                   .command_timeout_us = 60 * WORLD_SECOND_US,
                                                   .max_in_flight = 64};
}

static void start(void)
{
    start_with((const char *const[]){NULL});
}

static void stop(void)
{
    world_fini(&world);
    real_redis_free(server);
}

static enum err run(const struct store_script *script, unsigned replicas, struct asker *who)
{
    const struct str one = STR("1");
    const struct store_call call = {.script = script,
                                    .key = STR(KEY),
                                    .arguments = &one,
                                    .argument_count = 1,
                                    .replicas = replicas};

    return store_run_script(world.store, &call, asker_cb, who);
}

static void run_to_the_end(const struct store_script *script, unsigned replicas)
{
    int before = asker.count;

    WORLD_UNTIL(&world, world_is_up(&world));
    ck_assert_int_eq(run(script, replicas, &asker), ERR_OK);
    WORLD_UNTIL(&world, asker.count > before);
    ck_assert_int_eq(asker.count, before + 1);
}

static void assert_told(enum store_status status, const char *fields)
{
    ck_assert_int_eq(asker.status, status);
    ck_assert_str_eq(asker.fields, fields);
}

START_TEST(a_script_is_sent_once_and_runs_each_time)
{
    char want[32];

    world_start_up(&world);
    for (int i = 1; i <= 3; i++) {
        run_to_the_end(&add, 0);
        snprintf(want, sizeof(want), "used=%d;empty=;", i);
        assert_told(STORE_OK, want);
    }
    const char *stats = real_redis_say(server, "INFO commandstats");
    ck_assert_ptr_nonnull(strstr(stats, "cmdstat_eval:calls=1,"));
    ck_assert_ptr_nonnull(strstr(stats, "cmdstat_evalsha:calls=3,"));
    ck_assert_str_eq(real_redis_say(server, "HGET " KEY " used"), "3");
}
END_TEST

START_TEST(scripts_flushed_under_load_count_each_call_once)
{
    struct asker calls[32] = {0};
    const int round_count = 50;
    char want[16];

    world_start_up(&world);
    for (int round = 1; round <= round_count; round++) {
        for (int i = 0; i < COUNT(calls); i++) {
            ck_assert_int_eq(run(&add, 0, &calls[i]), ERR_OK);
            if (i % 8 == round % 8) {
                ev_run(world.loop, EVRUN_NOWAIT);
                ck_assert_str_eq(real_redis_say(server, "SCRIPT FLUSH"), "OK");
            }
        }
        for (int i = 0; i < COUNT(calls); i++) {
            WORLD_UNTIL(&world, calls[i].count == round);
            ck_assert_int_eq(calls[i].status, STORE_OK);
        }
    }
    snprintf(want, sizeof(want), "%d", round_count * COUNT(calls));
    ck_assert_str_eq(real_redis_say(server, "HGET " KEY " used"), want);
}
END_TEST

static const struct {
    const struct store_script *script;
    enum store_status status;
    bool keeps_connection;
} faults[] = {
    {&faulty, STORE_DOWN, true},
    {&odd, STORE_BAD_REPLY, false},
    {&numbers, STORE_BAD_REPLY, false},
    {&nothing, STORE_BAD_REPLY, false},
};

START_TEST(a_faulty_script_harms_no_other)
{
    world_start_up(&world);
    for (int i = 0; i < 2; i++) {
        run_to_the_end(faults[_i].script, 0);
        assert_told(faults[_i].status, "");
        ck_assert(world_is_up(&world) == faults[_i].keeps_connection);
    }
    run_to_the_end(&add, 0);
    assert_told(STORE_OK, "used=1;empty=;");
}
END_TEST

START_TEST(a_key_of_another_type_is_told)
{
    real_redis_say(server, "SET " KEY " x");
    world_start_up(&world);
    run_to_the_end(&add, 0);
    assert_told(STORE_WRONGTYPE, "");
    ck_assert(world_is_up(&world));
}
END_TEST

START_TEST(a_full_server_is_down_for_scripts_and_not_for_hashes)
{
    real_redis_say(server, "HSET reeve:key:a state active");
    real_redis_say(server, "CONFIG SET maxmemory 1");
    world_start_up(&world);
    for (int i = 0; i < 2; i++) {
        run_to_the_end(&add, 0);
        assert_told(STORE_DOWN, "");
        ck_assert(world_is_up(&world));
        world_ask_to_the_end(&world, &asker);
        assert_told(STORE_OK, "state=active;");
    }
    real_redis_say(server, "CONFIG SET maxmemory 0");
    run_to_the_end(&add, 0);
    assert_told(STORE_OK, "used=1;empty=;");
}
END_TEST

START_TEST(a_server_that_wants_replicas_is_down_without_them)
{
    real_redis_say(server, "CONFIG SET min-replicas-to-write 1");
    world_start_up(&world);
    run_to_the_end(&add, 0);
    assert_told(STORE_DOWN, "");
    ck_assert(world_is_up(&world));
    real_redis_say(server, "CONFIG SET min-replicas-to-write 0");
    run_to_the_end(&add, 0);
    assert_told(STORE_OK, "used=1;empty=;");
}
END_TEST

START_TEST(a_read_only_replica_is_left)
{
    world_start_up(&world);
    run_to_the_end(&add, 0);
    real_redis_say(server, "REPLICAOF 127.0.0.1 1");
    for (int i = 0; i < 2; i++) {
        run_to_the_end(&add, 0);
        assert_told(STORE_DOWN, "");
        ck_assert(!world_is_up(&world));
    }
    real_redis_say(server, "REPLICAOF NO ONE");
    run_to_the_end(&add, 0);
    assert_told(STORE_OK, "used=2;empty=;");
}
END_TEST

START_TEST(a_busy_server_is_down_and_stays_connected)
{
    real_redis_say(server, "CONFIG SET lua-time-limit 1");
    world_start_up(&world);
    real_redis_tell(server, "EVAL repeat\tuntil(nil) 0");
    do {
        run_to_the_end(&add, 0);
    } while (asker.status == STORE_OK);
    assert_told(STORE_DOWN, "");
    ck_assert(world_is_up(&world));
    ck_assert_str_eq(real_redis_say(server, "SCRIPT KILL"), "OK");
    do {
        run_to_the_end(&add, 0);
    } while (asker.status == STORE_DOWN);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert(world_is_up(&world));
}
END_TEST

START_TEST(without_a_replica_calls_at_the_same_time_are_all_unsynced_in_time)
{
    struct asker calls[32] = {0};
    char want[32];

    world.settings.command_timeout_us = TIMEOUT_US;
    world_start_up(&world);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT(calls); i++) {
            ck_assert_int_eq(run(&add, 1, &calls[i]), ERR_OK);
        }
        for (int i = 0; i < COUNT(calls); i++) {
            WORLD_UNTIL(&world, calls[i].count > round);
            snprintf(want, sizeof(want), "used=%d;empty=;", round * COUNT(calls) + i + 1);
            ck_assert_int_eq(calls[i].status, STORE_UNSYNCED);
            ck_assert_str_eq(calls[i].fields, want);
        }
    }
    ck_assert(world_is_up(&world));
    ck_assert_ptr_nonnull(
        strstr(real_redis_say(server, "INFO commandstats"), "cmdstat_client|setname:calls=1,"));
}
END_TEST

static struct real_redis *start_replica(void)
{
    char port[8];
    struct real_redis *replica;

    snprintf(port, sizeof(port), "%u", real_redis_port(server));
    replica = real_redis_new((const char *const[]){"--replicaof", "127.0.0.1", port, NULL});
    real_redis_say(server, "SET synced 1");
    ck_assert_str_eq(real_redis_say(server, "WAIT 1 20000"), "1");
    return replica;
}

START_TEST(a_replica_confirms_and_a_frozen_one_does_not)
{
    struct real_redis *replica = start_replica();

    world.settings.command_timeout_us = 4 * WORLD_SECOND_US;
    world_start_up(&world);
    run_to_the_end(&add, 1);
    assert_told(STORE_OK, "used=1;empty=;");
    ck_assert_str_eq(real_redis_say(replica, "HGET " KEY " used"), "1");
    run_to_the_end(&add, 2);
    assert_told(STORE_UNSYNCED, "used=2;empty=;");
    real_redis_freeze(replica);
    run_to_the_end(&add, 1);
    assert_told(STORE_UNSYNCED, "used=3;empty=;");
    real_redis_thaw(replica);
    real_redis_say(server, "SET synced 2");
    ck_assert_str_eq(real_redis_say(server, "WAIT 1 20000"), "1");
    run_to_the_end(&add, 1);
    assert_told(STORE_OK, "used=4;empty=;");
    ck_assert(world_is_up(&world));
    real_redis_free(replica);
}
END_TEST

START_TEST(a_server_demoted_meanwhile_leaves_the_call_unsynced)
{
    world_start_up(&world);
    ck_assert_int_eq(run(&add, 1, &asker), ERR_OK);
    while (!strstr(real_redis_say(server, "INFO clients"), "blocked_clients:1")) {
        ev_run(world.loop, EVRUN_NOWAIT);
    }
    real_redis_say(server, "REPLICAOF 127.0.0.1 1");
    WORLD_UNTIL(&world, asker.count == 1);
    assert_told(STORE_UNSYNCED, "used=1;empty=;");
    ck_assert(!world_is_up(&world));
}
END_TEST

/* The agent's user of contrib/redis-acl. */
static void start_guarded(void)
{
    static char user[] = "reeve-agent";
    static char password[] = "pass";

    start_with((const char *const[]){"--include", REEVE_USERS_CONF, NULL});
    real_redis_say(server, "ACL SETUSER reeve-agent on >pass");
    real_redis_say(server, "HSET reeve:key:a state active");
    real_redis_say(server, "HSET reeve:limit:a quota 5");
    world.settings.command_timeout_us = TIMEOUT_US;
    world.address.user = user;
    world.address.password = password;
    world.address.database = 1;
    real_redis_say(server, "COPY reeve:key:a reeve:key:a DB 1");
    world_start_up(&world);
}

START_TEST(the_agents_rights_are_enough)
{
    run_to_the_end(&add, 1);
    assert_told(STORE_UNSYNCED, "used=1;empty=;");
    real_redis_say(server, "SCRIPT FLUSH");
    run_to_the_end(&add, 0);
    assert_told(STORE_OK, "used=2;empty=;");
    world_ask_to_the_end(&world, &asker);
    assert_told(STORE_OK, "state=active;");
    ck_assert_str_eq(real_redis_say(server, "ACL LOG"), "0");
}
END_TEST

START_TEST(a_script_changes_no_record_and_calls_no_other_command)
{
    const struct store_script *const beyond[] = {&reach, &forbidden};

    for (int i = 0; i < COUNT(beyond); i++) {
        run_to_the_end(beyond[i], 0);
        assert_told(STORE_REFUSED, "");
        ck_assert(world_is_up(&world));
    }
    real_redis_say(server, "SELECT 1");
    ck_assert_str_eq(real_redis_say(server, "EXISTS reeve:user:{a}"), "0");
}
END_TEST

static const struct {
    const char *command;
    const char *reply; /* how it begins */
} rights[] = {
    {"HGETALL reeve:key:a", "2"},
    {"HGETALL reeve:limit:a", "2"},
    {"HSET reeve:key:a state disabled", "NOPERM"},
    {"HSET reeve:limit:a quota 6", "NOPERM"},
    {"DEL reeve:key:a", "NOPERM"},
    {"PEXPIRE reeve:user:{a} 1", "NOPERM"},
    {"HGETALL other", "NOPERM"},
    {"HSET reeve:used:{user:a}:x used 1", "1"},
    {"HSET reeve:bucket:{user:a}:x used 1", "1"},
    {"GET reeve:key:a", "NOPERM"},
    {"KEYS *", "NOPERM"},
    {"SCRIPT FLUSH", "NOPERM"},
    {"CONFIG GET *", "NOPERM"},
    {"FLUSHALL", "NOPERM"},
    {"ACL WHOAMI", "NOPERM"},
};

START_TEST(each_right_is_as_it_should_be)
{
    ck_assert_str_eq(real_redis_say(server, "AUTH reeve-agent pass"), "OK");
    const char *reply = real_redis_say(server, rights[_i].command);
    ck_assert_msg(strncmp(reply, rights[_i].reply, strlen(rights[_i].reply)) == 0, "%s: %s",
                  rights[_i].command, reply);
}
END_TEST

static Suite *real_suite(void)
{
    Suite *suite = suite_create("real");
    TCase *open = tcase_create("open");
    TCase *guarded = tcase_create("guarded");

    tcase_add_checked_fixture(open, start, stop);
    tcase_set_timeout(open, 60);
    tcase_add_loop_test(open, a_faulty_script_harms_no_other, 0, COUNT(faults));
    tcase_add_test(open, a_key_of_another_type_is_told);
    tcase_add_test(open, a_full_server_is_down_for_scripts_and_not_for_hashes);
    tcase_add_test(open, a_server_that_wants_replicas_is_down_without_them);
    tcase_add_test(open, a_read_only_replica_is_left);
    tcase_add_test(open, a_busy_server_is_down_and_stays_connected);
    tcase_add_test(open, a_server_demoted_meanwhile_leaves_the_call_unsynced);
    tcase_add_test(open, without_a_replica_calls_at_the_same_time_are_all_unsynced_in_time);
    tcase_add_test(open, a_replica_confirms_and_a_frozen_one_does_not);
    tcase_add_test(open, scripts_flushed_under_load_count_each_call_once);
    tcase_add_test(open, a_script_is_sent_once_and_runs_each_time);
    suite_add_tcase(suite, open);

    tcase_add_checked_fixture(guarded, start_guarded, stop);
    tcase_set_timeout(guarded, 60);
    tcase_add_loop_test(guarded, each_right_is_as_it_should_be, 0, COUNT(rights));
    tcase_add_test(guarded, a_script_changes_no_record_and_calls_no_other_command);
    tcase_add_test(guarded, the_agents_rights_are_enough);
    suite_add_tcase(suite, guarded);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(real_suite());

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    ensure(crypto_start() == ERR_OK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    crypto_stop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
