#include "agent/loop/offload.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#define NEVER INT64_MAX

/* Tasks are numbers; what happened to each is noted in order. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_closed; /* work waits */
    size_t begun_count;
    size_t count;
    int numbers[4096];
    bool were_done[4096];
} notes = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void close_gate(void)
{
    notes.is_closed = true;
    notes.count = 0;
    notes.begun_count = 0;
}

static void open_gate(void)
{
    pthread_mutex_lock(&notes.mutex);
    notes.is_closed = false;
    pthread_cond_broadcast(&notes.changed);
    pthread_mutex_unlock(&notes.mutex);
}

static void work_cb(void *object)
{
    (void)object;
    pthread_mutex_lock(&notes.mutex);
    notes.begun_count++;
    pthread_cond_broadcast(&notes.changed);
    while (notes.is_closed) {
        pthread_cond_wait(&notes.changed, &notes.mutex);
    }
    pthread_mutex_unlock(&notes.mutex);
}

static void done_cb(void *context, void *object, bool was_done)
{
    ck_assert_ptr_eq(context, &notes);
    pthread_mutex_lock(&notes.mutex);
    notes.numbers[notes.count] = *(int *)object;
    notes.were_done[notes.count++] = was_done;
    pthread_cond_broadcast(&notes.changed);
    pthread_mutex_unlock(&notes.mutex);
}

static void await(const size_t *counter, size_t value)
{
    pthread_mutex_lock(&notes.mutex);
    while (*counter < value) {
        pthread_cond_wait(&notes.changed, &notes.mutex);
    }
    pthread_mutex_unlock(&notes.mutex);
}

static struct offload_task task_of(int number, uint64_t source, uint64_t subject)
{
    static int numbers[4096];

    numbers[number] = number;
    return (struct offload_task){.work_cb = work_cb,
                                 .done_cb = done_cb,
                                 .context = &notes,
                                 .object = &numbers[number],
                                 .source = source,
                                 .subject = subject,
                                 .late_us = NEVER};
}

static enum err submit(struct offload *offload, int number, uint64_t source, uint64_t subject)
{
    struct offload_task task = task_of(number, source, subject);

    return offload_submit(offload, &task);
}

/* One thread, held by task 0. */
static struct offload *held_pool(size_t capacity)
{
    struct offload *offload = offload_new(1, capacity);

    close_gate();
    ck_assert_ptr_nonnull(offload);
    ck_assert_int_eq(offload_start(offload), ERR_OK);
    ck_assert_int_eq(submit(offload, 0, 1000, 1000), ERR_OK);
    await(&notes.begun_count, 1);
    return offload;
}

static void finish(struct offload *offload)
{
    offload_stop(offload);
    offload_free(offload);
}

START_TEST(hands_every_task_back_done)
{
    struct offload *offload = offload_new(3, 4096);

    close_gate();
    open_gate();
    ck_assert_int_eq(offload_start(offload), ERR_OK);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(submit(offload, i, (uint64_t)i, (uint64_t)i), ERR_OK);
    }
    await(&notes.count, 1000);
    finish(offload);
    ck_assert_uint_eq(notes.count, 1000);
    for (int i = 0; i < 1000; i++) {
        ck_assert(notes.were_done[i]);
    }
}
END_TEST

START_TEST(refuses_at_once_when_full)
{
    struct offload *offload = held_pool(8);

    for (int i = 1; i <= 8; i++) {
        ck_assert_int_eq(submit(offload, i, (uint64_t)i, (uint64_t)i), ERR_OK);
    }
    ck_assert_int_eq(submit(offload, 9, 9, 9), ERR_FULL);
    open_gate();
    await(&notes.count, 9);
    ck_assert_int_eq(submit(offload, 9, 9, 9), ERR_OK);
    await(&notes.count, 10);
    finish(offload);
}
END_TEST

START_TEST(a_source_has_a_quarter_and_a_subject_a_half)
{
    struct offload *offload = held_pool(8);

    ck_assert_int_eq(submit(offload, 1, 1, 1), ERR_OK);
    ck_assert_int_eq(submit(offload, 2, 1, 2), ERR_OK);
    ck_assert_int_eq(submit(offload, 3, 1, 3), ERR_FULL);
    for (int i = 3; i <= 5; i++) {
        ck_assert_int_eq(submit(offload, i, (uint64_t)i, 1), ERR_OK);
    }
    ck_assert_int_eq(submit(offload, 6, 6, 1), ERR_FULL);
    ck_assert_int_eq(submit(offload, 6, 6, 6), ERR_OK);
    open_gate();
    finish(offload);
}
END_TEST

START_TEST(sources_take_turns)
{
    static const int want[] = {0, 1, 5, 7, 2, 6, 3, 4};
    struct offload *offload = held_pool(16);

    for (int i = 1; i <= 4; i++) {
        ck_assert_int_eq(submit(offload, i, 1, (uint64_t)i), ERR_OK);
    }
    ck_assert_int_eq(submit(offload, 5, 2, 5), ERR_OK);
    ck_assert_int_eq(submit(offload, 6, 2, 6), ERR_OK);
    ck_assert_int_eq(submit(offload, 7, 3, 7), ERR_OK);
    open_gate();
    await(&notes.count, 8);
    finish(offload);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(notes.numbers[i], want[i]);
    }
}
END_TEST

