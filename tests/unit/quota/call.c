#include "agent/quota/call.h"

#include <stdio.h>
#include <string.h>

#include "agent/quota/quota.h"
#include "tests/support/fake_store.h"
#include "tests/unit/quota/suites.h"

#define SECOND INT64_C(1000000)

static struct fake_store *fake;
static struct lease lease;
static struct quota_settings settings;

static void setup(void)
{
    ck_assert_int_eq(quota_start(), ERR_OK);
    fake = fake_store_new();
    settings = (struct quota_settings){.holder = STR("a.0.b"), .replicas = 2};
}

static void teardown(void)
{
    store_free(&fake->store);
}

static void ignore_cb(void *context, const struct store_reply *reply)
{
    (void)context;
    (void)reply;
}

/* "script: key: arguments, replicas", as the store gets it. */
struct seen {
    struct str script;
    char text[512];
};

static void note_cb(void *context, const struct store_call *call, struct fake_store_answer *answer)
{
    struct seen *seen = context;
    int at =
        snprintf(seen->text, sizeof(seen->text), "%s %.*s", call->script->name, STR_ARG(call->key));

    (void)answer;
    seen->script = call->script->text;
    for (size_t i = 0; i < call->argument_count; i++) {
        at += snprintf(seen->text + at, sizeof(seen->text) - (size_t)at, " %.*s",
                       STR_ARG(call->arguments[i]));
    }
    snprintf(seen->text + at, sizeof(seen->text) - (size_t)at, " /%u", call->replicas);
}

static const char *sent(struct seen *seen)
{
    fake->script_cb = note_cb;
    fake->script_context = seen;
    ck_assert_int_eq(call_send(&fake->store, STR("k"), &settings, &lease, ignore_cb, NULL), ERR_OK);
    fake_store_step(fake);
    return seen->text;
}

static void begin(enum limit_kind kind)
{
    const struct terms terms = {.kind = kind, .units = 70, .period_us = 60 * SECOND, .burst = 80};

    lease_init(&lease, &terms);
    lease.window = (struct window){111, 222};
    lease.last = 5;
    lease.last_us = 1;
    lease.seen_used = 33;
    lease.seen_us = 44;
    lease.to_return = 6;
    lease.owed = 7;
}

/* In the order of lua/window.lua, lua/bucket.lua and their parts. */
START_TEST(arguments_are_in_the_scripts_order)
{
    const struct now now = {.mono_us = 2};
    struct seen seen;

    begin(LIMIT_QUOTA);
    lease_begin_take(&lease, 9, 12, 3, now);
    ck_assert_str_eq(sent(&seen), "window_take k a.0.b 9 5 111 222 70 33 12 3 44 /2");
    lease_begin_adjust(&lease, 10, now);
    ck_assert_str_eq(sent(&seen), "window_adjust k a.0.b 10 5 111 222 70 33 6 7 44 /0");
    begin(LIMIT_RATE);
    lease_begin_take(&lease, 9, 12, 3, now);
    ck_assert_str_eq(sent(&seen), "bucket_take k a.0.b 9 5 70 60000000 80 33 44 12 3 12 /2");
    lease_begin_adjust(&lease, 10, now);
    ck_assert_str_eq(sent(&seen), "bucket_adjust k a.0.b 10 5 70 60000000 80 33 44 7 /0");
}
END_TEST

START_TEST(a_rehearsal_claims_no_earlier_call_and_is_another_script)
{
    const struct now now = {.mono_us = 2};
    struct seen real, rehearsed;

    begin(_i == 0 ? LIMIT_QUOTA : LIMIT_RATE);
    lease_begin_take(&lease, 9, 12, 3, now);
    sent(&real);
    settings.rehearses = true;
    ck_assert_ptr_nonnull(strstr(sent(&rehearsed), "_take k a.0.b 9 0 "));
    ck_assert_uint_gt(rehearsed.script.len, real.script.len);
    ck_assert_str_eq(rehearsed.script.ptr + (rehearsed.script.len - real.script.len),
                     real.script.ptr);
    ck_assert_ptr_nonnull(strstr(rehearsed.script.ptr, "local redis = {"));
}
END_TEST

