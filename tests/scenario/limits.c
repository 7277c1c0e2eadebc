/* Limits, through the whole agent: which apply, what is told, what is given back, and that nothing
 * remembered outlives what it was remembered of. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/box.h"
#include "tests/support/quiet.h"

#define CONF                                                                                       \
    "gate \"*\" { accept = {apikey} }\n"                                                           \
    "gate \"watch\" { accept = {apikey} mode = \"observe\" }\n"                                    \
    "deadline = \"150ms\"\nmax_age = \"60s\"\nmax_leases = 16\ndirectory_max_records = 16\n"

static struct box box;
static struct spop_question question;

static void open_with(const char *conf)
{
    box_open(&box, conf);
    question = box_question(&box);
}

static void setup(void)
{
    open_with(CONF);
}

static void teardown(void)
{
    box_close(&box);
}

static void set(const char *key, const char *field, const char *value)
{
    fake_store_set(box.fake, key, field, value);
}

static void quota(const char *name, const char *units)
{
    char key[64];

    snprintf(key, sizeof(key), "reeve:limit:%s", name);
    set(key, "quota", units);
    set(key, "per", "day");
}

static void limit_alice(const char *limits)
{
    set("reeve:user:{alice}", "limits", limits);
}

/* Another key, of `user`, who has the role too. Gives its text. */
static const char *key_of(const char *user)
{
    static char texts[64][APIKEY_LENGTH + 1];
    static int count;
    char *text = texts[count++ % 64];
    char hash[APIKEY_HASH_TEXT_MAX], key[128];

    ck_assert_int_eq(apikey_make(text), ERR_OK);
    ck_assert_int_eq(apikey_hash_text(NULL, str_from_c(text), hash), ERR_OK);
    snprintf(key, sizeof(key), "reeve:key:%.*s", APIKEY_ID_LENGTH, text + 3);
    set(key, "user", user);
    set(key, "state", "active");
    set(key, "hash", hash);
    snprintf(key, sizeof(key), "reeve:user:{%s}", user);
    set(key, "state", "active");
    set(key, "roles", "reader");
    return text;
}

/* The records may have changed: forgets what is known of them. */
static void forget(void)
{
    directory_invalidate_all(box.directory);
}

static uint64_t ask(void)
{
    box.answers[0].length = 0;
    return box_ask_through(&box, 0, &question);
}

static void expect(const char *verdict, int status, const char *reason)
{
    box_expect(&box, 0, ask(), verdict, status, reason);
}

static int admitted(int count)
{
    int allowed = 0;

    for (int i = 0; i < count; i++) {
        allowed += strcmp(box_var(&box, 0, ask(), "verdict"), "allow") == 0;
    }
    return allowed;
}

static int64_t used(const char *subject, const char *name)
{
    char key[128];

    snprintf(key, sizeof(key), "reeve:used:{%s}:%s", subject, name);
    return fake_counter_get(&box.counters, key)->used;
}

/* Until all that is idle went back. */
static void settle(void)
{
    for (int i = 0; i < 4; i++) {
        box_advance(&box, 1000000);
        box_step(&box);
    }
}

START_TEST(a_limit_that_is_not_there_denies)
{
    limit_alice("ghost");
    uint64_t id = ask();
    box_expect(&box, 0, id, "deny", 503, "bad_record");
    ck_assert_str_eq(box_var(&box, 0, id, "limit"), "ghost");
}
END_TEST

START_TEST(a_limit_by_what_the_caller_has_not_denies)
{
    static const char *const scopes[] = {"team", "role"};

    quota("a", "10");
    set("reeve:limit:a", "scope", scopes[_i]);
    limit_alice("a");
    expect("deny", 503, "bad_record");
}
END_TEST

START_TEST(more_limits_than_there_may_be_deny)
{
    char limits[128] = "";

    for (int i = 0; i < 17; i++) {
        snprintf(limits + strlen(limits), sizeof(limits) - strlen(limits), "%sl%d", i ? "," : "",
                 i);
    }
    limit_alice(limits);
    expect("deny", 503, "bad_record");
}
END_TEST

