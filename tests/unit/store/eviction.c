/* A server that drops keys is warned of, once for each connection. */
#include "agent/store/eviction.h"

#include "agent/base/log.h"
#include "tests/support/fake_store.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

static struct fake_store *fake;
static struct eviction *eviction;
static const char *policy;

static void answer(void *context, const struct store_call *call, struct fake_store_answer *reply)
{
    (void)context;
    ck_assert(str_equal(call->key, STR("reeve:agents")));
    fake_store_answer_add(reply, "policy", policy);
}

static void start(void)
{
    fake = fake_store_new();
    fake->script_cb = answer;
    log_set_level(LOG_WARNING);
    ck_assert_int_eq(eviction_start(), ERR_OK);
    eviction = eviction_new(&fake->store, STR("reeve:"));
    ck_assert_ptr_nonnull(eviction);
}

static void stop(void)
{
    eviction_free(eviction);
    store_free(&fake->store);
}

static const char *log_of_a_turn(void)
{
    world_log_start();
    eviction_tick(eviction);
    fake_store_step(fake);
    return world_log_end();
}

static const struct {
    const char *policy;
    bool is_warned_of;
} policies[] = {
    {"noeviction", false},  {"", false},
    {"allkeys-lru", true},  {"allkeys-lfu", true},
    {"volatile-ttl", true}, {"volatile-random", true},
};

START_TEST(warns_of_a_server_that_drops_keys)
{
    policy = policies[_i].policy;
    const char *line = log_of_a_turn();
    ck_assert_int_eq(strstr(line, "maxmemory-policy is") != NULL, policies[_i].is_warned_of);
    ck_assert_int_eq(strstr(line, policy) != NULL, policies[_i].is_warned_of || policy[0] == '\0');
}
END_TEST

START_TEST(asks_each_server_once)
{
    policy = "allkeys-lru";
    ck_assert_str_ne(log_of_a_turn(), "");
    ck_assert_str_eq(log_of_a_turn(), "");
    fake_store_drop(fake);
    ck_assert_str_ne(log_of_a_turn(), "");
}
END_TEST

START_TEST(a_server_that_does_not_say_is_let_be)
{
    policy = "allkeys-lru";
    eviction_tick(eviction);
    world_log_start();
    fake_store_drop(fake);
    ck_assert_str_eq(world_log_end(), "");
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    ck_assert_str_eq(log_of_a_turn(), "");
}
END_TEST

START_TEST(goes_before_the_answer_comes)
{
    policy = "allkeys-lru";
    eviction_tick(eviction);
    eviction_free(eviction);
    eviction = NULL;
    world_log_start();
    ck_assert_uint_eq(fake_store_step(fake), 1);
    ck_assert_str_eq(world_log_end(), "");
}
END_TEST

Suite *eviction_suite(void)
{
    Suite *suite = suite_create("eviction");
    TCase *tcase = tcase_create("eviction");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, warns_of_a_server_that_drops_keys, 0, COUNT(policies));
    tcase_add_test(tcase, asks_each_server_once);
    tcase_add_test(tcase, a_server_that_does_not_say_is_let_be);
    tcase_add_test(tcase, goes_before_the_answer_comes);
    suite_add_tcase(suite, tcase);
    return suite;
}
