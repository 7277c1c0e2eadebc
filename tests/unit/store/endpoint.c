/* Where the store is, told one address after the other. */
#include "agent/store/endpoint.h"

#include <ev.h>
#include <stdio.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/store/fake_resolver.h"
#include "tests/unit/store/suites.h"

#define PORT 6390

static struct ev_loop *loop;
static char host[64];
static struct config_store address;
static struct endpoint *endpoint;

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
}

static void stop(void)
{
    endpoint_free(endpoint);
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
    while (told.count == before) {
        ev_run(loop, EVRUN_ONCE);
    }
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
    suite_add_tcase(suite, tcase);
    return suite;
}
