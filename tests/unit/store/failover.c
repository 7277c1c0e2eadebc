/* The store behind Sentinels: which server it goes to, which it refuses, when it leaves one. */
#include <ev.h>

#include "agent/base/clock.h"
#include "tests/unit/store/sentinel_world.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define GOOD "*2\r\n$1\r\na\r\n$1\r\n1\r\n"
#define PRIMARY                                                                                    \
    "*3\r\n$6\r\nmaster\r\n:14\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n6380\r\n$2\r\n14\r\n"
#define REPLICA     "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n"
#define SECRET      "kY7-secret"
#define FAILOVER_US 2000000

/* The old server is the world's own, "1" is its answer; the new one says "2". */
static struct world world;
static struct sentinel_world sentinels;
static struct asker asker;
static struct fake_redis *new_server;
static const char *old_role;
static struct str old_answer;

static bool answer_old(void *context, struct fake_redis_client *client, const struct str *parts,
                       size_t count)
{
    (void)context;
    (void)count;
    if (str_equal(parts[0], STR("ROLE"))) {
        fake_redis_send_text(client, old_role);
        return true;
    }
    if (str_equal(parts[0], STR("HGETALL"))) {
        fake_redis_send(client, old_answer.ptr, old_answer.len);
        return true;
    }
    return false;
}

static bool answer_new(void *context, struct fake_redis_client *client, const struct str *parts,
                       size_t count)
{
    (void)context;
    (void)count;
    if (str_equal(parts[0], STR("ROLE"))) {
        fake_redis_send_text(client, PRIMARY);
        return true;
    }
    if (str_equal(parts[0], STR("HGETALL"))) {
        fake_redis_send_text(client, "*2\r\n$1\r\na\r\n$1\r\n2\r\n");
        return true;
    }
    return false;
}

static void start(void)
{
    world_init(&world);
    new_server = fake_redis_new(world.loop, 0, NULL);
    fake_redis_set_handler(world.server, answer_old, NULL);
    fake_redis_set_handler(new_server, answer_new, NULL);
    old_role = PRIMARY;
    old_answer = STR(GOOD);
    sentinel_world_init(&sentinels, world.loop, 3);
    sentinel_world_name_all(&sentinels, "127.0.0.1", fake_redis_port(world.server));
    /* What stands in `redis` beside the login is not used. */
    world.address.address = (struct config_address){.type = CONFIG_ADDRESS_TCP, .host = world.host};
    world.address.sentinel = &sentinels.settings;
    asker = (struct asker){0};
}

static void stop(void)
{
    world_stop(&world);
    sentinel_world_fini(&sentinels);
    fake_redis_free(new_server);
    world_fini(&world);
}

static void fail_over(void)
{
    sentinel_world_name_all(&sentinels, "127.0.0.1", fake_redis_port(new_server));
}

static void check_is_on(const char *fields)
{
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, fields);
}

static void check_goes_to_the_new_one(void)
{
    int64_t before_us = clock_read().mono_us;

    WORLD_UNTIL(&world, fake_redis_connections(new_server) > 0 && world_is_up(&world));
    ck_assert_int_lt(clock_read().mono_us - before_us, FAILOVER_US);
    check_is_on("a=2;");
    WORLD_UNTIL(&world, fake_redis_clients(world.server) == 0);
}

START_TEST(it_goes_where_sentinels_say_and_asks_for_the_role)
{
    static char user[] = "reeve";
    static char password[] = SECRET;

    world.address.user = user;
    world.address.password = password;
    world.address.database = 3;
    world.settings.client_name = "reeve-1";
    world_start_up(&world);
    ck_assert_str_eq(fake_redis_log(world.server),
                     "AUTH reeve " SECRET "\nSELECT 3\nCLIENT SETNAME reeve-1\nPING\nROLE\n");
    check_is_on("a=1;");
    /* Sentinels have a login of their own. */
    ck_assert_ptr_null(strstr(fake_redis_log(sentinels.items[0].server), SECRET));
}
END_TEST

static const struct {
    const char *reply;
    const char *want; /* in the log */
} roles[] = {
    {REPLICA, "ROLE: the server is a replica"},
    {"*2\r\n$8\r\nsentinel\r\n*1\r\n$5\r\nreeve\r\n", "ROLE: not the reply of a Redis server"},
    {"*0\r\n", "ROLE: not the reply of a Redis server"},
    {"*-1\r\n", "ROLE: not the reply of a Redis server"},
    {"+master\r\n", "ROLE: not the reply of a Redis server"},
    {"$6\r\nmaster\r\n", "ROLE: not the reply of a Redis server"},
    {"*3\r\n$7\r\nmasters\r\n:1\r\n*0\r\n", "ROLE: not the reply of a Redis server"},
    {"*3\r\n:1\r\n$6\r\nmaster\r\n*0\r\n", "ROLE: not the reply of a Redis server"},
    {"*3\r\n*1\r\n$6\r\nmaster\r\n:1\r\n*0\r\n", "ROLE: not the reply of a Redis server"},
    {"-NOPERM this user has no permissions\r\n", "ROLE: NOPERM: "},
    {"-master\r\n", "ROLE: ?: an unexpected error"},
};

