/* Where the store is, told one address after the other. */
#include "agent/store/endpoint.h"

#include <ev.h>
#include <stdio.h>

#include "agent/base/clock.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/store/fake_resolver.h"
#include "tests/unit/store/sentinel_world.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define PORT 6390

static struct ev_loop *loop;
static char host[64];
static struct config_store address;
static struct endpoint *endpoint;
static struct sentinel_world world; /* without Sentinels unless a test begins with them */
static int moved_count;

static struct {
    int count;
    char host[64]; /* "" for NULL */
    uint16_t port;
    char why[64];
} told;

static void start(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(loop);
    world.loop = loop;
}

static void stop(void)
{
    endpoint_free(endpoint);
    sentinel_world_fini(&world);
    ev_loop_destroy(loop);
}

static void begin(enum config_address_type type, const char *text)
{
    snprintf(host, sizeof(host), "%s", text);
    address.address = (struct config_address){
        .type = type, .host = host, .port = type == CONFIG_ADDRESS_TCP ? PORT : 0};
    endpoint = endpoint_new(loop, &address);
    ck_assert_ptr_nonnull(endpoint);
}

static void keep_cb(void *context, const char *to, uint16_t port, const char *why)
{
    ck_assert_ptr_eq(context, &told);
    told.count++;
    told.port = port;
    snprintf(told.host, sizeof(told.host), "%s", to ? to : "");
    snprintf(told.why, sizeof(told.why), "%s", to ? "" : why);
}

static void ask(void)
{
    int before = told.count;

    ck_assert_int_eq(endpoint_next(endpoint, keep_cb, &told), ERR_OK);
    ck_assert_int_eq(told.count, before);
}

static void expect(const char *to)
{
    int before = told.count;

    ask();
    WORLD_UNTIL(&world, told.count > before);
    ck_assert_int_eq(told.count, before + 1);
    ck_assert_str_eq(told.host, to);
}

static const struct {
    enum config_address_type type;
    const char *host;
    uint16_t port;
    const char *label;
} known[] = {
    {CONFIG_ADDRESS_TCP, "127.0.0.1", PORT, "127.0.0.1:6390"},
    {CONFIG_ADDRESS_TCP, "::1", PORT, "::1:6390"},
    {CONFIG_ADDRESS_UNIX, "/run/redis.sock", 0, "/run/redis.sock"},
};

START_TEST(what_needs_no_look_up_is_the_same_each_time)
{
    begin(known[_i].type, known[_i].host);
    for (int i = 0; i < 3; i++) {
        expect(known[_i].host);
        ck_assert_uint_eq(told.port, known[_i].port);
    }
    ck_assert_str_eq(endpoint_label(endpoint), known[_i].label);
    ck_assert_int_eq(fake_resolver_begun(), 0);
}
END_TEST

static const char *const two[] = {"10.0.0.1", "::2"};
static const char *const other[] = {"10.0.0.9"};

START_TEST(a_name_s_addresses_come_in_turn_then_it_is_looked_up_anew)
{
    fake_resolver_set(two, 2);
    begin(CONFIG_ADDRESS_TCP, "store.example");
    expect("10.0.0.1");
    fake_resolver_set(other, 1);
    expect("::2");
    ck_assert_int_eq(fake_resolver_begun(), 1);
    expect("10.0.0.9");
    ck_assert_uint_eq(told.port, PORT);
    ck_assert_int_eq(fake_resolver_begun(), 2);
    ck_assert_str_eq(endpoint_label(endpoint), "store.example:6390");
}
END_TEST

START_TEST(a_name_without_an_address_is_said_to_have_none)
{
    fake_resolver_set(NULL, 0);
    begin(CONFIG_ADDRESS_TCP, "store.example");
    expect("");
    ck_assert_str_eq(told.why, "the name has no address");
    fake_resolver_set(two, 2);
    expect("10.0.0.1");
}
END_TEST

START_TEST(cancelled_it_tells_nobody_and_may_be_asked_again)
{
    fake_resolver_set(two, 2);
    begin(CONFIG_ADDRESS_TCP, _i == 0 ? "127.0.0.1" : "store.example");
    endpoint_cancel(endpoint);
    ask();
    endpoint_cancel(endpoint);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(told.count, 0);
    expect(_i == 0 ? "127.0.0.1" : "10.0.0.1");
}
END_TEST

START_TEST(freed_it_tells_nobody)
{
    fake_resolver_set(two, 2);
    begin(CONFIG_ADDRESS_TCP, _i == 0 ? "127.0.0.1" : "store.example");
    ask();
    endpoint_free(endpoint);
    endpoint = NULL;
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(told.count, 0);
}
END_TEST

