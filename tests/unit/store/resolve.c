/* Names, looked up off the loop. */
#include "agent/store/resolve.h"

#include <sched.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/store/fake_resolver.h"
#include "tests/unit/store/suites.h"

static struct ev_loop *loop;

static struct {
    int count;
    struct resolve_addresses addresses;
} told;

static void start(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(loop);
}

static void stop(void)
{
    ev_loop_destroy(loop);
}

static void keep_cb(void *context, const struct resolve_addresses *addresses)
{
    ck_assert_ptr_eq(context, &told);
    told.count++;
    told.addresses = *addresses;
}

static struct resolve *look_up(void)
{
    struct resolve *resolve = resolve_start(loop, "store.example", keep_cb, &told);

    ck_assert_ptr_nonnull(resolve);
    return resolve;
}

static void wait_until_told(void)
{
    while (told.count == 0) {
        ev_run(loop, EVRUN_ONCE);
    }
}

/* For a thread that nobody waits for. */
static void wait_until_ended(int count)
{
    while (fake_resolver_ended() < count) {
        sched_yield();
    }
}

static const char *const many[] = {"10.0.0.1", "10.0.0.2", "::1",      "10.0.0.4", "10.0.0.5",
                                   "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"};

START_TEST(a_name_that_is_not_known_has_no_address)
{
    fake_resolver_set(NULL, 0);
    look_up();
    wait_until_told();
    ck_assert_uint_eq(told.addresses.count, 0);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(addresses_come_in_their_order_and_are_bounded)
{
    fake_resolver_set(many, (size_t)_i);
    look_up();
    wait_until_told();
    ck_assert_int_eq((int)told.addresses.count,
                     _i < RESOLVE_ADDRESSES_MAX ? _i : RESOLVE_ADDRESSES_MAX);
    for (size_t i = 0; i < told.addresses.count; i++) {
        ck_assert_str_eq(told.addresses.texts[i], many[i]);
    }
}
END_TEST

START_TEST(it_is_never_told_from_inside_the_start)
{
    fake_resolver_set(many, 1);
    look_up();
    wait_until_ended(1);
    ck_assert_int_eq(told.count, 0);
    wait_until_told();
}
END_TEST

START_TEST(the_loop_turns_while_a_name_server_hangs)
{
    fake_resolver_set(many, 1);
    fake_resolver_hold();
    look_up();
    while (fake_resolver_begun() == 0) {
        ev_run(loop, EVRUN_NOWAIT);
    }
    for (int i = 0; i < 100; i++) {
        ev_run(loop, EVRUN_NOWAIT);
    }
    ck_assert_int_eq(told.count, 0);
    fake_resolver_release();
    wait_until_told();
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(cancelled_while_it_hangs_it_tells_nobody)
{
    fake_resolver_set(many, 1);
    fake_resolver_hold();
    resolve_cancel(look_up());
    fake_resolver_release();
    wait_until_ended(1);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(told.count, 0);
}
END_TEST

/* The answer is on its way to the loop already. */
START_TEST(cancelled_after_it_ended_it_tells_nobody)
{
    struct resolve *resolve;

    fake_resolver_set(many, 1);
    resolve = look_up();
    wait_until_ended(1);
    resolve_cancel(resolve);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(told.count, 0);
}
END_TEST

/* The thread outlives the loop. */
START_TEST(cancelled_it_touches_the_loop_no_more)
{
    fake_resolver_set(many, 1);
    fake_resolver_hold();
    resolve_cancel(look_up());
    ev_loop_destroy(loop);
    fake_resolver_release();
    wait_until_ended(1);
    loop = ev_loop_new(EVFLAG_AUTO);
}
END_TEST

START_TEST(cancelling_none_does_nothing)
{
    resolve_cancel(NULL);
}
END_TEST

START_TEST(cancelling_races_with_the_answer)
{
    fake_resolver_set(many, 1);
    for (int i = 0; i < 200; i++) {
        struct resolve *resolve = look_up();
        while (fake_resolver_begun() <= i) {
            sched_yield();
        }
        resolve_cancel(resolve);
    }
    wait_until_ended(200);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(told.count, 0);
}
END_TEST

START_TEST(out_of_memory_nothing_starts)
{
    failing_alloc_start(1);
    struct resolve *resolve = resolve_start(loop, "store.example", keep_cb, &told);
    ck_assert(failing_alloc_stop());
    ck_assert_ptr_null(resolve);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_int_eq(fake_resolver_begun(), 0);
}
END_TEST

Suite *resolve_suite(void)
{
    Suite *suite = suite_create("resolve");
    TCase *tcase = tcase_create("resolve");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_name_that_is_not_known_has_no_address);
    tcase_add_loop_test(tcase, addresses_come_in_their_order_and_are_bounded, 1, COUNT(many) + 1);
    tcase_add_test(tcase, it_is_never_told_from_inside_the_start);
    tcase_add_test(tcase, the_loop_turns_while_a_name_server_hangs);
    tcase_add_test(tcase, cancelled_while_it_hangs_it_tells_nobody);
    tcase_add_test(tcase, cancelled_after_it_ended_it_tells_nobody);
    tcase_add_test(tcase, cancelled_it_touches_the_loop_no_more);
    tcase_add_test(tcase, cancelling_none_does_nothing);
    tcase_add_test(tcase, cancelling_races_with_the_answer);
    tcase_add_test(tcase, out_of_memory_nothing_starts);
    suite_add_tcase(suite, tcase);
    return suite;
}
