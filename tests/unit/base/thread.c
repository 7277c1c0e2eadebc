#include "agent/base/thread.h"

#include <signal.h>
#include <stdbool.h>

#include "tests/unit/base/suites.h"

struct seen {
    bool blocks_all;
};

static void *look(void *context)
{
    struct seen *seen = context;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen->blocks_all = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
    return NULL;
}

START_TEST(takes_no_signals_and_leaves_its_starter_as_it_was)
{
    struct seen seen = {0};
    sigset_t blocked;
    pthread_t thread;

    ck_assert_int_eq(thread_start(&thread, "looks", look, &seen), ERR_OK);
    pthread_join(thread, NULL);
    ck_assert(seen.blocks_all);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ck_assert(!sigismember(&blocked, SIGTERM));
}
END_TEST

static pthread_barrier_t barrier;

static void *stay(void *context)
{
    pthread_barrier_wait(&barrier);
    return context;
}

START_TEST(has_its_name_cut_where_it_is_too_long)
{
    char name[16];
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    ck_assert_int_eq(thread_start(&thread, "0123456789abcdef", stay, NULL), ERR_OK);
    ck_assert_int_eq(pthread_getname_np(thread, name, sizeof(name)), 0);
    ck_assert_str_eq(name, "0123456789abcde");
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
}
END_TEST

Suite *thread_suite(void)
{
    Suite *suite = suite_create("thread");
    TCase *tests = tcase_create("thread");

    tcase_add_test(tests, takes_no_signals_and_leaves_its_starter_as_it_was);
    tcase_add_test(tests, has_its_name_cut_where_it_is_too_long);
    suite_add_tcase(suite, tests);
    return suite;
}
