/* Notes of last uses: when they are due, among workers that share a board; the queue; the store. On a
 * fake store and virtual time. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/directory/directory.h"
#include "agent/seen/seen.h"
#include "tests/support/fake_store.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define SECOND       INT64_C(1000000)
#define ID           STR("0123456789")

static struct fake_store *fake;
static struct seen_board *board;
static struct seen *seen;
static struct now now;
static char ran[65536]; /* "<key> <argument>...\n" of every script that ran */
static enum store_status answers;

static void run_script(void *context, const struct store_call *call,
                       struct fake_store_answer *answer)
{
    size_t used = strlen(ran);

    (void)context;
    ensure(str_equal(str_from_c(call->script->name), STR("note")) && call->argument_count == 4);
    snprintf(ran + used, sizeof(ran) - used, "%.*s %.*s %.*s %.*s %.*s\n", STR_ARG(call->key),
             STR_ARG(call->arguments[0]), STR_ARG(call->arguments[1]), STR_ARG(call->arguments[2]),
             STR_ARG(call->arguments[3]));
    answer->status = answers;
}

static struct seen *new_seen(void)
{
    const struct seen_settings settings = {.prefix = STR("p:"),
                                           .agent_id = STR("a1"),
                                           .interval_us = 60 * SECOND,
                                           .ttl_us = 86400 * SECOND,
                                           .board = board};

    return seen_new(&fake->store, &settings);
}

static void setup(void)
{
    ck_assert_int_eq(crypto_start(), ERR_OK);
    ck_assert_int_eq(seen_start(), ERR_OK);
    ran[0] = '\0';
    answers = STORE_OK;
    now = (struct now){.mono_us = 0, .wall_us = 1700000000 * SECOND};
    fake = fake_store_new();
    fake->script_cb = run_script;
    board = seen_board_new();
    seen = new_seen();
    ck_assert(board && seen);
}

static void teardown(void)
{
    seen_free(seen);
    store_free(&fake->store);
    seen_board_free(board);
    crypto_stop();
}

static void pass(int64_t us)
{
    now.mono_us += us;
    now.wall_us += us;
}

static void turn(void)
{
    seen_tick(seen, now);
    fake_store_step(fake);
}

static struct seen_counters counters(void)
{
    struct seen_counters out;

    seen_counters(seen, &out);
    return out;
}

/* Until the store has all that it takes. */
static void turns(void)
{
    uint64_t before;

    do {
        before = counters().written;
        turn();
    } while (counters().written > before);
}

static void use_key(uint32_t *mark)
{
    seen_note(seen, RECORD_KEY, ID, SEEN_HASH, mark, now);
}

static const struct {
    enum record_kind kind;
    struct str name;
    enum seen_use use;
    const char *want;
} uses[] = {
    {RECORD_KEY, {"0123456789", 10}, SEEN_HASH, "p:seen:key:0123456789 hash 0 a1 86400000\n"},
    {RECORD_KEY, {"0123456789", 10}, SEEN_HASH2, "p:seen:key:0123456789 hash2 0 a1 86400000\n"},
    {RECORD_USER, {"auth0|1", 7}, SEEN_TOKEN, "p:seen:user:{auth0%7C1} token 0 a1 86400000\n"},
    {RECORD_USER, {"alice", 5}, SEEN_PASSWORD, "p:seen:user:{alice} password 0 a1 86400000\n"},
    {RECORD_USER, {"alice", 5}, SEEN_CERT, "p:seen:user:{alice} cert 0 a1 86400000\n"},
    {RECORD_CERT, {"ab12", 4}, SEEN_CERT, "p:seen:cert:ab12 cert 0 a1 86400000\n"},
};

START_TEST(a_use_is_written_beside_its_record)
{
    uint32_t mark = 0;

    seen_note(seen, uses[_i].kind, uses[_i].name, uses[_i].use, &mark, now);
    ck_assert_str_eq(ran, "");
    turns();
    ck_assert_str_eq(ran, uses[_i].want);
    ck_assert_uint_eq(counters().written, 1);
}
END_TEST

START_TEST(a_busy_one_is_written_once_in_its_interval)
{
    uint32_t mark = 0;

    for (int i = 0; i < 59000; i++) {
        use_key(&mark);
        turn();
        pass(1000);
    }
    ck_assert_uint_eq(counters().noted, 1);
    pass(SECOND);
    use_key(&mark);
    turns();
    ck_assert_uint_eq(counters().written, 2);
}
END_TEST

