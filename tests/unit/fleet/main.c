/* Heartbeats, acknowledgements and leaving, on a fake store and virtual time; and what a fence is. */
#include "agent/fleet/fleet.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/fake_store.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define MS           INT64_C(1000)
#define SECOND       (1000 * MS)
#define FENCE        "0123456789abcdef"

static struct fake_store *fake;
static struct fleet *fleet;
static struct now now;
static char ran[65536]; /* "<script> <key> <argument>...\n" of every script that ran */
static const char *other;

static void run_script(void *context, const struct store_call *call,
                       struct fake_store_answer *answer)
{
    size_t used = strlen(ran);

    (void)context;
    used += (size_t)snprintf(ran + used, sizeof(ran) - used, "%s %.*s", call->script->name,
                             STR_ARG(call->key));
    for (size_t i = 0; i < call->argument_count; i++) {
        used +=
            (size_t)snprintf(ran + used, sizeof(ran) - used, " %.*s", STR_ARG(call->arguments[i]));
    }
    snprintf(ran + used, sizeof(ran) - used, "\n");
    ensure(used + 1 < sizeof(ran));
    fake_store_answer_add(answer, "other", other);
}

static const char *head = "";

static const char *head_cb(void *context)
{
    (void)context;
    return head;
}

static struct fleet *new_fleet(unsigned worker)
{
    const struct fleet_settings settings = {
        .prefix = STR("p:"),
        .agent_id = STR("a1"),
        .boot = STR("beef"),
        .version = STR("1.2.3"),
        .worker = worker,
        .worker_count = 2,
        .time_to_live_us = 310 * SECOND,
        .started = {.mono_us = 5 * SECOND, .wall_us = 1700000000 * SECOND},
        .head_cb = head_cb};

    return fleet_new(&fake->store, &settings);
}

static void open_with(unsigned worker)
{
    ran[0] = '\0';
    other = "0";
    now = (struct now){.mono_us = 5 * SECOND + 250 * MS, .wall_us = 1700000009 * SECOND};
    fake = fake_store_new();
    fake->script_cb = run_script;
    fleet = new_fleet(worker);
    ensure(fleet != NULL);
}

static void setup(void)
{
    ck_assert_int_eq(fleet_start(), ERR_OK);
    open_with(0);
}

static void setup_second(void)
{
    ck_assert_int_eq(fleet_start(), ERR_OK);
    open_with(1);
}

static void teardown(void)
{
    fleet_free(fleet);
    store_free(&fake->store);
}

static void tick(void)
{
    fleet_tick(fleet, now);
}

/* A turn: what was asked is answered, and what follows is asked. */
static void turn(void)
{
    tick();
    fake_store_step(fake);
}

static void pass(int64_t us)
{
    now.mono_us += us;
    now.wall_us += us;
}

static void turns(int count)
{
    for (int i = 0; i < count; i++) {
        turn();
    }
}

static unsigned times_run(const char *line)
{
    unsigned count = 0;

    for (const char *at = ran; (at = strstr(at, line)); at += strlen(line)) {
        count++;
    }
    return count;
}

static struct fleet_counters counters(void)
{
    struct fleet_counters out;

    fleet_counters(fleet, &out);
    return out;
}

START_TEST(a_heartbeat_has_the_audits_head)
{
    head = "block 3";
    turns(3);
    ck_assert_str_eq(ran, "describe p:agent:a1 310000 beef 250 2 1.2.3 1700000000 block 3\n"
                          "join p:agents 310000 a1\n");
}
END_TEST

START_TEST(a_heartbeat_at_once_says_who_is_there)
{
    turns(3);
    ck_assert_str_eq(ran, "describe p:agent:a1 310000 beef 250 2 1.2.3 1700000000\n"
                          "join p:agents 310000 a1\n");
    ck_assert_uint_eq(counters().beats, 1);
}
END_TEST

START_TEST(a_heartbeat_each_second)
{
    for (int ms = 0; ms < 10000; ms += 100) {
        turns(2);
        pass(100 * MS);
    }
    ck_assert_uint_eq(times_run("describe "), 10);
    ck_assert_uint_eq(times_run("join "), 10);
    ck_assert_uint_eq(times_run(" beef 9250 "), 1);
}
END_TEST

START_TEST(a_store_that_comes_late_hears_of_it_at_once)
{
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    for (int i = 0; i < 5; i++) {
        tick();
        pass(SECOND / 3);
    }
    ck_assert_uint_eq(fake->request_count, 0);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns(2);
    ck_assert_uint_eq(times_run("join "), 1);
}
END_TEST