START_TEST(a_cost_above_the_limit_denies)
{
    quota("a", "4");
    set("reeve:role:reader", "rule:10", "allow GET * /v1/orders/** cost=5 limit=a");
    expect("deny", 403, "cost");
}
END_TEST

START_TEST(a_limit_is_counted_by_cost)
{
    quota("a", "10");
    set("reeve:role:reader", "rule:10", "allow GET * /v1/orders/** cost=3 limit=a");
    ck_assert_int_eq(admitted(5), 3);
    settle();
    ck_assert_int_eq(used("user:alice", "a"), 9);
}
END_TEST

START_TEST(what_one_limit_refuses_costs_no_other_anything)
{
    quota("a", "5");
    quota("b", "2");
    limit_alice("a,b");
    ck_assert_int_eq(admitted(6), 2);
    uint64_t id = ask();
    box_expect(&box, 0, id, "throttle", 429, "quota");
    ck_assert_str_eq(box_var(&box, 0, id, "limit"), "b");
    settle();
    ck_assert_int_eq(used("user:alice", "a"), 2);
    ck_assert_int_eq(used("user:alice", "b"), 2);
}
END_TEST

START_TEST(an_exact_limit_is_asked_last)
{
    set("reeve:limit:exact", "rate", "10/s");
    set("reeve:limit:exact", "burst", "1");
    quota("b", "1");
    limit_alice("exact,b");
    ck_assert_int_eq(admitted(1), 1);
    struct fake_counter *bucket =
        fake_counter_get(&box.counters, "reeve:bucket:{user:alice}:exact");
    ck_assert_int_eq(bucket->debt, 1);
    box_advance(&box, 5000000);
    expect("throttle", 429, "quota");
    ck_assert_int_eq(bucket->at, box.counters.now_us - 5000000);
}
END_TEST

START_TEST(a_user_lifts_what_a_role_limits)
{
    quota("a", "1");
    set("reeve:role:reader", "limits", "a");
    ck_assert_int_eq(admitted(3), 1);
    limit_alice("!a");
    forget();
    ck_assert_int_eq(admitted(3), 3);
    set("reeve:user:{alice}", "team", "pay");
    set("reeve:team:pay", "state", "active");
    set("reeve:team:pay", "limits", "a");
    forget();
    ck_assert_int_eq(admitted(3), 0);
}
END_TEST

static const struct {
    const char *scope;
    const char *subject;
} scopes[] = {
    {"user", "user:alice"},   {"team", "team:pay"},           {"role", "role:reader"},
    {"global", "global:all"}, {"source", "source:192.0.2.7"},
};

/* Both roles allow, so each one's pool pays; counted by user it is one limit, paid once. */
START_TEST(a_limit_of_two_roles_is_counted_for_each_where_it_counts_roles)
{
    quota("a", "10");
    set("reeve:limit:a", "scope", _i == 0 ? "role" : "user");
    set("reeve:user:{alice}", "roles", "reader,other");
    set("reeve:role:reader", "limits", "a");
    set("reeve:role:other", "limits", "a");
    set("reeve:role:other", "rule:1", "allow GET * /v1/**");
    ck_assert_int_eq(admitted(3), 3);
    settle();
    ck_assert_int_eq(used(_i == 0 ? "role:reader" : "user:alice", "a"), 3);
    if (_i == 0) {
        ck_assert_int_eq(used("role:other", "a"), 3);
    }
}
END_TEST

START_TEST(a_limit_is_counted_by_its_scope)
{
    quota("a", "3");
    set("reeve:limit:a", "scope", scopes[_i].scope);
    set("reeve:role:reader", "limits", "a");
    set("reeve:user:{alice}", "team", "pay");
    ck_assert_int_eq(admitted(5), 3);
    ck_assert_int_eq(used(scopes[_i].subject, "a"), 3);
}
END_TEST

START_TEST(a_shadow_limit_only_tells)
{
    quota("a", "1");
    set("reeve:limit:a", "mode", "shadow");
    limit_alice("a");
    ck_assert_int_eq(admitted(1), 1);
    uint64_t id = ask();
    box_expect(&box, 0, id, "allow", 200, "ok");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "throttle:quota:a");
    ck_assert_str_eq(box_var(&box, 0, id, "ratelimit"), "");
    ck_assert_str_eq(box_var(&box, 0, id, "limit"), "");
}
END_TEST

