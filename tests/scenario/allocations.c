/* A locally answered decision allocates nothing: every allocator call of the process is counted,
 * shared libraries' included. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/box.h"

#define DECISIONS 1000

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

static unsigned long allocation_count;

void *malloc(size_t bytes)
{
    allocation_count++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    allocation_count++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    allocation_count++;
    return __libc_realloc(memory, bytes);
}

static struct box box;

static void setup(void)
{
    box_open(&box, "gate \"*\" { accept = {apikey} }\nmax_age = \"60s\"\n"
                   "spool_size = \"4MiB\"");
}

static void teardown(void)
{
    box_close(&box);
}

static unsigned long count_decisions(const struct spop_question *question)
{
    box_ask_through(&box, 0, question);
    box_collect(&box, 0);
    box.answers[0].length = 0;
    unsigned long before = allocation_count;
    for (int i = 0; i < DECISIONS; i++) {
        box_ask(&box, 0, question);
        box_collect(&box, 0);
        box.answers[0].length = 0;
    }
    return allocation_count - before;
}

START_TEST(the_counter_counts)
{
    unsigned long before = allocation_count;
    void *volatile memory = malloc(1);

    free(memory);
    ck_assert_uint_eq(allocation_count - before, 1);
}
END_TEST

START_TEST(an_allow_allocates_nothing)
{
    struct spop_question question = box_question(&box);
    struct spool_counters counters;

    ck_assert_uint_eq(count_decisions(&question), 0);
    spool_counters(box.spool, &counters);
    ck_assert_uint_eq(counters.recorded, DECISIONS + 1);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], DECISIONS + 1);
}
END_TEST

START_TEST(a_deny_allocates_nothing)
{
    struct spop_question question = box_question(&box);

    question.path = "/v2";
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.reasons[REASON_NO_RULE], DECISIONS + 1);
    question.apikey = "rv_bad";
    ck_assert_uint_eq(count_decisions(&question), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocations");
    TCase *tcase = tcase_create("allocations");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_counter_counts);
    tcase_add_test(tcase, an_allow_allocates_nothing);
    tcase_add_test(tcase, a_deny_allocates_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