START_TEST(a_heartbeat_that_is_lost_is_followed_by_the_next)
{
    bool loses_join = _i == 1;

    if (loses_join) {
        turn();
    }
    tick();
    fake_store_drop(fake);
    tick();
    ck_assert_uint_eq(fake->pending_count, 0);
    ck_assert_uint_eq(counters().beats, 0);
    pass(SECOND);
    turns(2);
    ck_assert_uint_eq(counters().beats, 1);
}
END_TEST

START_TEST(a_store_that_takes_nothing_more_is_asked_again_soon)
{
    fake_store_set_mode(fake, FAKE_STORE_FULL);
    turn();
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turn();
    ck_assert_str_eq(ran, "");
    pass(100 * MS);
    turns(2);
    ck_assert_uint_eq(counters().beats, 1);
}
END_TEST

START_TEST(one_heartbeat_at_a_time)
{
    fake_store_set_mode(fake, FAKE_STORE_HANG);
    for (int i = 0; i < 10; i++) {
        turn();
        pass(SECOND);
    }
    ck_assert_uint_eq(fake->pending_count, 1);
}
END_TEST

START_TEST(other_workers_have_no_heartbeat)
{
    turns(3);
    pass(2 * SECOND);
    turns(3);
    ck_assert_uint_eq(fake->request_count, 0);
    ck_assert(fleet_leave(fleet, now));
    ck_assert_uint_eq(fake->request_count, 0);
}
END_TEST

START_TEST(a_fence_is_acknowledged_once)
{
    fleet_acknowledge(fleet, STR(FENCE), now);
    ck_assert_uint_eq(fake->request_count, 0);
    turn();
    ck_assert_str_eq(ran, "acknowledge p:ack:" FENCE " a1/1\n");
    ck_assert_uint_eq(counters().acknowledged, 1);
    for (int i = 0; i < 5; i++) { /* its expiry is a change as well */
        pass(15 * SECOND);
        fleet_acknowledge(fleet, STR(FENCE), now);
        turn();
    }
    ck_assert_uint_eq(fake->request_count, 1);
}
END_TEST

START_TEST(an_acknowledgement_is_sent_again_until_it_is_answered)
{
    fleet_acknowledge(fleet, STR(FENCE), now);
    for (int i = 0; i < 20; i++) {
        tick();
        ck_assert_uint_eq(fake->pending_count, 1);
        fake_store_drop(fake);
        tick();
        ck_assert_uint_eq(fake->pending_count, 0);
        pass(SECOND);
    }
    turn();
    ck_assert_uint_eq(times_run("acknowledge "), 1);
    pass(SECOND);
    turn();
    ck_assert_uint_eq(fake->request_count, 21);
}
END_TEST

START_TEST(an_acknowledgement_that_nobody_takes_is_given_up)
{
    static const enum fake_store_mode modes[] = {FAKE_STORE_DOWN, FAKE_STORE_FULL};

    fake_store_set_mode(fake, modes[_i]);
    fleet_acknowledge(fleet, STR(FENCE), now);
    for (int i = 0; i < 30; i++) {
        tick();
        pass(SECOND);
    }
    ck_assert_uint_eq(counters().dropped, 0);
    tick();
    ck_assert_uint_eq(counters().dropped, 1);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns(3);
    ck_assert_str_eq(ran, "");
}
END_TEST

static struct str fence_of(int number)
{
    static char text[17];

    snprintf(text, sizeof(text), "%016x", (unsigned)number);
    return str_from_c(text);
}

START_TEST(of_too_many_the_oldest_goes)
{
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    for (int i = 0; i < FLEET_ACKS_MAX + 10; i++) {
        fleet_acknowledge(fleet, fence_of(i), now);
    }
    tick();
    ck_assert_uint_eq(counters().dropped, 10);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    pass(SECOND);
    turn();
    ck_assert_uint_eq(times_run("acknowledge "), FLEET_ACKS_MAX);
    ck_assert_uint_eq(times_run("ack:0000000000000009 "), 0);
    ck_assert_ptr_eq(strstr(ran, "acknowledge p:ack:000000000000000a "), ran);
    ck_assert_uint_eq(times_run("ack:0000000000000109 "), 1);
    ck_assert_uint_eq(counters().acknowledged, FLEET_ACKS_MAX);
}
END_TEST

