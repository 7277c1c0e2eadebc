/* No connection: refused, never answered, lost again and again; and how it comes back. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/store/back_off.h"
#include "tests/unit/store/fake_resolver.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define GOOD "*2\r\n$1\r\na\r\n$1\r\n1\r\n"

static struct world world;
static struct asker asker;

static void start(void)
{
    world_init(&world);
    world.answer = STR(GOOD);
    asker = (struct asker){0};
}

static void stop(void)
{
    world_fini(&world);
}

static void check_down(void)
{
    ck_assert(!world_is_up(&world));
    ck_assert_int_eq(world_ask(&world, &asker), ERR_IO);
    ck_assert_int_eq(asker.count, 0);
}

static void check_comes_up(void)
{
    WORLD_UNTIL(&world, world_is_up(&world));
    world_ask_to_the_end(&world, &asker);
    ck_assert_int_eq(asker.status, STORE_OK);
    ck_assert_str_eq(asker.fields, "a=1;");
}

START_TEST(down_at_start_it_comes_up_when_the_server_does)
{
    world_kill_server(&world);
    world_start(&world);
    check_down();
    world_pass(&world, BACK_OFF_MIN_US);
    check_down();
    world_revive_server(&world);
    check_comes_up();
}
END_TEST

START_TEST(a_server_that_dies_answers_once_and_its_successor_goes_on)
{
    world.answer = STR_ABSENT;
    world_start_up(&world);
    ck_assert_int_eq(world_ask(&world, &asker), ERR_OK);
    world_kill_server(&world);
    WORLD_UNTIL(&world, asker.count > 0);
    ck_assert_int_eq(asker.status, STORE_DOWN);
    asker = (struct asker){0};
    check_down();
    world_revive_server(&world);
    world.answer = STR(GOOD);
    check_comes_up();
}
END_TEST

/* A listener whose queue is full: the kernel drops what asks for more. */
static int open_black_hole(uint16_t *port, int fillers[4])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 0), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    *port = ntohs(address.sin_port);
    return fd;
}

START_TEST(a_connection_that_is_never_answered_ends_in_time)
{
    int fillers[4];
    int hole = open_black_hole(&world.address.address.port, fillers);

    world.settings.connect_timeout_us = 100000;
    log_set_level(LOG_WARNING);
    world_log_start();
    int64_t before_us = clock_read().mono_us;
    world_start(&world);
    world_pass(&world, 200000);
    ck_assert_ptr_nonnull(strstr(world_log_end(), "no connection in time"));
    ck_assert_int_ge(clock_read().mono_us - before_us, 100000);
    check_down();
    world.address.address.port = fake_redis_port(world.server);
    check_comes_up();
    for (int i = 0; i < 4; i++) {
        close(fillers[i]);
    }
    close(hole);
}
END_TEST

/* A server that is too slow for commands is not come back to. */
START_TEST(a_greeting_that_is_not_answered_as_fast_as_a_command_ends)
{
    world.settings.command_timeout_us = 100000;
    world.greeting = "PING";
    world_start(&world);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) == 2);
    check_down();
    world.greeting = NULL;
    check_comes_up();
}
END_TEST

/* When each connection was opened: the server ends them all at once. */
static void time_attempts(int64_t *times_us, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        WORLD_UNTIL(&world, fake_redis_connections(world.server) > i);
        times_us[i] = clock_read().mono_us;
        if (fake_redis_newest(world.server)) {
            fake_redis_end(fake_redis_newest(world.server), FAKE_REDIS_CLOSE);
        }
    }
}

/* The loop's clock may be this much behind. */
#define SLACK_US 20000

START_TEST(attempts_come_at_growing_distances)
{
    int64_t times_us[5];

    world.greeting = "PING";
    world_start(&world);
    time_attempts(times_us, 5);
    for (int i = 1; i < 5; i++) {
        int64_t least_us = (BACK_OFF_MIN_US << (i - 1)) / 2;
        ck_assert_int_ge(times_us[i] - times_us[i - 1], least_us - SLACK_US);
    }
}
END_TEST

/* A server that greets, and ends the connection before it answered anything, is none. */
START_TEST(a_greeting_alone_does_not_shorten_them)
{
    int64_t last_us = 0;

    world_start_up(&world);
    for (size_t i = 1; i < 5; i++) {
        last_us = clock_read().mono_us;
        fake_redis_end(fake_redis_newest(world.server), FAKE_REDIS_CLOSE);
        WORLD_UNTIL(&world, fake_redis_connections(world.server) > i && world_is_up(&world));
    }
    ck_assert_int_ge(clock_read().mono_us - last_us, (BACK_OFF_MIN_US << 3) / 2 - SLACK_US);
}
END_TEST

START_TEST(an_answered_command_makes_them_short_again)
{
    int64_t times_us[4];

    world.greeting = "PING";
    world_start(&world);
    time_attempts(times_us, 4);
    world.greeting = NULL;
    check_comes_up();
    int64_t before_us = clock_read().mono_us;
    fake_redis_end(fake_redis_newest(world.server), FAKE_REDIS_CLOSE);
    size_t connections = fake_redis_connections(world.server);
    WORLD_UNTIL(&world, fake_redis_connections(world.server) > connections);
    ck_assert_int_lt(clock_read().mono_us - before_us, (BACK_OFF_MIN_US << 4) / 2);
}
END_TEST

