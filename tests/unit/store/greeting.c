/* What a new connection says before it is used. */
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define SECRET "kY7-secret"

static struct world world;
static char user[] = "reeve";
static char password[] = SECRET;

static void start(void)
{
    world_init(&world);
}

static void stop(void)
{
    world_fini(&world);
}

static const struct {
    char *user;
    char *password;
    unsigned database;
    const char *name;
    const char *want;
} greetings[] = {
    {NULL, NULL, 0, NULL, "PING\n"},
    {NULL, NULL, 0, "reeve-1", "CLIENT SETNAME reeve-1\nPING\n"},
    {NULL, NULL, 3, NULL, "SELECT 3\nPING\n"},
    {NULL, NULL, 4294967295, NULL, "SELECT 4294967295\nPING\n"},
    {NULL, password, 0, NULL, "AUTH " SECRET "\nPING\n"},
    {user, NULL, 0, NULL, "PING\n"},
    {user, password, 0, NULL, "AUTH reeve " SECRET "\nPING\n"},
    {user, password, 15, "reeve-1",
     "AUTH reeve " SECRET "\nSELECT 15\nCLIENT SETNAME reeve-1\nPING\n"},
};

START_TEST(says_what_is_configured_and_no_more)
{
    world.address.user = greetings[_i].user;
    world.address.password = greetings[_i].password;
    world.address.database = greetings[_i].database;
    world.settings.client_name = greetings[_i].name;
    world_start_up(&world);
    ck_assert_str_eq(fake_redis_log(world.server), greetings[_i].want);
}
END_TEST

static void ask_for_everything(void)
{
    world.address.user = user;
    world.address.password = password;
    world.address.database = 15;
    world.settings.client_name = "reeve-1";
}

START_TEST(says_all_at_once)
{
    ask_for_everything();
    world.greeting = "AUTH";
    world_start(&world);
    WORLD_UNTIL(&world, strstr(fake_redis_log(world.server), "PING"));
    ck_assert(!world_is_up(&world));
}
END_TEST

static const struct {
    const char *command;
    const char *reply;
    const char *want; /* in the log; NULL: the greeting goes on */
} refusals[] = {
    {"AUTH", "-WRONGPASS invalid username-password pair\r\n", "AUTH: WRONGPASS: "},
    {"AUTH", "-ERR AUTH <password> called without any password configured for\r\n", "AUTH: ERR: "},
    {"AUTH", "-ERR wrong number of arguments: " SECRET "\r\n", "AUTH: ERR: an unexpected error"},
    {"AUTH", "-" SECRET "\r\n", "AUTH: ?: an unexpected error"},
    {"AUTH", "+PONG\r\n", "AUTH: not the reply of a Redis server"},
    {"AUTH", ":1\r\n", "AUTH: not the reply of a Redis server"},
    {"AUTH", "+OKAY\r\n", "AUTH: not the reply of a Redis server"},
    {"SELECT", "-ERR DB index is out of range\r\n", "SELECT: ERR: no such database"},
    {"SELECT", "-NOPERM no permissions\r\n", "SELECT: NOPERM: "},
    {"SELECT", "$2\r\nOK\r\n", "SELECT: not the reply of a Redis server"},
    {"CLIENT", "$-1\r\n", "CLIENT SETNAME: not the reply of a Redis server"},
    {"CLIENT", "*0\r\n", "CLIENT SETNAME: not the reply of a Redis server"},
    {"PING", "-NOAUTH Authentication required.\r\n", "PING: NOAUTH: "},
    {"PING", "-LOADING Redis is loading the dataset in memory\r\n", "PING: LOADING: "},
    {"PING", "-MASTERDOWN Link with MASTER is down\r\n", "PING: MASTERDOWN: "},
    {"PING", "-NOPERM no permissions\r\n", "PING: NOPERM: "},
    {"PING", "+OK\r\n", "PING: not the reply of a Redis server"},
    {"PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "PING: not the reply of a Redis server"},
    {"PING", "+PONG\r\n+PONG\r\n", "a reply that nobody asked for"},
    {"PING", "HTTP/1.1 400 Bad Request\r\n", "Protocol error"},
    {"CLIENT", "-ERR max number of clients reached\r\n",
     "CLIENT SETNAME: ERR: the server takes no more clients"},
    {"CLIENT", "-ERR unknown subcommand\r\n", NULL},
    {"CLIENT", "-NOPERM no permissions\r\n", NULL},
};

START_TEST(a_refused_greeting_is_named_without_its_arguments)
{
    ask_for_everything();
    world.greeting = refusals[_i].command;
    world.greeting_reply = refusals[_i].reply;
    world_log_start();
    log_set_level(LOG_WARNING);
    world_start(&world);
    WORLD_UNTIL(&world,
                refusals[_i].want ? fake_redis_connections(world.server) > 1 : world_is_up(&world));
    const char *log = world_log_end();
    ck_assert_msg(!refusals[_i].want || strstr(log, refusals[_i].want), "%s: %s",
                  refusals[_i].reply, log);
    ck_assert_ptr_null(strstr(log, SECRET));
}
END_TEST

START_TEST(nothing_is_asked_before_it_is_over)
{
    static struct asker asker;

    world.greeting = "PING";
    world_start(&world);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_IO);
    WORLD_UNTIL(&world, strstr(fake_redis_log(world.server), "PING"));
    ck_assert_int_eq(world_ask(&world, &asker), ERR_IO);
    ck_assert_int_eq(asker.count, 0);
    fake_redis_send_text(fake_redis_newest(world.server), "+PONG\r\n");
    WORLD_UNTIL(&world, world_is_up(&world));
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
}
END_TEST

START_TEST(byte_by_byte_replies_are_taken)
{
    ask_for_everything();
    world.greeting = "AUTH";
    world.greeting_reply = "";
    world_start(&world);
    WORLD_UNTIL(&world, fake_redis_newest(world.server));
    fake_redis_drip(fake_redis_newest(world.server));
    fake_redis_send_text(fake_redis_newest(world.server), "+OK\r\n");
    WORLD_UNTIL(&world, world_is_up(&world));
}
END_TEST

START_TEST(each_connection_greets_anew)
{
    ask_for_everything();
    world_start_up(&world);
    fake_redis_clear_log(world.server);
    fake_redis_end(fake_redis_newest(world.server), FAKE_REDIS_CLOSE);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) == 2 && world_is_up(&world));
    ck_assert_str_eq(fake_redis_log(world.server), greetings[COUNT(greetings) - 1].want);
}
END_TEST

Suite *greeting_suite(void)
{
    Suite *suite = suite_create("greeting");
    TCase *tcase = tcase_create("greeting");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_refused_greeting_is_named_without_its_arguments, 0,
                        COUNT(refusals));
    tcase_add_test(tcase, nothing_is_asked_before_it_is_over);
    tcase_add_loop_test(tcase, says_what_is_configured_and_no_more, 0, COUNT(greetings));
    tcase_add_test(tcase, says_all_at_once);
    tcase_add_test(tcase, byte_by_byte_replies_are_taken);
    tcase_add_test(tcase, each_connection_greets_anew);
    suite_add_tcase(suite, tcase);
    return suite;
}