START_TEST(out_of_memory_it_says_so_and_may_be_asked_again)
{
    fake_resolver_set(two, 2);
    begin(CONFIG_ADDRESS_TCP, "store.example");
    failing_alloc_start(1);
    enum err e = endpoint_next(endpoint, keep_cb, &told);
    ck_assert(failing_alloc_stop());
    ck_assert_int_eq(e, ERR_MEMORY);
    expect("10.0.0.1");
    ck_assert_int_eq(told.count, 1);
}
END_TEST

static void begin_with_sentinels(size_t count)
{
    sentinel_world_init(&world, loop, count);
    address.sentinel = &world.settings;
    endpoint = endpoint_new(loop, &address);
    ck_assert_ptr_nonnull(endpoint);
}

START_TEST(sentinels_are_asked_each_time)
{
    begin_with_sentinels(2);
    ck_assert_str_eq(endpoint_label(endpoint), "reeve");
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    ck_assert_uint_eq(told.port, 6379);
    ck_assert_str_eq(endpoint_label(endpoint), "reeve at 10.0.0.1:6379");
    expect("10.0.0.1");
    sentinel_world_name_all(&world, "10.0.0.1", 6380);
    expect("10.0.0.1");
    ck_assert_uint_eq(told.port, 6380);
    sentinel_world_name_all(&world, "::2", 6380);
    expect("::2");
    ck_assert_str_eq(endpoint_label(endpoint), "reeve at ::2:6380");
    ck_assert_uint_eq(sentinel_world_asked_all(&world), 4);
}
END_TEST

START_TEST(what_sentinels_lack_is_said)
{
    begin_with_sentinels(1);
    world.items[0].answer = STR("*-1\r\n");
    expect("");
    ck_assert_ptr_nonnull(strstr(told.why, "it knows no primary of that name"));
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
}
END_TEST

START_TEST(a_name_that_sentinels_announce_is_looked_up)
{
    fake_resolver_set(two, 2);
    begin_with_sentinels(1);
    sentinel_world_name_all(&world, "redis-1.example", 6379);
    expect("10.0.0.1");
    expect("::2");
    ck_assert_int_eq(fake_resolver_begun(), 1);
    fake_resolver_set(other, 1);
    sentinel_world_name_all(&world, "redis-2.example", 6379);
    expect("10.0.0.9");
    fake_resolver_set(NULL, 0);
    expect("");
    ck_assert_str_eq(told.why, "the name has no address");
}
END_TEST

START_TEST(a_look_up_that_nobody_waits_for_is_not_made_twice)
{
    fake_resolver_set(two, 2);
    begin_with_sentinels(1);
    sentinel_world_name_all(&world, "redis-1.example", 6379);
    fake_resolver_hold();
    ask();
    while (fake_resolver_begun() == 0) {
        ev_run(loop, EVRUN_NOWAIT);
    }
    endpoint_cancel(endpoint);
    fake_resolver_release();
    expect("10.0.0.1");
    ck_assert_int_eq(fake_resolver_begun(), 1);
}
END_TEST

static void count_cb(void *context)
{
    ck_assert_ptr_eq(context, &moved_count);
    moved_count++;
}

static void watch(void)
{
    endpoint_watch(endpoint, count_cb, &moved_count);
}

static void wait_until_asked(size_t count)
{
    WORLD_UNTIL(&world, sentinel_world_asked_all(&world) >= count);
}

START_TEST(an_address_that_stays_moves_nobody)
{
    begin_with_sentinels(3);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    int64_t before_us = clock_read().mono_us;
    watch();
    wait_until_asked(4);
    ck_assert_int_ge(clock_read().mono_us - before_us, 2900000);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_ge(sentinel_world_asked(&world, i), 1);
    }
    ck_assert_int_eq(moved_count, 0);
}
END_TEST

START_TEST(two_answers_in_a_row_move)
{
    begin_with_sentinels(3);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    watch();
    sentinel_world_name_all(&world, "10.0.0.2", 6379);
    int64_t before_us = clock_read().mono_us;
    WORLD_UNTIL(&world, moved_count > 0);
    ck_assert_int_lt(clock_read().mono_us - before_us, 2000000);
    size_t asked = sentinel_world_asked_all(&world);
    ck_assert_uint_eq(asked, 3);
    expect("10.0.0.2");
    ck_assert_uint_eq(sentinel_world_asked_all(&world), asked);
    /* Asked anew after that. */
    sentinel_world_name_all(&world, "10.0.0.3", 6379);
    expect("10.0.0.3");
    ck_assert_int_eq(moved_count, 1);
}
END_TEST