START_TEST(a_late_answer_does_not_count_for_who_has_its_place)
{
    fleet_acknowledge(fleet, fence_of(0), now);
    tick();
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    for (int i = 1; i <= FLEET_ACKS_MAX; i++) {
        fleet_acknowledge(fleet, fence_of(i), now);
    }
    ck_assert_uint_eq(counters().dropped, 1);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    fake_store_step(fake);
    ck_assert_uint_eq(counters().acknowledged, 0);
    turn();
    ck_assert_uint_eq(counters().acknowledged, FLEET_ACKS_MAX);
    ck_assert_uint_eq(times_run("ack:0000000000000100 "), 1);
}
END_TEST

START_TEST(who_leaves_goes_from_both_and_stays_away)
{
    turns(2);
    ran[0] = '\0';
    ck_assert(!fleet_leave(fleet, now));
    fake_store_drop(fake);
    ck_assert(!fleet_leave(fleet, now));
    fake_store_step(fake);
    tick();
    ck_assert(!fleet_leave(fleet, now));
    fake_store_step(fake);
    ck_assert(fleet_leave(fleet, now));
    ck_assert_str_eq(ran, "leave p:agents a1\nerase p:agent:a1 beef\n");
    pass(5 * SECOND);
    turns(3);
    ck_assert(fleet_leave(fleet, now));
    ck_assert_uint_eq(times_run("\n"), 2);
}
END_TEST

START_TEST(who_never_came_has_nothing_to_leave)
{
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    tick();
    ck_assert(fleet_leave(fleet, now));
    ck_assert_uint_eq(fake->request_count, 0);
}
END_TEST

START_TEST(a_store_that_is_away_is_not_left)
{
    turns(2);
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    for (int i = 0; i < 5; i++) {
        tick();
        ck_assert(!fleet_leave(fleet, now));
    }
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns(2);
    ck_assert(fleet_leave(fleet, now));
}
END_TEST

START_TEST(a_namesake_goes_on_counting)
{
    other = "1"; /* at first it is who had the name before, and is dead */
    turns(2);
    if (_i == 1) {
        pass(SECOND);
        turns(2);
    }
    ran[0] = '\0';
    ck_assert(!fleet_leave(fleet, now));
    fake_store_step(fake);
    turns(2);
    ck_assert(fleet_leave(fleet, now));
    ck_assert_uint_eq(times_run("leave "), _i == 1 ? 0 : 1);
    ck_assert_uint_eq(times_run("erase "), 1);
}
END_TEST

START_TEST(freed_with_calls_on_their_way)
{
    fleet_acknowledge(fleet, STR(FENCE), now);
    tick();
    ck_assert_uint_eq(fake->pending_count, 2);
    fleet_free(fleet);
    fleet = NULL;
    ck_assert_uint_eq(fake_store_step(fake), 2);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
    bool has_failed = true;

    teardown();
    for (int n = 1; has_failed; n++) {
        ck_assert_int_lt(n, 100);
        fake = fake_store_new();
        fake->script_cb = run_script;
        failing_alloc_start(n);
        fleet = new_fleet(0);
        for (int i = 0; fleet && i < 3; i++) {
            fleet_acknowledge(fleet, fence_of(i), now);
            turns(2);
            pass(SECOND);
        }
        has_failed = failing_alloc_stop();
        if (fleet) {
            turns(2);
            ck_assert_uint_eq(counters().acknowledged, 3);
            pass(SECOND);
            turns(2);
            ck_assert_uint_ge(counters().beats, 3);
            ck_assert_uint_eq(counters().dropped, 0);
        }
        teardown();
    }
    open_with(0);
}
END_TEST

#define TAG64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TAG512 TAG64 TAG64 TAG64 TAG64 TAG64 TAG64 TAG64 TAG64
#define TAG1K  TAG512 TAG512