/* What the worker remembered goes with a record that was pushed out. */
START_TEST(a_mark_that_was_lost_is_found_on_the_board)
{
    for (int i = 0; i < 60; i++) {
        uint32_t mark = 0;
        use_key(&mark);
        pass(SECOND);
    }
    uint32_t mark = 0;
    use_key(&mark);
    ck_assert_uint_eq(counters().noted, 2);
}
END_TEST

START_TEST(the_two_secrets_of_a_key_are_told_apart)
{
    uint32_t first = 0, second = 0;

    for (int i = 0; i < 10; i++) {
        use_key(&first);
        seen_note(seen, RECORD_KEY, ID, SEEN_HASH2, &second, now);
        turns();
    }
    ck_assert_str_eq(ran, "p:seen:key:0123456789 hash 0 a1 86400000\n"
                          "p:seen:key:0123456789 hash2 0 a1 86400000\n");
}
END_TEST

START_TEST(of_two_workers_one_writes)
{
    struct seen *other = new_seen();
    uint32_t mine = 0, theirs = 0;
    struct seen_counters out;

    use_key(&mine);
    pass(30 * SECOND);
    seen_note(other, RECORD_KEY, ID, SEEN_HASH, &theirs, now);
    seen_counters(other, &out);
    ck_assert_uint_eq(out.noted, 0);
    /* Due when the first's note is a minute old, whoever comes. */
    pass(30 * SECOND);
    seen_note(other, RECORD_KEY, ID, SEEN_HASH, &theirs, now);
    use_key(&mine);
    seen_counters(other, &out);
    ck_assert_uint_eq(out.noted + counters().noted, 2);
    seen_free(other);
}
END_TEST

START_TEST(a_worker_whose_turn_is_behind_writes_nothing_twice)
{
    struct seen *other = new_seen();
    uint32_t mine = 0, theirs = 0;
    struct now behind = now;

    pass(2 * SECOND);
    use_key(&mine);
    seen_note(other, RECORD_KEY, ID, SEEN_HASH, &theirs, behind);
    struct seen_counters out;
    seen_counters(other, &out);
    ck_assert_uint_eq(out.noted, 0);
    seen_free(other);
}
END_TEST

#define THREADS 4
#define NAMES   512

static atomic_uint noted_by_all;

static void *note_all(void *context)
{
    struct seen *own = context;
    struct seen_counters out;

    for (int i = 0; i < NAMES; i++) {
        char name[16];
        uint32_t mark = 0;
        snprintf(name, sizeof(name), "%010d", i);
        seen_note(own, RECORD_KEY, str_from_c(name), SEEN_HASH, &mark, now);
    }
    seen_counters(own, &out);
    atomic_fetch_add(&noted_by_all, (unsigned)out.noted);
    return NULL;
}

