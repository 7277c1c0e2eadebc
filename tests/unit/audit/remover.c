/* Old segments are removed beside the writer. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "agent/audit/writer_inside.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/running.h"
#include "tests/unit/audit/suites.h"

#define LATE_US 200000

static struct told told;

/* To unlink a large file takes a disk tenths of a second. */
START_TEST(removing_old_segments_holds_up_nobody)
{
    struct audit_writer_settings settings = small_segments();
    uint64_t last = 1000;

    settings.segment_bytes = 16 * 1024;
    settings.retention.keep_count = 1;
    start_writer(settings, RING_BYTES);
    faults_set(&(struct faults){.holds_unlinks = true});
    for (uint64_t number = 1; number <= last; number++) {
        WAIT_FOR(has_room());
        append_records(spool, number, number);
    }
    WAIT_FOR(faults_held_unlinks() == 1);
    WAIT_FOR(spool_settled(spool) == last);
    faults_set(NULL);
    WAIT_FOR(count_segments() <= 3);
    end_writer();
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_gt(told.counts.segments, 6);
}
END_TEST

static bool holds_the_third(void *context, uint64_t number, size_t newer_count)
{
    _Atomic bool *was_asked = context;

    (void)newer_count;
    *was_asked |= number == 3;
    return number >= 3;
}

START_TEST(what_is_held_is_not_removed)
{
    struct audit_writer_settings settings = small_segments();
    _Atomic bool was_asked = false;
    char second[160], third[160];

    settings.segment_bytes = 16 * 1024;
    settings.retention = (struct audit_retention){
        .keep_count = 1, .is_held_cb = holds_the_third, .context = &was_asked};
    ck_assert(audit_segment_name(fixture.file, 2, second, sizeof(second)));
    ck_assert(audit_segment_name(fixture.file, 3, third, sizeof(third)));
    start_writer(settings, RING_BYTES);
    for (uint64_t number = 1; number <= 500; number++) {
        WAIT_FOR(has_room());
        append_records(spool, number, number);
    }
    WAIT_FOR(was_asked);
    end_writer();
    ck_assert_int_eq(access(second, F_OK), -1);
    ck_assert_int_eq(access(third, F_OK), 0);
}
END_TEST

static bool is_stopping(void)
{
    pthread_mutex_lock(&writer->mutex);
    bool is_stopping = writer->is_stopping;
    pthread_mutex_unlock(&writer->mutex);
    return is_stopping;
}

/* The unlink goes on while the writer waits for it. */
static void *let_unlinks_late(void *nothing)
{
    while (!is_stopping()) {
        usleep(1000);
    }
    usleep(LATE_US);
    faults_set(NULL);
    return nothing;
}

/* All but one may be removed, which must not take long. */
START_TEST(who_closes_waits_for_one_segment_to_be_removed)
{
    struct audit_writer_settings settings = small_segments();
    pthread_t thread;

    settings.segment_bytes = 16 * 1024;
    start_writer(settings, RING_BYTES);
    for (uint64_t number = 1; number <= 1000; number++) {
        WAIT_FOR(has_room());
        append_records(spool, number, number);
    }
    end_writer();
    size_t before = count_segments();
    settings.retention.keep_count = 1;
    faults_set(&(struct faults){.holds_unlinks = true});
    start_writer(settings, RING_BYTES);
    audit_writer_reopen(writer);
    WAIT_FOR(faults_held_unlinks() == 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, let_unlinks_late, NULL), 0);
    end_writer();
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_gt(before, 6);
    ck_assert_uint_ge(count_segments(), before - 1);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}
END_TEST

Suite *remover_suite(void)
{
    Suite *suite = suite_create("remover");
    TCase *tcase = tcase_create("remover");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, removing_old_segments_holds_up_nobody);
    tcase_add_test(tcase, what_is_held_is_not_removed);
    tcase_add_test(tcase, who_closes_waits_for_one_segment_to_be_removed);
    suite_add_tcase(suite, tcase);
    return suite;
}
