#include "agent/loop/mailbox.h"

#include <check.h>
#include <stdlib.h>

#define CAPACITY     100
#define POSTERS      4
#define POSTS        5000
#define MESSAGE_STOP 99

struct got {
    struct ev_loop *loop;
    int next[POSTERS]; /* the number expected next from each poster */
    int count;
    int stops;
};

static void keep_cb(void *context, const struct mailbox_message *message)
{
    struct got *got = context;

    got->count++;
    if (message->type == MESSAGE_STOP) {
        if (++got->stops == POSTERS) {
            ev_break(got->loop, EVBREAK_ALL);
        }
        return;
    }
    ck_assert_int_eq(message->number, got->next[message->type]);
    got->next[message->type]++;
}

START_TEST(refuses_when_full_and_delivers_what_it_took_in_order)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct got got = {.loop = loop};
    struct mailbox mailbox;

    ck_assert_int_eq(mailbox_start(&mailbox, loop, CAPACITY, keep_cb, &got), ERR_OK);
    for (int i = 0; i < CAPACITY; i++) {
        ck_assert_int_eq(mailbox_post(&mailbox, &(struct mailbox_message){.number = i}), ERR_OK);
    }
    ck_assert_int_eq(mailbox_post(&mailbox, &(struct mailbox_message){.number = CAPACITY}),
                     ERR_FULL);
    while (got.count < CAPACITY) {
        ev_run(loop, EVRUN_ONCE);
    }
    ck_assert_int_eq(got.next[0], CAPACITY);
    mailbox_stop(&mailbox);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(stopping_hands_over_what_is_left)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct got got = {.loop = loop};
    struct mailbox mailbox;

    ck_assert_int_eq(mailbox_start(&mailbox, loop, CAPACITY, keep_cb, &got), ERR_OK);
    ck_assert_int_eq(mailbox_post(&mailbox, &(struct mailbox_message){.number = 0}), ERR_OK);
    mailbox_stop(&mailbox);
    ck_assert_int_eq(got.count, 1);
    ev_loop_destroy(loop);
}
END_TEST

struct poster {
    struct mailbox *mailbox;
    int index;
};

static void post(struct mailbox *mailbox, const struct mailbox_message *message)
{
    while (mailbox_post(mailbox, message) == ERR_FULL) {
        sched_yield();
    }
}

static void *post_all(void *context)
{
    const struct poster *poster = context;

    for (int i = 0; i < POSTS; i++) {
        post(poster->mailbox, &(struct mailbox_message){.type = poster->index, .number = i});
    }
    post(poster->mailbox, &(struct mailbox_message){.type = MESSAGE_STOP});
    return NULL;
}

START_TEST(many_threads_lose_and_double_nothing)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct got got = {.loop = loop};
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    struct mailbox mailbox;

    ck_assert_int_eq(mailbox_start(&mailbox, loop, CAPACITY, keep_cb, &got), ERR_OK);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){&mailbox, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    ev_run(loop, 0);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(got.next[i], POSTS);
    }
    mailbox_stop(&mailbox);
    ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("mailbox");

    tcase_add_test(tcase, refuses_when_full_and_delivers_what_it_took_in_order);
    tcase_add_test(tcase, stopping_hands_over_what_is_left);
    tcase_add_test(tcase, many_threads_lose_and_double_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
