/* Scripts of the store that other tests use: when they run, and what becomes of their replies. */
#include <stdlib.h>

#include "tests/support/failing_alloc.h"
#include "tests/support/fake_store.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

static struct store_script script = {.name = "count", .text = {"return {}", 9}};
static struct fake_store *fake;
static struct asker asker;
static int run_count;
static enum store_status next_status;

/* Says how often it ran, and with what. */
static void count(void *context, const struct store_call *call, struct fake_store_answer *answer)
{
    int *counter = context;
    char argument[32] = "";

    ck_assert_ptr_eq(call->script, &script);
    ck_assert_uint_eq(call->argument_count, 1);
    memcpy(argument, call->arguments[0].ptr, call->arguments[0].len);
    answer->status = next_status;
    fake_store_answer_number(answer, "run", ++*counter);
    fake_store_answer_add(answer, "with", argument);
}

static void start(void)
{
    asker = (struct asker){0};
    run_count = 0;
    next_status = STORE_OK;
    ck_assert_int_eq(store_script_init(&script), ERR_OK);
    fake = fake_store_new();
    fake->script_cb = count;
    fake->script_context = &run_count;
}

static void stop(void)
{
    store_free(&fake->store);
}

static enum err run(void)
{
    char text[] = "five";
    const struct str argument = str_from_c(text);
    const struct store_call call = {
        .script = &script, .key = STR("k"), .arguments = &argument, .argument_count = 1};
    enum err e = store_run_script(&fake->store, &call, asker_cb, &asker);

    memset(text, 'x', sizeof(text));
    return e;
}

static void assert_told(int times, enum store_status status, const char *fields)
{
    ck_assert_int_eq(asker.count, times);
    ck_assert_int_eq(asker.status, status);
    ck_assert_str_eq(asker.fields, fields);
}

START_TEST(it_runs_when_the_step_is_made)
{
    ck_assert_int_eq(run(), ERR_OK);
    ck_assert_int_eq(run_count, 0);
    ck_assert_uint_eq(fake_store_step(fake), 1);
    assert_told(1, STORE_OK, "run=1;with=five;");
}
END_TEST

START_TEST(executed_it_does_not_run_again)
{
    ck_assert_int_eq(run(), ERR_OK);
    fake_store_execute(fake);
    fake_store_execute(fake);
    ck_assert_int_eq(run_count, 1);
    ck_assert_int_eq(asker.count, 0);
    ck_assert_uint_eq(fake_store_step(fake), 1);
    ck_assert_int_eq(run_count, 1);
    assert_told(1, STORE_OK, "run=1;with=five;");
}
END_TEST

START_TEST(a_lost_reply_is_down_whether_it_ran_or_not)
{
    ck_assert_int_eq(run(), ERR_OK);
    fake_store_drop(fake);
    ck_assert_int_eq(run_count, 0);
    assert_told(1, STORE_DOWN, "");
    ck_assert_int_eq(run(), ERR_OK);
    fake_store_execute(fake);
    fake_store_drop(fake);
    ck_assert_int_eq(run_count, 1);
    assert_told(2, STORE_DOWN, "");
}
END_TEST

START_TEST(modes_are_as_for_a_hash)
{
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    ck_assert_int_eq(run(), ERR_IO);
    fake_store_set_mode(fake, FAKE_STORE_FULL);
    ck_assert_int_eq(run(), ERR_FULL);
    fake_store_set_mode(fake, FAKE_STORE_HANG);
    ck_assert_int_eq(run(), ERR_OK);
    ck_assert_uint_eq(fake_store_step(fake), 0);
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    ck_assert_uint_eq(fake_store_step(fake), 1);
    assert_told(1, STORE_DOWN, "");
    ck_assert_int_eq(run_count, 0);
    ck_assert_uint_eq(fake->request_count, 3);
}
END_TEST

START_TEST(it_says_how_it_ended)
{
    next_status = STORE_UNSYNCED;
    ck_assert_int_eq(run(), ERR_OK);
    fake_store_step(fake);
    assert_told(1, STORE_UNSYNCED, "run=1;with=five;");
    next_status = STORE_WRONGTYPE;
    ck_assert_int_eq(run(), ERR_OK);
    fake_store_step(fake);
    assert_told(2, STORE_WRONGTYPE, "");
}
END_TEST

START_TEST(out_of_memory_it_is_refused)
{
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        enum err e = run();
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(e, has_failed ? ERR_MEMORY : ERR_OK);
    }
    ck_assert_uint_eq(fake_store_step(fake), 1);
}
END_TEST

Suite *fake_script_suite(void)
{
    Suite *suite = suite_create("fake_script");
    TCase *tcase = tcase_create("fake_script");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, modes_are_as_for_a_hash);
    tcase_add_test(tcase, a_lost_reply_is_down_whether_it_ran_or_not);
    tcase_add_test(tcase, out_of_memory_it_is_refused);
    tcase_add_test(tcase, it_runs_when_the_step_is_made);
    tcase_add_test(tcase, executed_it_does_not_run_again);
    tcase_add_test(tcase, it_says_how_it_ended);
    suite_add_tcase(suite, tcase);
    return suite;
}
