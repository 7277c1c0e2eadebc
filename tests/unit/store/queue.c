/* Commands without a reply: their order, and who of them waits longest. */
#include "agent/store/redis_queue.h"

#include "tests/unit/store/suites.h"

static struct redis_queue queue;
static struct redis_call calls[4];

static void start(void)
{
    memset(calls, 0, sizeof(calls));
    ck_assert_int_eq(redis_queue_init(&queue, 3), ERR_OK);
}

static void stop(void)
{
    while (queue.count > 0) {
        redis_queue_pop(&queue);
    }
    redis_queue_fini(&queue);
}

static void push(struct redis_call *call, int64_t since_us)
{
    redis_queue_push(&queue, (struct redis_pending){.call = call, .since_us = since_us});
}

static struct redis_pending waiting(struct redis_call *call, unsigned replicas, int64_t since_us)
{
    call->step = REDIS_CALL_WAIT;
    call->replicas = replicas;
    return (struct redis_pending){.call = call, .since_us = since_us};
}

START_TEST(first_in_is_first_out_round_and_round)
{
    for (int round = 0; round < 5; round++) {
        push(NULL, round);
        push(NULL, round + 100);
        ck_assert(!redis_queue_is_full(&queue));
        ck_assert_int_eq(redis_queue_pop(&queue).since_us, round);
        push(NULL, round + 200);
        push(NULL, round + 300);
        ck_assert(redis_queue_is_full(&queue));
        for (int i = 1; i <= 3; i++) {
            ck_assert_int_eq(redis_queue_pop(&queue).since_us, round + 100 * i);
        }
    }
}
END_TEST

START_TEST(who_waits_longest_may_stand_anywhere)
{
    for (int i = 0; i < 3; i++) {
        push(NULL, i == _i ? 1 : 2);
    }
    ck_assert_int_eq(redis_queue_since_us(&queue), 1);
}
END_TEST

START_TEST(a_wait_covers_who_is_content_with_as_many_replicas)
{
    push(NULL, 1);
    redis_queue_push(&queue, waiting(&calls[0], 2, 2));
    ck_assert(redis_queue_hang_on_wait(&queue, waiting(&calls[1], 2, 3)));
    ck_assert(redis_queue_hang_on_wait(&queue, waiting(&calls[2], 1, 3)));
    ck_assert(!redis_queue_hang_on_wait(&queue, waiting(&calls[3], 3, 3)));
    ck_assert_uint_eq(queue.count, 2);
    ck_assert_ptr_eq(calls[0].next, &calls[2]);
    ck_assert_ptr_eq(calls[2].next, &calls[1]);
    ck_assert_ptr_null(calls[1].next);
}
END_TEST

START_TEST(a_wait_is_as_old_as_the_oldest_that_hangs_on_it)
{
    redis_queue_push(&queue, waiting(&calls[0], 1, 5));
    ck_assert(redis_queue_hang_on_wait(&queue, waiting(&calls[1], 1, 7)));
    ck_assert_int_eq(redis_queue_since_us(&queue), 5);
    ck_assert(redis_queue_hang_on_wait(&queue, waiting(&calls[2], 1, 3)));
    ck_assert_int_eq(redis_queue_since_us(&queue), 3);
}
END_TEST

START_TEST(nothing_hangs_on_other_commands)
{
    push(NULL, 1);
    push(&calls[0], 1);
    ck_assert(!redis_queue_hang_on_wait(&queue, waiting(&calls[1], 1, 1)));
}
END_TEST

Suite *queue_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, nothing_hangs_on_other_commands);
    tcase_add_test(tcase, first_in_is_first_out_round_and_round);
    tcase_add_loop_test(tcase, who_waits_longest_may_stand_anywhere, 0, 3);
    tcase_add_test(tcase, a_wait_covers_who_is_content_with_as_many_replicas);
    tcase_add_test(tcase, a_wait_is_as_old_as_the_oldest_that_hangs_on_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