/* Agents that lose their server together do not come back together. */
START_TEST(distances_are_spread_over_half_of_their_length)
{
    struct config_sentinel sentinel = {0};
    const struct config_store address = {.sentinel = _i % 2 ? &sentinel : NULL};
    unsigned attempts = (unsigned)_i / 2;
    int64_t most_us = _i % 2 ? BACK_OFF_MAX_SENTINEL_US : BACK_OFF_MAX_US;
    int64_t length_us = attempts < 5 ? BACK_OFF_MIN_US << attempts : most_us;
    int64_t low_us = INT64_MAX, high_us = 0;

    length_us = length_us < most_us ? length_us : most_us;
    for (int i = 0; i < 1000; i++) {
        int64_t us = back_off_us(&address, attempts);
        low_us = us < low_us ? us : low_us;
        high_us = us > high_us ? us : high_us;
    }
    ck_assert_int_ge(low_us, length_us / 2);
    ck_assert_int_le(high_us, length_us);
    ck_assert_int_gt(high_us - low_us, length_us * 2 / 5);
}
END_TEST

static char directory[] = "/tmp/reeve-store-XXXXXX";

static void use_unix_socket(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(world.host, sizeof(world.host), "%s/redis.sock", directory);
    world.address.address.type = CONFIG_ADDRESS_UNIX;
    world.address.address.port = 0;
}

START_TEST(a_unix_socket_is_as_good)
{
    use_unix_socket();
    world_start(&world);
    world_pass(&world, BACK_OFF_MIN_US);
    check_down();
    struct fake_redis *server = fake_redis_new(world.loop, 0, world.host);
    fake_redis_set_handler(server, NULL, NULL);
    WORLD_UNTIL(&world, world_is_up(&world));
    ck_assert_str_eq(fake_redis_log(server), "PING\n");
    fake_redis_free(server);
    WORLD_UNTIL(&world, !world_is_up(&world));
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(a_name_s_addresses_are_tried_one_by_one)
{
    static const char *const addresses[] = {"127.0.0.2", "::1", "127.0.0.1"};

    snprintf(world.host, sizeof(world.host), "store.example");
    fake_resolver_set(addresses, 3);
    world_start(&world);
    check_comes_up();
    ck_assert_int_eq(fake_resolver_begun(), 1);
}
END_TEST

START_TEST(a_name_is_looked_up_again_when_no_address_is_left)
{
    static const char *const wrong[] = {"127.0.0.2"};
    static const char *const right[] = {"127.0.0.1"};

    snprintf(world.host, sizeof(world.host), "store.example");
    fake_resolver_set(NULL, 0);
    world_start(&world);
    WORLD_UNTIL(&world, fake_resolver_begun() >= 2);
    fake_resolver_set(wrong, 1);
    int begun = fake_resolver_begun();
    WORLD_UNTIL(&world, fake_resolver_begun() >= begun + 2);
    fake_resolver_set(right, 1);
    check_comes_up();
}
END_TEST

START_TEST(freed_while_a_name_server_hangs_it_is_over)
{
    snprintf(world.host, sizeof(world.host), "store.example");
    fake_resolver_hold();
    world_start(&world);
    while (fake_resolver_begun() == 0) {
        ev_run(world.loop, EVRUN_NOWAIT); /* nothing wakes it */
    }
    check_down();
    world_stop(&world);
    fake_resolver_release();
    while (fake_resolver_ended() == 0) {
        sched_yield();
    }
    world_pass(&world, 10000);
}
END_TEST

START_TEST(freed_at_any_time_it_is_over)
{
    world.greeting = _i % 2 ? "PING" : NULL;
    world_start(&world);
    for (int i = 0; i < _i; i++) {
        ev_run(world.loop, EVRUN_NOWAIT);
    }
    world_stop(&world);
    world_wait_until_left(&world, world.server);
}
END_TEST

static TCase *back_off_tcase(void)
{
    TCase *tcase = tcase_create("back-off");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, attempts_come_at_growing_distances);
    tcase_add_test(tcase, a_greeting_alone_does_not_shorten_them);
    tcase_add_test(tcase, an_answered_command_makes_them_short_again);
    tcase_add_loop_test(tcase, distances_are_spread_over_half_of_their_length, 0, 2 * 8);
    return tcase;
}

Suite *outage_suite(void)
{
    Suite *suite = suite_create("outage");
    TCase *tcase = tcase_create("outage");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, down_at_start_it_comes_up_when_the_server_does);
    tcase_add_test(tcase, a_server_that_dies_answers_once_and_its_successor_goes_on);
    tcase_add_test(tcase, a_connection_that_is_never_answered_ends_in_time);
    tcase_add_test(tcase, a_greeting_that_is_not_answered_as_fast_as_a_command_ends);
    tcase_add_test(tcase, a_unix_socket_is_as_good);
    tcase_add_test(tcase, a_name_s_addresses_are_tried_one_by_one);
    tcase_add_test(tcase, a_name_is_looked_up_again_when_no_address_is_left);
    tcase_add_test(tcase, freed_while_a_name_server_hangs_it_is_over);
    tcase_add_loop_test(tcase, freed_at_any_time_it_is_over, 0, 12);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, back_off_tcase());
    return suite;
}