START_TEST(the_same_call_is_sent_the_same_whatever_changed_since)
{
    const struct now now = {.mono_us = 2};
    struct seen first, second;

    begin(_i == 0 ? LIMIT_QUOTA : LIMIT_RATE);
    lease_begin_adjust(&lease, 9, now);
    sent(&first);
    struct terms terms = lease.terms;
    terms.units = 1;
    terms.burst = 2;
    terms.period_us = 3;
    lease_change_terms(&lease, &terms);
    lease_enter(&lease, &(struct window){222, 333});
    lease.seen_used = lease.last = lease.to_return = lease.owed = 99;
    lease.seen_us = 98;
    ck_assert_str_eq(sent(&second), first.text);
}
END_TEST

static const char *const hostile[][2 * 9] = {
    {NULL},
    {"state", "ok"},
    {"seq", "7", "state", "ok", "granted", "1", "used", "1", "holders", "1", "now", "1"},
    {"state", "OK", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1"},
    {"state", "", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1"},
    {"State", "ok", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "8", "granted", "1", "used", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "7", "granted", "-1", "used", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "7", "granted", "", "used", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "7", "granted", "1e3", "used", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "7", "granted", "9007199254740993", "used", "1", "holders", "1", "now",
     "1"},
    {"state", "ok", "seq", "7", "granted", "18446744073709551617", "used", "1", "holders", "1",
     "now", "1"},
    {"state", "ok", "seq", "7", "used", "1", "granted", "1", "holders", "1", "now", "1"},
    {"state", "ok", "seq", "7", "granted", "1", "used", "1", "holders", "1"},
    {"state", "ok", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1", "life",
     "1"},
    {"state", "ok", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1", "life",
     "1", "wait", "x"},
    {"state", "ok", "seq", "7", "granted", "1", "used", "1", "holders", "1", "now", "1", "life",
     "1", "wait", "1", "more", "1"},
};

static size_t fill(const char *const *texts, struct store_field fields[9])
{
    size_t count = 0;

    for (; count < 9 && texts[2 * count]; count++) {
        fields[count] =
            (struct store_field){str_from_c(texts[2 * count]), str_from_c(texts[2 * count + 1])};
    }
    return count;
}

START_TEST(a_hostile_reply_is_no_answer)
{
    struct lease_answer out = {.granted = 4711}, before = out;
    struct store_field fields[9];
    struct store_reply reply = {.fields = fields};

    reply.field_count = fill(hostile[_i], fields);
    ck_assert(!call_read_answer(&reply, 7, &out));
    ck_assert_mem_eq(&out, &before, sizeof(out));
}
END_TEST

static const char *const states[] = {"ok", "window", "stale", "bad"};

START_TEST(an_answer_is_read_whole)
{
    const char *texts[] = {
        "state", states[_i % 4], "seq", "7",    "granted", "2",    "used", "3",  "holders",
        "4",     "now",          "5",   "life", "6",       "wait", "7",    NULL, NULL};
    struct store_field fields[9];
    struct store_reply reply = {.fields = fields};
    struct lease_answer out;

    fill(texts, fields);
    reply.field_count = _i < 4 ? 6 : 8;
    ck_assert(call_read_answer(&reply, 7, &out));
    ck_assert_int_eq((int)out.state, _i % 4);
    ck_assert_uint_eq(out.sequence, 7);
    ck_assert_uint_eq(out.granted, 2);
    ck_assert_uint_eq(out.used, 3);
    ck_assert_uint_eq(out.holders, 4);
    ck_assert_int_eq(out.now_us, 5);
    ck_assert_int_eq(out.life_us, _i < 4 ? 0 : 6);
    ck_assert_int_eq(out.wait_us, _i < 4 ? 0 : 7);
}
END_TEST

Suite *call_suite(void)
{
    Suite *suite = suite_create("call");
    TCase *tests = tcase_create("call");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, arguments_are_in_the_scripts_order);
    tcase_add_loop_test(tests, a_rehearsal_claims_no_earlier_call_and_is_another_script, 0, 2);
    tcase_add_loop_test(tests, the_same_call_is_sent_the_same_whatever_changed_since, 0, 2);
    tcase_add_loop_test(tests, a_hostile_reply_is_no_answer, 0, COUNT(hostile));
    tcase_add_loop_test(tests, an_answer_is_read_whole, 0, 8);
    suite_add_tcase(suite, tests);
    return suite;
}