/* It was cut off from the others, with the old primary. */
START_TEST(one_sentinel_alone_moves_nobody)
{
    begin_with_sentinels(2);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    sentinel_world_name(&world, 1, "10.0.0.2", 6379);
    watch();
    wait_until_asked(5);
    ck_assert_int_eq(moved_count, 0);
    /* But one that is wrong about the present one holds back nobody. */
    sentinel_world_name(&world, 0, "10.0.0.2", 6379);
    WORLD_UNTIL(&world, moved_count > 0);
    expect("10.0.0.2");
}
END_TEST

START_TEST(two_answers_that_disagree_move_nobody)
{
    begin_with_sentinels(2);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    sentinel_world_name(&world, 0, "10.0.0.2", 6379);
    sentinel_world_name(&world, 1, "10.0.0.3", 6379);
    watch();
    wait_until_asked(5);
    ck_assert_int_eq(moved_count, 0);
}
END_TEST

START_TEST(sentinels_that_do_not_answer_move_nobody)
{
    begin_with_sentinels(1);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    sentinel_world_name_all(&world, "10.0.0.2", 6379);
    watch();
    wait_until_asked(2);
    world.items[0].answer = STR("*-1\r\n");
    wait_until_asked(4);
    ck_assert_int_eq(moved_count, 0);
}
END_TEST

START_TEST(a_watch_that_is_cancelled_or_freed_asks_no_more)
{
    begin_with_sentinels(1);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    expect("10.0.0.1");
    sentinel_world_name_all(&world, "10.0.0.2", 6379);
    watch();
    if (_i % 2 == 1) {
        wait_until_asked(2);
    }
    if (_i < 2) {
        endpoint_cancel(endpoint);
    } else {
        endpoint_free(endpoint);
        endpoint = NULL;
    }
    size_t asked = sentinel_world_asked_all(&world);
    ev_sleep(1.1);
    ev_run(loop, EVRUN_NOWAIT);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_uint_eq(sentinel_world_asked_all(&world), asked);
    ck_assert_int_eq(moved_count, 0);
}
END_TEST

START_TEST(without_sentinels_a_watch_does_nothing)
{
    begin(CONFIG_ADDRESS_TCP, "127.0.0.1");
    watch();
    expect("127.0.0.1");
}
END_TEST

START_TEST(a_new_one_is_whole_or_none)
{
    bool has_failed = true;

    sentinel_world_init(&world, loop, 1);
    address.sentinel = &world.settings;
    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        struct endpoint *made = endpoint_new(loop, &address);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(made == NULL, has_failed);
        endpoint_free(made);
    }
}
END_TEST

static TCase *sentinel_tcase(void)
{
    TCase *tcase = tcase_create("sentinels");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, sentinels_are_asked_each_time);
    tcase_add_test(tcase, what_sentinels_lack_is_said);
    tcase_add_test(tcase, a_name_that_sentinels_announce_is_looked_up);
    tcase_add_test(tcase, a_look_up_that_nobody_waits_for_is_not_made_twice);
    tcase_add_test(tcase, an_address_that_stays_moves_nobody);
    tcase_add_test(tcase, two_answers_in_a_row_move);
    tcase_add_test(tcase, one_sentinel_alone_moves_nobody);
    tcase_add_test(tcase, two_answers_that_disagree_move_nobody);
    tcase_add_test(tcase, sentinels_that_do_not_answer_move_nobody);
    tcase_add_loop_test(tcase, a_watch_that_is_cancelled_or_freed_asks_no_more, 0, 4);
    tcase_add_test(tcase, a_new_one_is_whole_or_none);
    return tcase;
}

Suite *endpoint_suite(void)
{
    Suite *suite = suite_create("endpoint");
    TCase *tcase = tcase_create("endpoint");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, what_needs_no_look_up_is_the_same_each_time, 0, COUNT(known));
    tcase_add_test(tcase, a_name_s_addresses_come_in_turn_then_it_is_looked_up_anew);
    tcase_add_test(tcase, a_name_without_an_address_is_said_to_have_none);
    tcase_add_loop_test(tcase, cancelled_it_tells_nobody_and_may_be_asked_again, 0, 2);
    tcase_add_loop_test(tcase, freed_it_tells_nobody, 0, 2);
    tcase_add_test(tcase, out_of_memory_it_says_so_and_may_be_asked_again);
    tcase_add_test(tcase, without_sentinels_a_watch_does_nothing);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, sentinel_tcase());
    return suite;
}
