/* Connections that end: in the middle of a reply, with commands in flight, closed by us. */
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define GOOD "*4\r\n$5\r\nstate\r\n$6\r\nactive\r\n$4\r\nuser\r\n$1\r\na\r\n"

static struct world world;
static struct asker askers[4];

static void start(void)
{
    world_init(&world);
    memset(askers, 0, sizeof(askers));
}

static void stop(void)
{
    world_fini(&world);
}

static void ask_all(void)
{
    for (int i = 0; i < COUNT(askers); i++) {
        ck_assert_int_eq(world_ask(&world, &askers[i]), ERR_OK);
    }
}

static void check_all(enum store_status status)
{
    for (int i = 0; i < COUNT(askers); i++) {
        ck_assert_int_eq(askers[i].count, 1);
        ck_assert_int_eq(askers[i].status, status);
    }
}

static const enum fake_redis_end ends[] = {FAKE_REDIS_HALF_CLOSE, FAKE_REDIS_CLOSE,
                                           FAKE_REDIS_RESET};

static void cut_reply(size_t length, enum fake_redis_end end)
{
    struct asker asker = {0};

    world_start_up(&world);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    fake_redis_send(fake_redis_newest(world.server), GOOD, length);
    fake_redis_end(fake_redis_newest(world.server), end);
    WORLD_UNTIL(&world, asker.count > 0);
    ck_assert_msg(asker.status == STORE_DOWN, "%zu", length);
    ck_assert_str_eq(asker.fields, "");
    ck_assert(!world_is_up(&world));
    world_stop(&world);
    ck_assert_int_eq(asker.count, 1);
}

START_TEST(no_part_of_a_cut_reply_is_used)
{
    for (size_t length = 0; length + 1 < sizeof(GOOD); length++) {
        cut_reply(length, ends[_i]);
    }
}
END_TEST

START_TEST(a_lost_connection_answers_each_command_once)
{
    world_start_up(&world);
    ask_all();
    fake_redis_end(fake_redis_newest(world.server), ends[_i]);
    WORLD_UNTIL(&world, askers[0].count > 0);
    check_all(STORE_DOWN);
    WORLD_UNTIL(&world, world_is_up(&world));
    check_all(STORE_DOWN);
}
END_TEST

START_TEST(an_idle_connection_that_ends_is_made_anew)
{
    world_start_up(&world);
    fake_redis_end(fake_redis_newest(world.server), ends[_i]);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) == 2 && world_is_up(&world));
    world.answer = STR(GOOD);
    world_ask_to_the_end(&world, &askers[0]);
    ck_assert_int_eq(askers[0].status, STORE_OK);
}
END_TEST

/* A reset takes with it what was not read: not among these ends. */
START_TEST(what_was_answered_before_the_end_counts)
{
    world_start_up(&world);
    ask_all();
    fake_redis_send_text(fake_redis_newest(world.server), GOOD "$-1\r\n");
    fake_redis_end(fake_redis_newest(world.server), ends[_i]);
    WORLD_UNTIL(&world, askers[0].count > 0 && askers[3].count > 0);
    ck_assert_int_eq(askers[0].status, STORE_OK);
    ck_assert_int_eq(askers[1].status, STORE_BAD_REPLY);
    ck_assert_int_eq(askers[2].status, STORE_DOWN);
    ck_assert_int_eq(askers[3].status, STORE_DOWN);
    ck_assert_int_eq(askers[0].count + askers[1].count + askers[2].count + askers[3].count, 4);
}
END_TEST

/* What stands in the buffer behind a reply that ended the connection is nobody's. */
START_TEST(good_replies_behind_a_bad_one_are_not_used)
{
    world_start_up(&world);
    ask_all();
    fake_redis_send_text(fake_redis_newest(world.server), "+OK\r\n" GOOD GOOD GOOD);
    WORLD_UNTIL(&world, askers[0].count > 0);
    ck_assert_int_eq(askers[0].status, STORE_BAD_REPLY);
    askers[0].status = STORE_DOWN;
    check_all(STORE_DOWN);
}
END_TEST

START_TEST(freeing_answers_each_command_once)
{
    world_start_up(&world);
    ask_all();
    for (int i = 0; i < COUNT(askers); i++) {
        ck_assert_int_eq(askers[i].count, 0);
        askers[i].again = &world;
    }
    world_stop(&world);
    for (int i = 0; i < COUNT(askers); i++) {
        ck_assert_int_eq(askers[i].again_err, ERR_IO);
    }
    check_all(STORE_DOWN);
}
END_TEST

/* With bytes of a reply, or all of it, still in the socket. */
START_TEST(freeing_in_the_middle_of_a_reply_answers_it_down)
{
    size_t length = (size_t)_i;

    world_start_up(&world);
    ask_all();
    fake_redis_send(fake_redis_newest(world.server), GOOD, length);
    fake_redis_clear_log(world.server);
    WORLD_UNTIL(&world, fake_redis_log(world.server)[0] != '\0');
    ev_run(world.loop, EVRUN_NOWAIT);
    world_stop(&world);
    check_all(STORE_DOWN);
    ev_run(world.loop, EVRUN_NOWAIT);
    check_all(STORE_DOWN);
}
END_TEST

Suite *loss_suite(void)
{
    Suite *suite = suite_create("loss");
    TCase *tcase = tcase_create("loss");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, no_part_of_a_cut_reply_is_used, 0, COUNT(ends));
    tcase_add_loop_test(tcase, a_lost_connection_answers_each_command_once, 0, COUNT(ends));
    tcase_add_loop_test(tcase, an_idle_connection_that_ends_is_made_anew, 0, COUNT(ends));
    tcase_add_loop_test(tcase, what_was_answered_before_the_end_counts, 0, COUNT(ends) - 1);
    tcase_add_test(tcase, good_replies_behind_a_bad_one_are_not_used);
    tcase_add_test(tcase, freeing_answers_each_command_once);
    tcase_add_loop_test(tcase, freeing_in_the_middle_of_a_reply_answers_it_down, 1, 12);
    suite_add_tcase(suite, tcase);
    return suite;
}
