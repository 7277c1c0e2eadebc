/* Our own deadline: hiredis has none. */
#include "agent/base/clock.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define TIMEOUT_US 100000
/* Where something must be done before it is over, on a busy machine too. */
#define LONG_TIMEOUT_US 1000000
#define LATE            "*2\r\n$1\r\na\r\n$4\r\nlate\r\n"
#define IN_TIME         "*2\r\n$1\r\na\r\n$7\r\nin time\r\n"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    world.settings.command_timeout_us = TIMEOUT_US;
    asker = (struct asker){0};
}

static void stop(void)
{
    world_fini(&world);
}

START_TEST(without_a_reply_the_command_and_its_connection_end)
{
    world_start_up(&world);
    int64_t before_us = clock_read().mono_us;
    world_ask_to_the_end(&world, &asker);
    int64_t took_us = clock_read().mono_us - before_us;
    ck_assert_int_eq(asker.status, STORE_DOWN);
    ck_assert_int_ge(took_us, TIMEOUT_US);
    ck_assert(!world_is_up(&world));
    WORLD_UNTIL(&world, fake_redis_connections(world.server) == 2);
    ck_assert_int_eq(asker.count, 1);
}
END_TEST

/* A server that hangs, and wakes up again: what it says then is nobody's. */
START_TEST(a_late_reply_answers_nobody)
{
    struct fake_redis_client *old;
    struct asker next = {0};

    world_start_up(&world);
    old = fake_redis_newest(world.server);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    WORLD_UNTIL(&world, asker.count > 0);
    fake_redis_send_text(old, LATE);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    world.answer = STR(IN_TIME);
    WORLD_UNTIL(&world, world_is_up(&world));
    world_ask_to_the_end(&world, &next);
    ck_assert_str_eq(next.fields, "a=in time;");
    ck_assert_int_eq(asker.count, 1);
}
END_TEST

START_TEST(the_oldest_takes_the_younger_ones_with_it)
{
    struct asker younger[3] = {0};

    world.settings.command_timeout_us = LONG_TIMEOUT_US;
    world_start_up(&world);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    world_pass(&world, LONG_TIMEOUT_US / 10);
    for (int i = 0; i < COUNT(younger); i++) {
        younger[i].again = &world;
        ck_assert_int_eq(world_ask(&world, &younger[i]), ERR_OK);
    }
    WORLD_UNTIL(&world, asker.count > 0);
    for (int i = 0; i < COUNT(younger); i++) {
        ck_assert_int_eq(younger[i].count, 1);
        ck_assert_int_eq(younger[i].status, STORE_DOWN);
        ck_assert_int_eq(younger[i].again_err, ERR_IO);
        ck_assert_int_gt(younger[i].order, asker.order);
    }
}
END_TEST

/* Bytes that go on coming do not prolong it. */
START_TEST(it_holds_for_the_whole_reply)
{
    const char bytes[] = "*2\r\n$1\r\na\r\n$999999999999\r\n";

    world_start_up(&world);
    int64_t before_us = clock_read().mono_us;
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    fake_redis_send_text(fake_redis_newest(world.server), bytes);
    while (asker.count == 0) {
        fake_redis_send_text(fake_redis_newest(world.server), "x");
        world_pass(&world, TIMEOUT_US / 20);
    }
    ck_assert_int_eq(asker.status, STORE_DOWN);
    ck_assert_int_ge(clock_read().mono_us - before_us, TIMEOUT_US);
}
END_TEST

START_TEST(each_command_has_its_whole_time)
{
    struct asker second = {0};

    world_start_up(&world);
    world.answer = STR(IN_TIME);
    world_ask_to_the_end(&world, &asker);
    int64_t deadline_us = clock_read().mono_us + TIMEOUT_US;
    world.answer = STR_ABSENT;
    world_pass(&world, TIMEOUT_US * 6 / 10);
    int64_t before_us = clock_read().mono_us;
    world_ask_to_the_end(&world, &second);
    ck_assert_int_eq(second.status, STORE_DOWN);
    ck_assert_int_ge(clock_read().mono_us - before_us, TIMEOUT_US);
    ck_assert_int_gt(clock_read().mono_us, deadline_us);
}
END_TEST

START_TEST(idle_it_stays_up)
{
    world_start_up(&world);
    world.answer = STR(IN_TIME);
    world_ask_to_the_end(&world, &asker);
    world_pass(&world, 3 * TIMEOUT_US);
    ck_assert(world_is_up(&world));
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
}
END_TEST

static void stall(struct ev_loop *loop)
{
    int64_t until_us = clock_read().mono_us + 2 * TIMEOUT_US;

    while (clock_read().mono_us < until_us) {
        ev_now_update(loop);
    }
}

/* A busy loop is not the store's fault. */
START_TEST(a_reply_that_is_here_comes_before_the_deadline_it_missed)
{
    world_start_up(&world);
    world.answer = STR(IN_TIME);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    fake_redis_clear_log(world.server);
    WORLD_UNTIL(&world, fake_redis_log(world.server)[0] != '\0');
    ev_run(world.loop, EVRUN_NOWAIT);
    stall(world.loop);
    WORLD_UNTIL(&world, asker.count > 0);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert(world_is_up(&world));
}
END_TEST

Suite *deadline_suite(void)
{
    Suite *suite = suite_create("deadline");
    TCase *tcase = tcase_create("deadline");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, without_a_reply_the_command_and_its_connection_end);
    tcase_add_test(tcase, a_late_reply_answers_nobody);
    tcase_add_test(tcase, the_oldest_takes_the_younger_ones_with_it);
    tcase_add_test(tcase, it_holds_for_the_whole_reply);
    tcase_add_test(tcase, each_command_has_its_whole_time);
    tcase_add_test(tcase, idle_it_stays_up);
    tcase_add_test(tcase, a_reply_that_is_here_comes_before_the_deadline_it_missed);
    suite_add_tcase(suite, tcase);
    return suite;
}
