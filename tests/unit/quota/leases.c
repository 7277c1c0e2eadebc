#include "agent/quota/leases.h"

#include <stdio.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/quota/suites.h"

#define MAX 100

static const struct terms terms = {.kind = LIMIT_QUOTA, .units = 10};
static struct leases leases;
static struct now now;

static void setup(void)
{
    now = (struct now){.mono_us = 1000000};
    ck_assert_int_eq(leases_init(&leases, MAX), ERR_OK);
}

static void teardown(void)
{
    leases_fini(&leases);
}

static struct str subject(int i)
{
    static char text[32];

    snprintf(text, sizeof(text), "user:%d", i);
    return str_from_c(text);
}

static struct place *add(int i)
{
    return leases_add(&leases, STR("daily"), subject(i), &terms, now);
}

static struct place *find(int i)
{
    return leases_find(&leases, STR("daily"), subject(i));
}

static void fill(void)
{
    for (int i = 0; i < MAX; i++) {
        ck_assert_ptr_nonnull(add(i));
    }
}

START_TEST(names_out_of_bounds_are_refused)
{
    static char text[400];

    memset(text, 'a', sizeof(text));
    ck_assert_ptr_null(leases_add(&leases, STR_ABSENT, STR("a"), &terms, now));
    ck_assert_ptr_null(leases_add(&leases, STR("a"), STR_ABSENT, &terms, now));
    ck_assert_ptr_null(leases_add(&leases, str_make(text, 65), STR("a"), &terms, now));
    ck_assert_ptr_null(leases_add(&leases, STR("a"), str_make(text, 321), &terms, now));
    ck_assert_ptr_null(leases_find(&leases, STR("a"), str_make(text, 321)));
    ck_assert_ptr_nonnull(
        leases_add(&leases, str_make(text, 64), str_make(text, 320), &terms, now));
    ck_assert_ptr_nonnull(leases_find(&leases, str_make(text, 64), str_make(text, 320)));
}
END_TEST

START_TEST(what_was_added_is_found_and_nothing_else)
{
    fill();
    for (int i = 0; i < MAX; i++) {
        struct place *place = find(i);
        ck_assert_ptr_nonnull(place);
        ck_assert(str_equal(place_name(place), STR("daily")));
        ck_assert(str_equal(place_subject(place), subject(i)));
    }
    ck_assert_ptr_null(find(MAX));
}
END_TEST

START_TEST(where_the_name_ends_counts)
{
    ck_assert_ptr_nonnull(leases_add(&leases, STR("ab"), STR("c"), &terms, now));
    ck_assert_ptr_null(leases_find(&leases, STR("a"), STR("bc")));
    ck_assert_ptr_null(leases_find(&leases, STR("abc"), STR_ABSENT));
}
END_TEST

START_TEST(nothing_of_this_turn_is_dropped)
{
    fill();
    for (int i = 0; i < 10; i++) {
        ck_assert_ptr_null(add(MAX));
    }
    ck_assert_uint_eq(leases.count, MAX);
    now.mono_us++;
    for (int i = 0; i < 3 && !find(MAX); i++) {
        add(MAX);
    }
    ck_assert_ptr_nonnull(find(MAX));
    ck_assert_uint_eq(leases.count, MAX);
    ck_assert_uint_eq(leases.dropped_count, 1);
}
END_TEST

static void hold_units(struct place *place)
{
    place->lease.newer.units = 1;
    place->lease.newer.ends_us = now.mono_us + 1000000;
}

static void return_units(struct place *place)
{
    place->lease.to_return = 1;
}

static void owe_units(struct place *place)
{
    place->lease.owed = 1;
}

static void begin_call(struct place *place)
{
    lease_begin_take(&place->lease, 1, 1, 1, now);
}

static void await_reply(struct place *place)
{
    place->context = (struct call_context *)(void *)place;
}

static void queue_waiter(struct place *place)
{
    static struct waiter waiters[MAX];
    static int count;

    waiters[count] = (struct waiter){0};
    waiter_add(&place->lease.waiters, &waiters[count++]);
}

static void mark_held(struct place *place)
{
    place->is_held = true;
}

static void mark_dirty(struct place *place)
{
    place->is_dirty = true;
}

static void (*const reasons[])(struct place *place) = {
    hold_units,  return_units, owe_units, begin_call,
    await_reply, queue_waiter, mark_held, mark_dirty,
};

START_TEST(nothing_is_dropped_that_would_be_lost)
{
    fill();
    for (int i = 0; i < MAX; i++) {
        reasons[_i](find(i));
    }
    for (int i = 0; i < 20; i++) {
        now.mono_us++;
        ck_assert_ptr_null(add(MAX));
    }
    for (int i = 0; i < MAX; i++) {
        ck_assert_ptr_nonnull(find(i));
    }
}
END_TEST

START_TEST(units_that_ended_hold_nothing)
{
    fill();
    for (int i = 0; i < MAX; i++) {
        hold_units(find(i));
    }
    now.mono_us += 1000000;
    for (int i = 0; i < 4; i++) {
        add(MAX);
    }
    ck_assert_ptr_nonnull(find(MAX));
}
END_TEST

START_TEST(what_is_used_stays)
{
    fill();
    for (int round = 0; round < 10 * MAX; round++) {
        now.mono_us++;
        ck_assert_ptr_nonnull(find(7));
        for (int i = 0; i < 4 && !find(MAX + round); i++) {
            add(MAX + round);
        }
    }
    ck_assert_ptr_nonnull(find(7));
    ck_assert_uint_eq(leases.count, MAX);
}
END_TEST

START_TEST(the_table_grows_without_memory_too)
{
    for (int i = 0; i < MAX; i++) {
        failing_alloc_start(i == 64 ? 1 : 0); /* the larger table */
        ck_assert_ptr_nonnull(add(i));
        failing_alloc_stop();
    }
    for (int i = 0; i < MAX; i++) {
        ck_assert_ptr_nonnull(find(i));
    }
}
END_TEST

Suite *leases_suite(void)
{
    Suite *suite = suite_create("leases");
    TCase *tests = tcase_create("leases");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, names_out_of_bounds_are_refused);
    tcase_add_test(tests, what_was_added_is_found_and_nothing_else);
    tcase_add_test(tests, where_the_name_ends_counts);
    tcase_add_test(tests, nothing_of_this_turn_is_dropped);
    tcase_add_loop_test(tests, nothing_is_dropped_that_would_be_lost, 0, COUNT(reasons));
    tcase_add_test(tests, units_that_ended_hold_nothing);
    tcase_add_test(tests, what_is_used_stays);
    tcase_add_test(tests, the_table_grows_without_memory_too);
    suite_add_tcase(suite, tests);
    return suite;
}
