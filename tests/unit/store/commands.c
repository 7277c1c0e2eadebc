/* One command and its reply: what the asker is told, and whether the connection goes on. */
#include <stdio.h>

#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define GOOD "*4\r\n$5\r\nstate\r\n$6\r\nactive\r\n$4\r\nuser\r\n$1\r\na\r\n"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    asker = (struct asker){0};
}

static void stop(void)
{
    world_fini(&world);
}

static const struct {
    const char *reply;
    enum store_status status;
    bool keeps_connection;
} refusals[] = {
    {"-NOAUTH Authentication required.\r\n", STORE_REFUSED, false},
    {"-WRONGPASS invalid username-password pair\r\n", STORE_REFUSED, false},
    {"-NOPERM no permissions\r\n", STORE_REFUSED, true},
    {"-MOVED 3999 127.0.0.1:6381\r\n", STORE_REFUSED, true},
    {"-ASK 3999 127.0.0.1:6381\r\n", STORE_REFUSED, true},
    {"-WRONGTYPE Operation against a key\r\n", STORE_WRONGTYPE, true},
    {"-LOADING Redis is loading\r\n", STORE_DOWN, false},
    {"-READONLY You can't write\r\n", STORE_DOWN, false},
    {"-MASTERDOWN Link with MASTER\r\n", STORE_DOWN, false},
    {"-CLUSTERDOWN Hash slot not served\r\n", STORE_DOWN, false},
    {"-BUSY Redis is busy\r\n", STORE_DOWN, true},
    {"-TRYAGAIN Multiple keys\r\n", STORE_DOWN, true},
    {"-OOM command not allowed\r\n", STORE_DOWN, true},
    {"-ERR unknown command\r\n", STORE_DOWN, true},
    {"-\r\n", STORE_DOWN, true},
    {"$-1\r\n", STORE_BAD_REPLY, false},
    {"*-1\r\n", STORE_BAD_REPLY, false},
    {":1\r\n", STORE_BAD_REPLY, false},
    {"+OK\r\n", STORE_BAD_REPLY, false},
    {"$5\r\nstate\r\n", STORE_BAD_REPLY, false},
    {"*1\r\n$5\r\nstate\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$5\r\nstate\r\n$-1\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$5\r\nstate\r\n:1\r\n", STORE_BAD_REPLY, false},
    {"*2\r\n$5\r\nstate\r\n*0\r\n", STORE_BAD_REPLY, false},
    {"HTTP/1.1 400 Bad Request\r\n", STORE_DOWN, false},
    {"*-2\r\n", STORE_DOWN, false},
    {"$-2\r\n", STORE_DOWN, false},
    {"*4294967296\r\n", STORE_DOWN, false},
    {">2\r\n$1\r\na\r\n$1\r\nb\r\n", STORE_DOWN, false},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", STORE_DOWN, false},
};

START_TEST(a_refusal_is_told_once_and_the_next_command_is_answered)
{
    world_start_up(&world);
    world.answer = str_from_c(refusals[_i].reply);
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, refusals[_i].status);
    ck_assert_str_eq(asker.fields, "");
    ck_assert_msg(world_is_up(&world) == refusals[_i].keeps_connection, "%s", refusals[_i].reply);

    world.answer = STR(GOOD);
    WORLD_UNTIL(&world, world_is_up(&world));
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "state=active;user=a;");
    ck_assert_int_eq(asker.count, 2);
    ck_assert_uint_eq(fake_redis_connections(world.server), refusals[_i].keeps_connection ? 1 : 2);
}
END_TEST

START_TEST(gives_the_fields_and_asks_for_the_very_key)
{
    char key[] = "reeve:user:{al ice}";

    world.answer = STR(GOOD);
    world_start_up(&world);
    fake_redis_clear_log(world.server);
    ck_assert_int_eq(store_get_hash(world.store, str_from_c(key), asker_cb, &asker), ERR_OK);
    memset(key, 'x', sizeof(key));
    WORLD_UNTIL(&world, asker.count == 1);
    ck_assert_str_eq(asker.fields, "state=active;user=a;");
    ck_assert_str_eq(fake_redis_log(world.server), "HGETALL reeve:user:{al ice}\n");
}
END_TEST

START_TEST(a_key_that_is_not_there_has_no_fields)
{
    world.answer = STR("*0\r\n");
    world_start_up(&world);
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "");
}
END_TEST

START_TEST(a_reply_byte_by_byte_is_taken)
{
    world.answer = STR(GOOD);
    world_start_up(&world);
    fake_redis_drip(fake_redis_newest(world.server));
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "state=active;user=a;");
}
END_TEST

START_TEST(commands_are_answered_in_their_order)
{
    struct asker askers[16] = {0};

    world.answer = STR(GOOD);
    world_start_up(&world);
    for (int round = 0; round < 3; round++) {
        int first = round == 0 ? 1 : askers[15].order + 1;
        for (int i = 0; i < COUNT(askers); i++) {
            ck_assert_int_eq(world_ask(&world, &askers[i]), ERR_OK);
        }
        WORLD_UNTIL(&world, askers[15].count > round);
        for (int i = 0; i < COUNT(askers); i++) {
            ck_assert_int_eq(askers[i].order, first + i);
        }
    }
}
END_TEST

START_TEST(who_asks_again_in_the_callback_is_answered_later)
{
    asker.again = &world;
    world.answer = STR(GOOD);
    world_start_up(&world);
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(asker.again_err, ERR_OK);
    WORLD_UNTIL(&world, asker.count == 2);
    ck_assert_int_eq(asker.status, STORE_OK);
}
END_TEST

static const char *const seconds[] = {GOOD, "*0\r\n", "+OK\r\n", "$-1\r\n", "-ERR again\r\n"};

START_TEST(a_second_reply_ends_the_connection)
{
    static char both[256];

    snprintf(both, sizeof(both), "%s%s", GOOD, seconds[_i]);
    world.answer = str_from_c(both);
    world_start_up(&world);
    world_ask_to_the_end(&world, &asker);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) == 2);
    ck_assert_int_eq(asker.count, 1);
    ck_assert_int_eq(asker.status, STORE_OK);
}
END_TEST

START_TEST(an_error_that_repeats_its_arguments_is_not_logged_whole)
{
    world.answer = STR("-NOPERM \x1b[2J reeve:key:a secret\r\n");
    world_start_up(&world);
    world_log_start();
    log_set_level(LOG_WARNING);
    world_ask_to_the_end(&world, &asker);
    world_ask_to_the_end(&world, &asker);
    ck_assert_str_eq(world_log_end(),
                     "warning store: HGETALL: NOPERM: the ACL does not allow the command or the "
                     "key (0 like it not logged)\n");
}
END_TEST

Suite *commands_suite(void)
{
    Suite *suite = suite_create("commands");
    TCase *tcase = tcase_create("commands");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_refusal_is_told_once_and_the_next_command_is_answered, 0,
                        COUNT(refusals));
    tcase_add_loop_test(tcase, a_second_reply_ends_the_connection, 0, COUNT(seconds));
    tcase_add_test(tcase, an_error_that_repeats_its_arguments_is_not_logged_whole);
    tcase_add_test(tcase, a_key_that_is_not_there_has_no_fields);
    tcase_add_test(tcase, gives_the_fields_and_asks_for_the_very_key);
    tcase_add_test(tcase, a_reply_byte_by_byte_is_taken);
    tcase_add_test(tcase, commands_are_answered_in_their_order);
    tcase_add_test(tcase, who_asks_again_in_the_callback_is_answered_later);
    suite_add_tcase(suite, tcase);
    return suite;
}
