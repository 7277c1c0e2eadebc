/* How much of a reply is taken, and how many commands are in flight. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define GOOD "*2\r\n$5\r\nstate\r\n$6\r\nactive\r\n"

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

/* An array of `count` strings of `length` bytes. Gives a new block. */
static struct str big_reply(size_t count, size_t length)
{
    char *text = malloc(32 + count * (length + 32));
    size_t at = (size_t)sprintf(text, "*%zu\r\n", count);

    for (size_t i = 0; i < count; i++) {
        at += (size_t)sprintf(text + at, "$%zu\r\n", length);
        memset(text + at, 'x', length);
        at += length;
        at += (size_t)sprintf(text + at, "\r\n");
    }
    return str_make(text, at);
}

static const struct {
    size_t count;
    size_t length;
    enum store_status status;
    bool keeps_connection;
} sizes[] = {
    {2, STORE_REPLY_BYTES_MAX + 64 * 1024, STORE_BAD_REPLY, false},
    {2, STORE_REPLY_BYTES_MAX / 2 + 1, STORE_BAD_REPLY, true},
    {6, STORE_REPLY_BYTES_MAX / 2, STORE_BAD_REPLY, true},
    {2 * STORE_FIELDS_MAX + 2, 1, STORE_BAD_REPLY, true},
    {2, STORE_REPLY_BYTES_MAX / 2, STORE_OK, true},
    {2 * STORE_FIELDS_MAX, 1, STORE_OK, true},
};

START_TEST(a_reply_beyond_a_bound_is_bad_and_the_next_one_good)
{
    struct str reply = big_reply(sizes[_i].count, sizes[_i].length);

    world_start_up(&world);
    world.answer = reply;
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, sizes[_i].status);
    ck_assert_int_eq(world_is_up(&world), sizes[_i].keeps_connection);

    world.answer = STR(GOOD);
    WORLD_UNTIL(&world, world_is_up(&world));
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "state=active;");
    free((char *)(uintptr_t)reply.ptr);
}
END_TEST

/* 64 MB are promised; a little more than the bound is read of them. */
START_TEST(a_huge_string_blames_the_oldest_command_alone)
{
    struct asker second = {0};
    size_t length = 2 * STORE_REPLY_BYTES_MAX;
    char *bytes = calloc(1, length);

    world_start_up(&world);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    ck_assert_int_eq(world_ask(&world, &second), ERR_OK);
    fake_redis_send_text(fake_redis_newest(world.server), "*2\r\n$67108864\r\n");
    fake_redis_send(fake_redis_newest(world.server), bytes, length);
    WORLD_UNTIL(&world, asker.count > 0);
    ck_assert_int_eq(asker.status, STORE_BAD_REPLY);
    ck_assert_int_eq(second.status, STORE_DOWN);
    ck_assert_int_eq(asker.count + second.count, 2);
    free(bytes);
}
END_TEST

START_TEST(commands_in_flight_are_bounded)
{
    struct asker askers[4] = {0};

    world.settings.max_in_flight = 3;
    world_start_up(&world);
    for (int round = 1; round < 9; round++) {
        for (int i = 0; i < 3; i++) {
            ck_assert_int_eq(world_ask(&world, &askers[i]), ERR_OK);
        }
        ck_assert_int_eq(world_ask(&world, &askers[3]), ERR_FULL);
        fake_redis_send_text(fake_redis_newest(world.server), GOOD);
        WORLD_UNTIL(&world, askers[0].count == round);
        ck_assert_int_eq(world_ask(&world, &askers[3]), ERR_OK);
        ck_assert_int_eq(world_ask(&world, &askers[0]), ERR_FULL);
        fake_redis_send_text(fake_redis_newest(world.server), GOOD GOOD GOOD);
        WORLD_UNTIL(&world, askers[3].count == round);
    }
    ck_assert_int_eq(askers[1].count + askers[2].count, 16);
}
END_TEST

START_TEST(a_new_store_is_whole_or_none)
{
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        struct store *store = store_redis_new(world.loop, &world.settings);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(store == NULL, has_failed);
        store_free(store);
    }
}
END_TEST

/* The n-th of those that taking the reply needs, for all n. */
START_TEST(out_of_memory_a_reply_is_down_and_the_next_one_good)
{
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        asker = (struct asker){0};
        world_start_up(&world);
        fake_redis_clear_log(world.server);
        ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
        WORLD_UNTIL(&world, fake_redis_log(world.server)[0] != '\0');
        fake_redis_send_text(fake_redis_newest(world.server), GOOD);
        failing_alloc_start(n);
        WORLD_UNTIL(&world, asker.count > 0);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(asker.status, has_failed ? STORE_DOWN : STORE_OK);
        ck_assert_int_eq(asker.count, 1);
        world_stop(&world);
    }
    ck_assert_str_eq(asker.fields, "state=active;");
}
END_TEST

Suite *bounds_suite(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tcase = tcase_create("bounds");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_reply_beyond_a_bound_is_bad_and_the_next_one_good, 0,
                        COUNT(sizes));
    tcase_add_test(tcase, a_huge_string_blames_the_oldest_command_alone);
    tcase_add_test(tcase, commands_in_flight_are_bounded);
    tcase_add_test(tcase, a_new_store_is_whole_or_none);
    tcase_add_test(tcase, out_of_memory_a_reply_is_down_and_the_next_one_good);
    suite_add_tcase(suite, tcase);
    return suite;
}