/* Two of the names may share a slot and be noted again; all the others are noted once. */
START_TEST(threads_share_the_board)
{
    struct seen *owns[THREADS];
    pthread_t threads[THREADS];

    atomic_store(&noted_by_all, 0);
    for (int i = 0; i < THREADS; i++) {
        owns[i] = new_seen();
        ck_assert_int_eq(pthread_create(&threads[i], NULL, note_all, owns[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        seen_free(owns[i]);
    }
    unsigned noted = atomic_load(&noted_by_all);
    ck_assert_uint_ge(noted, NAMES);
    ck_assert_uint_le(noted, NAMES + NAMES / 8);
}
END_TEST

START_TEST(a_store_that_is_away_is_waited_for_and_the_age_told)
{
    uint32_t mark = 0;

    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    use_key(&mark);
    turns();
    pass(1500000);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns();
    ck_assert_str_eq(ran, "p:seen:key:0123456789 hash 1500 a1 86400000\n");
    ck_assert_uint_eq(counters().dropped, 0);
}
END_TEST

static void use_many(int count)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        uint32_t mark = 0;
        snprintf(name, sizeof(name), "%010d", i);
        seen_note(seen, RECORD_KEY, str_from_c(name), SEEN_HASH, &mark, now);
    }
}

START_TEST(of_too_many_the_oldest_go_and_are_counted)
{
    fake_store_set_mode(fake, FAKE_STORE_DOWN);
    use_many(SEEN_QUEUE_MAX + 3);
    turns();
    struct seen_counters before = counters();
    ck_assert_uint_ge(before.dropped, 3);
    ck_assert_uint_eq(before.noted - before.dropped, SEEN_QUEUE_MAX);
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns();
    ck_assert_uint_eq(counters().written, SEEN_QUEUE_MAX);
    ck_assert_ptr_null(strstr(ran, ":0000000002 "));
}
END_TEST

START_TEST(few_are_on_their_way_at_once)
{
    use_many(SEEN_CALLS_MAX + 5);
    seen_tick(seen, now);
    seen_tick(seen, now);
    ck_assert_uint_eq(fake->pending_count, SEEN_CALLS_MAX);
    turns();
    ck_assert_uint_eq(counters().written, SEEN_CALLS_MAX + 5);
}
END_TEST

START_TEST(a_store_that_takes_nothing_more_is_asked_again)
{
    uint32_t mark = 0;

    fake_store_set_mode(fake, FAKE_STORE_FULL);
    use_key(&mark);
    turns();
    ck_assert_str_eq(ran, "");
    fake_store_set_mode(fake, FAKE_STORE_UP);
    turns();
    ck_assert_uint_eq(counters().written, 1);
}
END_TEST

static const enum store_status refusals[] = {STORE_DOWN, STORE_REFUSED, STORE_WRONGTYPE,
                                             STORE_BAD_REPLY};

START_TEST(what_the_store_refuses_is_counted_and_not_sent_again)
{
    uint32_t mark = 0;

    answers = refusals[_i];
    use_key(&mark);
    turns();
    use_key(&mark);
    turns();
    ck_assert_uint_eq(counters().dropped, 1);
    ck_assert_uint_eq(counters().written, 0);
    ck_assert_uint_eq(counters().noted, 1);
}
END_TEST

START_TEST(a_name_that_no_record_can_have_is_not_noted)
{
    char name[DIRECTORY_NAME_BYTES_MAX + 2];
    uint32_t mark = 0;

    memset(name, '|', sizeof(name));
    seen_note(seen, RECORD_USER, str_make(name, sizeof(name) - 1), SEEN_TOKEN, &mark, now);
    turns();
    ck_assert_uint_eq(counters().noted, 0);
    mark = 0;
    seen_note(seen, RECORD_USER, str_make(name, sizeof(name) - 2), SEEN_TOKEN, &mark, now);
    turns();
    ck_assert_uint_eq(counters().written, 1);
}
END_TEST

START_TEST(without_a_place_to_note_nothing_is_noted)
{
    uint32_t mark = 0;

    seen_note(NULL, RECORD_KEY, ID, SEEN_HASH, &mark, now);
    ck_assert_uint_eq(mark, 0);
}
END_TEST

START_TEST(freed_with_calls_on_their_way)
{
    use_many(3);
    seen_tick(seen, now);
    seen_free(seen);
    fake_store_step(fake);
    seen = new_seen();
    use_many(3);
    seen_tick(seen, now);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("seen");
    TCase *tcase = tcase_create("seen");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_use_is_written_beside_its_record, 0, COUNT(uses));
    tcase_add_test(tcase, a_busy_one_is_written_once_in_its_interval);
    tcase_add_test(tcase, a_mark_that_was_lost_is_found_on_the_board);
    tcase_add_test(tcase, the_two_secrets_of_a_key_are_told_apart);
    tcase_add_test(tcase, of_two_workers_one_writes);
    tcase_add_test(tcase, a_worker_whose_turn_is_behind_writes_nothing_twice);
    tcase_add_test(tcase, threads_share_the_board);
    tcase_add_test(tcase, a_store_that_is_away_is_waited_for_and_the_age_told);
    tcase_add_test(tcase, of_too_many_the_oldest_go_and_are_counted);
    tcase_add_test(tcase, few_are_on_their_way_at_once);
    tcase_add_test(tcase, a_store_that_takes_nothing_more_is_asked_again);
    tcase_add_loop_test(tcase, what_the_store_refuses_is_counted_and_not_sent_again, 0,
                        COUNT(refusals));
    tcase_add_test(tcase, a_name_that_no_record_can_have_is_not_noted);
    tcase_add_test(tcase, without_a_place_to_note_nothing_is_noted);
    tcase_add_test(tcase, freed_with_calls_on_their_way);
    suite_add_tcase(suite, tcase);
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