static const struct {
    const char *key, *id; /* NULL: it is none */
} fences[] = {
    {"p:~fence:{alice}:" FENCE, FENCE},
    {"p:~fence:{p:role:reader}:" FENCE FENCE, FENCE FENCE},
    {"p:~fence:{auth0%7C1}:" FENCE FENCE FENCE FENCE, FENCE FENCE FENCE FENCE},
    {"p:~fence:{" TAG1K "}:" FENCE, FENCE},
    {"p:~fence:{" TAG1K "a}:" FENCE, NULL},
    {"p:~fence:{a}:" FENCE FENCE FENCE FENCE "0", NULL},
    {"p:~fence:{a}:0123456789abcde", NULL},
    {"p:~fence:{a}:0123456789abcdeF", NULL},
    {"p:~fence:{a}:0123456789abcdeg", NULL},
    {"p:~fence:{a}:0123456789abcdef ", NULL},
    {"p:~fence:{a}:" FENCE "}", NULL},
    {"p:~fence:{}:" FENCE, NULL},
    {"p:~fence:{a b}:" FENCE, NULL},
    {"p:~fence:{a\x7f}:" FENCE, NULL},
    {"p:~fence:{\xc3\xa9}:" FENCE, NULL},
    {"p:~fence:{{a}:" FENCE, NULL},
    {"p:~fence:{a}}:" FENCE, NULL},
    {"p:~fence:{a}" FENCE, NULL},
    {"p:~fence:{a}:", NULL},
    {"p:~fence:{a}", NULL},
    {"p:~fence:{a", NULL},
    {"p:~fence:{", NULL},
    {"p:~fence:", NULL},
    {"p:~fence:a:" FENCE, NULL},
    {"p:", NULL},
    {"", NULL},
    {"~fence:{a}:" FENCE, NULL},
    {"q:~fence:{a}:" FENCE, NULL},
    {"p:p:~fence:{a}:" FENCE, NULL},
    {"p:~fencf:{a}:" FENCE, NULL},
    {"p:~canary:{a}:" FENCE, NULL},
};

START_TEST(a_fence_is_read_strictly)
{
    static const char mark[] = "untouched";
    struct str id = STR("untouched");
    bool is_fence = fences[_i].id != NULL;

    id = str_from_c(mark);
    ck_assert_int_eq(fleet_read_fence(STR("p:"), str_from_c(fences[_i].key), &id), is_fence);
    ck_assert(str_equal(id, str_from_c(is_fence ? fences[_i].id : mark)));
}
END_TEST

START_TEST(a_fence_that_is_cut_is_none)
{
    static const char whole[] = "p:~fence:{alice}:" FENCE;
    struct str id;

    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        char *copy = malloc(length ? length : 1); /* a sanitizer sees what is read beyond */
        memcpy(copy, whole, length);
        ck_assert(!fleet_read_fence(STR("p:"), str_make(copy, length), &id));
        free(copy);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("fleet");
    TCase *first = tcase_create("worker 0"), *second = tcase_create("worker 1");
    TCase *fence = tcase_create("fence");

    tcase_add_checked_fixture(first, setup, teardown);
    tcase_add_test(first, a_heartbeat_at_once_says_who_is_there);
    tcase_add_test(first, a_heartbeat_has_the_audits_head);
    tcase_add_test(first, a_heartbeat_each_second);
    tcase_add_test(first, a_store_that_comes_late_hears_of_it_at_once);
    tcase_add_loop_test(first, a_heartbeat_that_is_lost_is_followed_by_the_next, 0, 2);
    tcase_add_test(first, a_store_that_takes_nothing_more_is_asked_again_soon);
    tcase_add_test(first, one_heartbeat_at_a_time);
    tcase_add_test(first, who_leaves_goes_from_both_and_stays_away);
    tcase_add_test(first, who_never_came_has_nothing_to_leave);
    tcase_add_test(first, a_store_that_is_away_is_not_left);
    tcase_add_loop_test(first, a_namesake_goes_on_counting, 0, 2);
    tcase_add_test(first, freed_with_calls_on_their_way);
    tcase_add_test(first, any_allocation_may_fail);
    tcase_add_checked_fixture(second, setup_second, teardown);
    tcase_add_test(second, other_workers_have_no_heartbeat);
    tcase_add_test(second, a_fence_is_acknowledged_once);
    tcase_add_test(second, an_acknowledgement_is_sent_again_until_it_is_answered);
    tcase_add_loop_test(second, an_acknowledgement_that_nobody_takes_is_given_up, 0, 2);
    tcase_add_test(second, of_too_many_the_oldest_goes);
    tcase_add_test(second, a_late_answer_does_not_count_for_who_has_its_place);
    tcase_add_loop_test(fence, a_fence_is_read_strictly, 0, COUNT(fences));
    tcase_add_test(fence, a_fence_that_is_cut_is_none);
    suite_add_tcase(suite, first);
    suite_add_tcase(suite, second);
    suite_add_tcase(suite, fence);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