START_TEST(a_shadow_role_never_refuses_by_its_limits)
{
    set("reeve:user:{alice}", "roles", "reader,next");
    set("reeve:role:next", "mode", "shadow");
    set("reeve:role:next", "rule:1", "allow GET * /v1/orders/**");
    set("reeve:role:next", "limits", "a");
    if (_i == 0) {
        quota("a", "0");
    } else if (_i == 1) {
        quota("a", "1");
        set("reeve:limit:a", "scope", "team");
    }
    uint64_t id = ask();
    box_expect(&box, 0, id, "allow", 200, "ok");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), _i == 0 ? "deny:cost:a" : "deny:bad_record:a");
}
END_TEST

START_TEST(a_limit_that_a_role_enforces_too_is_enforced)
{
    set("reeve:user:{alice}", "roles", "next,reader");
    set("reeve:role:next", "mode", "shadow");
    set("reeve:role:next", "rule:1", "allow GET * /v1/orders/**");
    set("reeve:role:next", "limits", "a");
    set("reeve:role:reader", "limits", "a");
    quota("a", "1");
    ck_assert_int_eq(admitted(3), 1);
}
END_TEST

START_TEST(a_gate_that_observes_says_what_it_would_have_done)
{
    quota("a", "1");
    limit_alice("a");
    question.frontend = "watch";
    ck_assert_int_eq(admitted(1), 1);
    uint64_t id = ask();
    ck_assert_str_eq(box_var(&box, 0, id, "verdict"), "allow");
    ck_assert_int_eq(box_number(&box, 0, id, "status"), 200);
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "throttle:quota:reader/10");
    ck_assert_int_eq(box_number(&box, 0, id, "retry_after"), 0);
}
END_TEST

START_TEST(a_throttled_caller_is_told_all_it_needs)
{
    set("reeve:limit:a", "rate", "10/min");
    set("reeve:limit:a", "burst", "2");
    quota("b", "1000");
    limit_alice("a,b");
    ck_assert_int_eq(admitted(2), 2);
    uint64_t id = ask();
    box_expect(&box, 0, id, "throttle", 429, "rate");
    ck_assert_str_eq(box_var(&box, 0, id, "limit"), "a");
    ck_assert_ptr_nonnull(strstr(box_var(&box, 0, id, "ratelimit"), "\"a\";r=0;t=6"));
    ck_assert_ptr_nonnull(strstr(box_var(&box, 0, id, "ratelimit_policy"), "\"a\";q=2;w=12"));
    ck_assert_ptr_nonnull(strstr(box_var(&box, 0, id, "ratelimit_policy"), "\"b\";q=1000;w=86400"));
    int64_t wait_s = box_number(&box, 0, id, "retry_after");
    ck_assert_int_ge(wait_s, 6);
    ck_assert_int_le(wait_s, 8);
    box_advance(&box, wait_s * 1000000);
    expect("allow", 200, "ok");
}
END_TEST

START_TEST(a_refusal_tells_nothing_of_limits_that_were_not_looked_at)
{
    quota("a", "1");
    quota("b", "1000");
    limit_alice("a,b");
    expect("allow", 200, "ok"); /* both are remembered now */
    for (int i = 0; i < 3; i++) {
        uint64_t id = ask();
        box_expect(&box, 0, id, "throttle", 429, "quota");
        ck_assert_ptr_null(strstr(box_var(&box, 0, id, "ratelimit"), "\"b\""));
        ck_assert_ptr_null(strstr(box_var(&box, 0, id, "ratelimit_policy"), "\"b\""));
    }
}
END_TEST

START_TEST(what_is_told_to_be_left_is_there)
{
    quota("a", "100");
    limit_alice("a");
    for (int i = 0; i < 50; i++) {
        const char *text = box_var(&box, 0, ask(), "ratelimit");
        int left, wait;
        ck_assert_int_eq(sscanf(text, "\"a\";r=%d;t=%d", &left, &wait), 2);
        ck_assert_int_le(left, 100 - i - 1);
        ck_assert_int_eq(wait, 1);
    }
}
END_TEST