/* Who comes late has not to wait until those who were there are through. */
START_TEST(a_newcomer_stands_beside_the_first_of_the_others)
{
    struct offload *offload = held_pool(400);

    for (int i = 1; i <= 100; i++) {
        ck_assert_int_eq(submit(offload, i, 1, (uint64_t)i), ERR_OK);
    }
    ck_assert_int_eq(submit(offload, 101, 2, 101), ERR_OK);
    open_gate();
    await(&notes.count, 102);
    finish(offload);
    ck_assert_int_eq(notes.numbers[2], 101);
}
END_TEST

START_TEST(what_is_late_is_handed_back_undone)
{
    struct offload *offload = held_pool(8);
    struct offload_task task = task_of(1, 1, 1);

    task.late_us = 1;
    ck_assert_int_eq(offload_submit(offload, &task), ERR_OK);
    open_gate();
    await(&notes.count, 2);
    finish(offload);
    ck_assert_int_eq(notes.numbers[1], 1);
    ck_assert(notes.were_done[0] && !notes.were_done[1]);
    ck_assert_uint_eq(notes.begun_count, 1);
}
END_TEST

static void *open_later(void *context)
{
    (void)context;
    open_gate();
    return NULL;
}

START_TEST(stopping_ends_what_began_and_hands_the_rest_back)
{
    struct offload *offload = held_pool(8);
    unsigned undone = 0;
    pthread_t opener;

    ck_assert_int_eq(submit(offload, 1, 1, 1), ERR_OK);
    ck_assert_int_eq(submit(offload, 2, 2, 2), ERR_OK);
    ck_assert_int_eq(pthread_create(&opener, NULL, open_later, NULL), 0);
    offload_stop(offload);
    pthread_join(opener, NULL);
    ck_assert_uint_eq(notes.count, 3);
    for (size_t i = 0; i < 3; i++) {
        undone += notes.were_done[i] ? 0 : 1;
        ck_assert(notes.were_done[i] || notes.numbers[i] != 0);
    }
    ck_assert_uint_le(undone, 2);
    ck_assert_int_eq(submit(offload, 3, 3, 3), ERR_FULL);
    offload_free(offload);
}
END_TEST

START_TEST(stopping_what_never_started_hands_all_back)
{
    struct offload *offload = offload_new(1, 4);

    close_gate();
    ck_assert_int_eq(submit(offload, 1, 1, 1), ERR_OK);
    offload_stop(offload);
    ck_assert_uint_eq(notes.count, 1);
    ck_assert(!notes.were_done[0]);
    offload_free(offload);
    offload_free(NULL);
}
END_TEST

static atomic_int niceness;

static void note_nice_cb(void *object)
{
    (void)object;
    niceness = getpriority(PRIO_PROCESS, 0);
}

START_TEST(threads_have_less_weight_than_the_loops)
{
    int own = getpriority(PRIO_PROCESS, 0);
    struct offload *offload = offload_new(1, 4);
    struct offload_task task = task_of(1, 1, 1);

    close_gate();
    task.work_cb = note_nice_cb;
    ck_assert_int_eq(offload_start(offload), ERR_OK);
    ck_assert_int_eq(offload_submit(offload, &task), ERR_OK);
    await(&notes.count, 1);
    finish(offload);
    ck_assert_int_ge(niceness, own);
    ck_assert_int_ge(niceness, 10);
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), own);
}
END_TEST

struct flood {
    struct offload *offload;
    int first;
    atomic_int *taken;
};

static void *flood(void *context)
{
    struct flood *flood = context;

    for (int i = 0; i < 1000; i++) {
        if (submit(flood->offload, flood->first + i, (uint64_t)i, (uint64_t)i) == ERR_OK) {
            atomic_fetch_add(flood->taken, 1);
        }
    }
    return NULL;
}

START_TEST(many_submit_while_it_is_stopped_and_nothing_is_lost)
{
    struct offload *offload = offload_new(2, 64);
    atomic_int taken = 0;
    pthread_t threads[3];
    struct flood floods[3];

    close_gate();
    open_gate();
    ck_assert_int_eq(offload_start(offload), ERR_OK);
    for (int i = 0; i < 3; i++) {
        floods[i] = (struct flood){offload, i * 1000, &taken};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
    }
    await(&notes.count, 10);
    offload_stop(offload);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(notes.count, (size_t)taken);
    offload_free(offload);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offload");
    TCase *cases = tcase_create("offload");

    tcase_add_test(cases, hands_every_task_back_done);
    tcase_add_test(cases, refuses_at_once_when_full);
    tcase_add_test(cases, a_source_has_a_quarter_and_a_subject_a_half);
    tcase_add_test(cases, sources_take_turns);
    tcase_add_test(cases, a_newcomer_stands_beside_the_first_of_the_others);
    tcase_add_test(cases, what_is_late_is_handed_back_undone);
    tcase_add_test(cases, stopping_ends_what_began_and_hands_the_rest_back);
    tcase_add_test(cases, stopping_what_never_started_hands_all_back);
    tcase_add_test(cases, threads_have_less_weight_than_the_loops);
    tcase_add_test(cases, many_submit_while_it_is_stopped_and_nothing_is_lost);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