START_TEST(a_server_that_does_not_say_it_is_the_primary_is_refused)
{
    old_role = roles[_i].reply;
    log_set_level(LOG_WARNING);
    world_log_start();
    world_start(&world);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) > 1);
    ck_assert(!world_is_up(&world));
    const char *log = world_log_end();
    ck_assert_msg(strstr(log, roles[_i].want), "%s: %s", roles[_i].want, log);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_IO);
    fail_over();
    check_goes_to_the_new_one();
    ck_assert_ptr_null(strstr(fake_redis_log(world.server), "HGETALL"));
}
END_TEST

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct str farewells[] = {
    TEXT("-READONLY You can't write against a read only replica.\r\n"),
    TEXT("-MASTERDOWN Link with MASTER is down\r\n"),
    TEXT("-UNBLOCKED force unblock from blocking operation\r\n"),
    TEXT("-LOADING Redis is loading the dataset in memory\r\n"),
};

START_TEST(an_error_of_a_replica_asks_sentinels_anew)
{
    world_start_up(&world);
    check_is_on("a=1;");
    old_answer = farewells[_i];
    old_role = REPLICA;
    fail_over();
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    check_goes_to_the_new_one();
}
END_TEST

START_TEST(a_late_reply_asks_sentinels_anew)
{
    world.settings.command_timeout_us = 100000;
    world_start_up(&world);
    old_answer = STR("");
    fail_over();
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    check_goes_to_the_new_one();
}
END_TEST

START_TEST(a_lost_connection_asks_sentinels_anew)
{
    world_start_up(&world);
    fail_over();
    fake_redis_end(fake_redis_newest(world.server), FAKE_REDIS_RESET);
    WORLD_UNTIL(&world, !world_is_up(&world));
    check_goes_to_the_new_one();
}
END_TEST

/* The old primary lives, and so does the connection to it. */
START_TEST(another_primary_ends_the_connection_and_answers_once)
{
    static struct asker askers[2];

    world_start_up(&world);
    check_is_on("a=1;");
    old_answer = STR("");
    ck_assert_int_eq(world_ask(&world, &askers[0]), ERR_OK);
    ck_assert_int_eq(world_ask(&world, &askers[1]), ERR_OK);
    fail_over();
    check_goes_to_the_new_one();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(askers[i].count, 1);
        ck_assert_int_eq(askers[i].status, STORE_DOWN);
    }
}
END_TEST

START_TEST(sentinels_that_die_end_no_connection)
{
    world_start_up(&world);
    for (size_t i = 0; i < 3; i++) {
        sentinel_world_kill(&sentinels, i);
    }
    world_pass(&world, 2 * WORLD_SECOND_US);
    check_is_on("a=1;");
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
}
END_TEST

/* Attempts stay at most half a second apart, so that a promotion is soon seen. */
START_TEST(attempts_do_not_become_rare)
{
    size_t count = 0;
    int64_t last_us = 0;

    old_role = REPLICA;
    world_start(&world);
    while (count < 9) {
        WORLD_UNTIL(&world, fake_redis_connections(world.server) > count);
        int64_t now_us = clock_read().mono_us;
        if (count > 6) {
            ck_assert_int_ge(now_us - last_us, 250000 - 20000);
        }
        ck_assert_int_lt(now_us - last_us, count > 0 ? 900000 : INT64_MAX);
        last_us = now_us;
        count = fake_redis_connections(world.server);
    }
}
END_TEST

START_TEST(freed_at_any_time_it_is_over)
{
    world_start(&world);
    for (int i = 0; i < _i; i++) {
        ev_run(world.loop, EVRUN_NOWAIT);
    }
    world_stop(&world);
    world_wait_until_left(&world, world.server);
    for (size_t i = 0; i < 3; i++) {
        world_wait_until_left(&world, sentinels.items[i].server);
    }
}
END_TEST

Suite *failover_suite(void)
{
    Suite *suite = suite_create("failover");
    TCase *tcase = tcase_create("failover");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, it_goes_where_sentinels_say_and_asks_for_the_role);
    tcase_add_loop_test(tcase, a_server_that_does_not_say_it_is_the_primary_is_refused, 0,
                        COUNT(roles));
    tcase_add_loop_test(tcase, an_error_of_a_replica_asks_sentinels_anew, 0, COUNT(farewells));
    tcase_add_test(tcase, a_late_reply_asks_sentinels_anew);
    tcase_add_test(tcase, a_lost_connection_asks_sentinels_anew);
    tcase_add_test(tcase, another_primary_ends_the_connection_and_answers_once);
    tcase_add_test(tcase, sentinels_that_die_end_no_connection);
    tcase_add_test(tcase, attempts_do_not_become_rare);
    tcase_add_loop_test(tcase, freed_at_any_time_it_is_over, 0, 30);
    suite_add_tcase(suite, tcase);
    return suite;
}