START_TEST(what_can_not_be_recorded_costs_nothing)
{
    int saved = silence_log();

    box_close(&box);
    open_with(CONF "spool_size = \"64KiB\"");
    quota("a", "100000");
    limit_alice("a");
    int allowed = admitted(2000);
    restore_log(saved);
    ck_assert_int_lt(allowed, 1999);
    expect("deny", 503, "audit_blocked");
    settle();
    ck_assert_int_eq(used("user:alice", "a"), allowed);
}
END_TEST

START_TEST(a_reply_that_does_not_fit_costs_nothing)
{
    char path[401] = "/v1/orders/";

    memset(path + strlen(path), 'a', sizeof(path) - 1 - strlen(path));
    quota("a", "10");
    limit_alice("a");
    expect("allow", 200, "ok");
    settle();
    question.path = path;
    box.answers[0].length = 0;
    uint64_t id = box_ask(&box, 0, &question);
    box_advance(&box, 0);
    box.peers[0].session.max_frame_size = 400;
    box_step(&box);
    box_expect(&box, 0, id, "deny", 400, "bad_request");
    settle();
    ck_assert_int_eq(used("user:alice", "a"), 1);
}
END_TEST

START_TEST(who_waits_longer_than_the_deadline_takes_nothing)
{
    quota("a", "10");
    limit_alice("a");
    expect("allow", 200, "ok");
    settle();
    fake_store_set_mode(box.fake, FAKE_STORE_HANG);
    box.answers[0].length = 0;
    uint64_t id = box_ask(&box, 0, &question);
    box_advance(&box, 149999);
    fake_store_execute(box.fake);
    box_advance(&box, 1);
    box_expect(&box, 0, id, "deny", 503, "deadline");
    fake_store_set_mode(box.fake, FAKE_STORE_UP);
    box_step(&box);
    settle();
    ck_assert_int_eq(used("user:alice", "a"), 1);
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(many_that_wait_for_a_lease_cost_one_call)
{
    uint64_t ids[20];

    quota("a", "1000");
    limit_alice("a");
    expect("allow", 200, "ok");
    settle();
    int takes = box.counters.takes;
    box.answers[0].length = 0;
    for (int i = 0; i < 20; i++) {
        ids[i] = box_ask(&box, 0, &question);
    }
    box_advance(&box, 0);
    box_step(&box);
    ck_assert_int_eq(box.counters.takes, takes + 1);
    for (int i = 0; i < 20; i++) {
        box_expect(&box, 0, ids[i], "allow", 200, "ok");
    }
}
END_TEST

START_TEST(a_store_that_is_away_leaves_what_is_leased)
{
    quota("a", "1000");
    limit_alice("a");
    expect("allow", 200, "ok");
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    ck_assert_int_eq(admitted(100), 1000 / 64 - 1);
    expect("deny", 503, "store_down");
}
END_TEST

/* --- what is remembered --- */

START_TEST(a_changed_limit_counts_when_it_is_seen)
{
    quota("a", "5");
    limit_alice("a");
    ck_assert_int_eq(admitted(7), 5);
    quota("a", "8");
    ck_assert_int_eq(admitted(2), 0);
    forget();
    ck_assert_int_eq(admitted(7), 3);
    set("reeve:limit:a", "scope", "global");
    forget();
    ck_assert_int_eq(admitted(10), 8);
    ck_assert_int_eq(used("global:all", "a"), 8);
}
END_TEST

START_TEST(two_keys_of_a_user_share_or_do_not)
{
    const char *keys[] = {box.key, key_of("alice")};

    quota("a", "4");
    set("reeve:limit:a", "scope", _i == 0 ? "key" : "user");
    limit_alice("a");
    int count = 0;
    for (int i = 0; i < 12; i++) {
        question.apikey = keys[i % 2];
        count += admitted(1);
    }
    ck_assert_int_eq(count, _i == 0 ? 8 : 4);
}
END_TEST

/* Records of other users push alice's out and come to lie where hers were; leases too. Each has
 * its own limit all the same. */
START_TEST(nothing_remembered_outlives_its_records_and_leases)
{
    const char *keys[40];
    int counts[40] = {0};
    char user[16], key[64];

    quota("a", "3");
    quota("b", "1000000");
    set("reeve:limit:b", "scope", "global");
    for (int i = 0; i < 40; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        keys[i] = key_of(user);
        snprintf(key, sizeof(key), "reeve:user:{%s}", user);
        set(key, "limits", i % 2 ? "a,b" : "b,a");
    }
    for (unsigned round = 0; round < 400; round++) {
        unsigned i = round * 7919u % 40;
        question.apikey = keys[i];
        counts[i] += admitted(1);
        if (round % 5 == 0) {
            settle();
        }
    }
    for (int i = 0; i < 40; i++) {
        ck_assert_int_eq(counts[i], 3);
    }
    ck_assert_uint_gt(quota_generation(box.quota), 20);
}
END_TEST

static const char *source_text(int i)
{
    static char text[32];

    snprintf(text, sizeof(text), "198.51.100.%d", i);
    return text;
}

/* The lease of a limit is remembered, and the only one that can go; then the look-up of another limit
 * of the same request needs room. */
START_TEST(a_remembered_lease_is_not_dropped_by_the_next_look_up)
{
    quota("a", "1");
    quota("b", "1000");
    set("reeve:limit:b", "scope", "source");
    set("reeve:limit:b", "on_store_down", "allow"); /* so that a new lease need not wait */
    limit_alice("b,a");
    expect("allow", 200, "ok");
    settle();
    for (int i = 0; i < 15; i++) { /* each holds units; the last takes the first one's place */
        question.source = source_text(i);
        box_advance(&box, 1);
        expect("throttle", 429, "quota");
    }
    question.source = source_text(14);
    box_advance(&box, 1);
    expect("throttle", 429, "quota"); /* remembers the lease of "a" */
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    question.source = source_text(15);
    box_advance(&box, 1);
    expect("deny", 503, "overload");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tcase = tcase_create("limits");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_limit_that_is_not_there_denies);
    tcase_add_loop_test(tcase, a_limit_by_what_the_caller_has_not_denies, 0, 2);
    tcase_add_test(tcase, more_limits_than_there_may_be_deny);
    tcase_add_test(tcase, a_cost_above_the_limit_denies);
    tcase_add_test(tcase, a_limit_is_counted_by_cost);
    tcase_add_test(tcase, what_one_limit_refuses_costs_no_other_anything);
    tcase_add_test(tcase, an_exact_limit_is_asked_last);
    tcase_add_test(tcase, a_user_lifts_what_a_role_limits);
    tcase_add_loop_test(tcase, a_limit_of_two_roles_is_counted_for_each_where_it_counts_roles, 0,
                        2);
    tcase_add_loop_test(tcase, a_limit_is_counted_by_its_scope, 0, 5);
    tcase_add_test(tcase, a_shadow_limit_only_tells);
    tcase_add_loop_test(tcase, a_shadow_role_never_refuses_by_its_limits, 0, 3);
    tcase_add_test(tcase, a_limit_that_a_role_enforces_too_is_enforced);
    tcase_add_test(tcase, a_gate_that_observes_says_what_it_would_have_done);
    tcase_add_test(tcase, a_throttled_caller_is_told_all_it_needs);
    tcase_add_test(tcase, a_refusal_tells_nothing_of_limits_that_were_not_looked_at);
    tcase_add_test(tcase, what_is_told_to_be_left_is_there);
    tcase_add_test(tcase, what_can_not_be_recorded_costs_nothing);
    tcase_add_test(tcase, a_reply_that_does_not_fit_costs_nothing);
    tcase_add_test(tcase, who_waits_longer_than_the_deadline_takes_nothing);
    tcase_add_test(tcase, many_that_wait_for_a_lease_cost_one_call);
    tcase_add_test(tcase, a_store_that_is_away_leaves_what_is_leased);
    tcase_add_test(tcase, a_changed_limit_counts_when_it_is_seen);
    tcase_add_loop_test(tcase, two_keys_of_a_user_share_or_do_not, 0, 2);
    tcase_add_test(tcase, nothing_remembered_outlives_its_records_and_leases);
    tcase_add_test(tcase, a_remembered_lease_is_not_dropped_by_the_next_look_up);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
