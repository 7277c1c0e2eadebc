/* What happens to the audit while the disk is at work: in durable mode the writer writes on. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit/batch.h"
#include "agent/audit/segment.h"
#include "agent/audit/writer_inside.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/running.h"
#include "tests/unit/audit/suites.h"

#define HELD_US    50000
#define BIG_RING   ((size_t)8 * 1024 * 1024)
#define BIG_COUNT  6000 /* records: lines of three times AUDIT_GROUP_BYTES */
#define LOOK_US    200000
#define CPU_US_MAX (LOOK_US / 4)

static struct told told;

static struct audit_writer_counters counters(void)
{
    struct audit_writer_counters now;

    audit_writer_counters(writer, &now);
    return now;
}

/* Five records, or some of them, wait for a sync that runs; the rest of ten stand behind them. */
static void start_with_a_sync(struct audit_writer_settings settings)
{
    start_writer(settings, RING_BYTES);
    WAIT_FOR(access(fixture.file, F_OK) == 0);
    faults_set(&(struct faults){.holds_syncs = true});
    append_records(spool, 1, 5);
    WAIT_FOR(faults_held_syncs() == 1);
    append_records(spool, 6, 10);
    audit_writer_wake(writer);
    ck_assert_uint_eq(spool_settled(spool), 0);
}

static void write_behind_a_sync(void)
{
    start_with_a_sync(settings_of(&fixture));
    WAIT_FOR(counters().written == 10);
    ck_assert_uint_eq(spool_settled(spool), 0);
}

static void assert_sound(uint64_t lines, uint64_t redelivered)
{
    struct line_tally tally;

    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    line_tally_init(&tally, boot, 0);
    line_tally_read_closed(&tally, &fixture);
    line_tally_read(&tally, fixture.file);
    ck_assert_uint_eq(tally.highest, 10);
    ck_assert_uint_eq(tally.line_count, lines);
    ck_assert_uint_eq(tally.redelivered_count, redelivered);
    line_tally_fini(&tally);
}

static size_t file_size(void)
{
    struct stat st;

    return stat(fixture.file, &st) == 0 ? (size_t)st.st_size : 0;
}

START_TEST(a_sync_vouches_for_what_was_written_before_it_began)
{
    write_behind_a_sync();
    faults_let_sync(0);
    WAIT_FOR(spool_settled(spool) > 0);
    ck_assert_uint_le(spool_settled(spool), 5);
    WAIT_FOR(faults_held_syncs() == 1); /* the next one, for the others */
    ck_assert_uint_le(spool_settled(spool), 5);
    faults_let_sync(0);
    WAIT_FOR(spool_settled(spool) == 10);
    faults_set(NULL);
    end_writer();
    assert_sound(10, 0);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
}
END_TEST

START_TEST(a_sync_that_fails_takes_along_what_was_written_behind_it)
{
    write_behind_a_sync();
    faults_let_sync(EIO);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    assert_sound(20, 10);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

START_TEST(the_next_sync_fails_and_takes_along_only_what_is_not_settled)
{
    write_behind_a_sync();
    faults_let_sync(0);
    WAIT_FOR(spool_settled(spool) > 0);
    WAIT_FOR(faults_held_syncs() == 1);
    uint64_t settled = spool_settled(spool);
    faults_let_sync(EIO);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    assert_sound(20 - settled, 10 - settled);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

static void move_file_away(char moved[160])
{
    snprintf(moved, 160, "%s.moved", fixture.file);
    ck_assert_int_eq(rename(fixture.file, moved), 0);
    audit_writer_reopen(writer);
}

/* Nothing holds the worker up, and the file is not left before its sync has ended. */
START_TEST(a_file_that_is_moved_is_left_after_its_sync)
{
    char moved[160];

    write_behind_a_sync();
    move_file_away(moved);
    append_records(spool, 11, 15);
    usleep(HELD_US);
    ck_assert_int_lt(access(fixture.file, F_OK), 0);
    ck_assert_uint_eq(spool_settled(spool), 0);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 15);
    WAIT_FOR(access(fixture.file, F_OK) == 0);
    end_writer();
    struct line_tally tally;
    line_tally_init(&tally, boot, 0);
    line_tally_read(&tally, moved);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, 15);
    ck_assert_uint_eq(tally.redelivered_count, 0);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(a_sync_that_fails_while_the_file_is_moved_loses_nothing)
{
    struct line_tally tally;
    char moved[160];

    write_behind_a_sync();
    move_file_away(moved);
    usleep(HELD_US);
    faults_let_sync(EIO);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    line_tally_init(&tally, boot, 0);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, 10);
    ck_assert_uint_eq(tally.redelivered_count, 10);
    line_tally_fini(&tally);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

/* What a sync did for it is of no use. */
START_TEST(what_waited_for_a_sync_of_a_file_that_is_removed_is_written_again)
{
    write_behind_a_sync();
    ck_assert_int_eq(unlink(fixture.file), 0);
    audit_writer_reopen(writer);
    usleep(HELD_US);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    assert_file_holds(&fixture, boot, 0, 1, 10);
}
END_TEST

START_TEST(a_segment_is_closed_after_its_sync)
{
    start_with_a_sync(small_segments());
    usleep(HELD_US);
    ck_assert_uint_eq(spool_settled(spool), 0);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    assert_sound(10, 0);
    ck_assert_uint_ge(told.counts.segments, 2);
}
END_TEST

/* Nothing goes into it any more, though it was about to be closed anyway. */
START_TEST(a_sync_that_fails_when_a_segment_is_to_be_closed_ends_that)
{
    struct line_tally tally;

    start_with_a_sync(small_segments());
    usleep(HELD_US);
    faults_let_sync(EIO);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 10);
    end_writer();
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    line_tally_init(&tally, boot, 0);
    line_tally_read_closed(&tally, &fixture);
    line_tally_read(&tally, fixture.file);
    ck_assert_uint_gt(tally.redelivered_count, 0);
    line_tally_fini(&tally);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

/* Its closed name is taken, so it goes on with this file, whose last sync must not have failed unseen. */
START_TEST(a_segment_that_can_not_be_closed_is_synced_no_more_than_needed)
{
    struct audit_writer_settings settings = small_segments();
    struct line_tally tally;
    char taken[160];

    settings.key_file = NULL;
    start_writer(settings, RING_BYTES);
    WAIT_FOR(access(fixture.file, F_OK) == 0);
    ck_assert(audit_segment_name(fixture.file, 1, taken, sizeof(taken)));
    write_text(taken, "", 0);
    usleep(HELD_US);
    faults_set(&(struct faults){.sync_countdown = 3}); /* the record's, the checkpoint's */
    append_records(spool, 1, 1);
    WAIT_FOR(spool_settled(spool) == 1);
    usleep(HELD_US);
    append_records(spool, 2, 2);
    usleep(HELD_US);
    ck_assert_int_eq(unlink(taken), 0);
    WAIT_FOR(spool_settled(spool) == 2);
    end_writer();
    line_tally_init(&tally, boot, 0);
    line_tally_read_all(&tally, 1, &fixture);
    ck_assert_uint_eq(tally.highest, 2);
    ck_assert_uint_eq(tally.line_count - tally.redelivered_count, 2);
    line_tally_fini(&tally);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

START_TEST(a_file_that_is_cut_during_a_sync_is_written_again)
{
    write_behind_a_sync();
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    append_records(spool, 11, 15);
    usleep(HELD_US);
    ck_assert_uint_eq(spool_settled(spool), 0);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == 15);
    end_writer();
    assert_file_holds(&fixture, boot, 0, 1, 15);
}
END_TEST

static void *let_later(void *context)
{
    usleep(HELD_US);
    faults_let_sync(*(int *)context);
    faults_set(NULL);
    return NULL;
}

static void end_during_a_sync(int error)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, let_later, &error), 0);
    end_writer();
    pthread_join(thread, NULL);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}

START_TEST(the_end_waits_for_the_sync)
{
    write_behind_a_sync();
    end_during_a_sync(0);
    assert_sound(10, 0);
}
END_TEST

START_TEST(the_end_writes_again_what_a_sync_lost)
{
    write_behind_a_sync();
    end_during_a_sync(EIO);
    assert_sound(20, 10);
}
END_TEST

static int64_t cpu_us(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/* Those who come after a disk hung do not wait as long as it did. */
START_TEST(nobody_gathers_for_as_long_as_a_disk_hung)
{
    static struct audit_writer own;
    struct now now = {.mono_us = 1000000};

    own.syncer = audit_syncer_new(-1, NULL, NULL);
    own.sync_us = 2500000;
    own.group_begin_us = now.mono_us - 1000;
    ck_assert(writer_is_gathering(&own, now));
    own.group_begin_us = now.mono_us - 10000;
    ck_assert(!writer_is_gathering(&own, now));
    own.sync_us = 500;
    own.group_begin_us = now.mono_us - 400;
    ck_assert(writer_is_gathering(&own, now));
    own.group_begin_us = now.mono_us - 600;
    ck_assert(!writer_is_gathering(&own, now));
    audit_syncer_free(own.syncer);
}
END_TEST

/* Its writer neither writes more than may be lost nor keeps looking. */
START_TEST(a_disk_that_hangs_is_waited_for)
{
    start_writer(settings_of(&fixture), BIG_RING);
    faults_set(&(struct faults){.holds_syncs = true});
    append_records(spool, 1, BIG_COUNT);
    WAIT_FOR(faults_held_syncs() == 1 && file_size() >= AUDIT_GROUP_BYTES);
    usleep(HELD_US);
    size_t size = file_size();
    int64_t before_us = cpu_us();
    usleep(LOOK_US);
    ck_assert_int_lt(cpu_us() - before_us, CPU_US_MAX);
    ck_assert_uint_eq(file_size(), size);
    ck_assert_uint_lt(size, AUDIT_GROUP_BYTES + 2 * AUDIT_BATCH_BYTES);
    ck_assert_uint_eq(spool_settled(spool), 0);
    faults_set(NULL);
    WAIT_FOR(spool_settled(spool) == BIG_COUNT);
    end_writer();
    assert_file_holds(&fixture, boot, 0, 1, BIG_COUNT);
}
END_TEST

static void assert_at_least_once(const struct line_tally *tally, uint64_t last)
{
    ck_assert_uint_eq(tally->highest, last);
    for (uint64_t i = 1; i <= last; i++) {
        ck_assert_msg(tally->times[i] > 0, "%llu is lost", (unsigned long long)i);
    }
}

/* While segments end, and the file is moved away now and then. */
START_TEST(syncs_that_fail_again_and_again_lose_nothing)
{
    struct audit_writer_settings settings = small_segments();
    uint64_t last = 3000;
    struct line_tally tally;
    char moved[160];

    settings.key_file = NULL;
    settings.segment_bytes = 16 * 1024;
    start_writer(settings, RING_BYTES);
    line_tally_init(&tally, boot, 0);
    for (uint64_t number = 1; number <= last; number++) {
        WAIT_FOR(has_room());
        append_records(spool, number, number);
        if (number % 30 == 0) {
            faults_set(&(struct faults){.sync_countdown = 1 + (int)(number / 30 % 5)});
            audit_writer_wake(writer);
        }
        if (number % 500 == 0) {
            snprintf(moved, sizeof(moved), "%s.moved", fixture.file);
            WAIT_FOR(rename(fixture.file, moved) == 0); /* it has no name between two segments */
            audit_writer_reopen(writer);
            WAIT_FOR(access(fixture.file, F_OK) == 0);
            faults_set(NULL);
            WAIT_FOR(spool_settled(spool) == number);
            line_tally_read(&tally, moved);
        }
    }
    WAIT_FOR(spool_settled(spool) == last);
    end_writer();
    line_tally_read_closed(&tally, &fixture);
    line_tally_read(&tally, fixture.file);
    assert_at_least_once(&tally, last);
    ck_assert_uint_gt(tally.redelivered_count, 0);
    ck_assert_uint_eq(tally.line_count - tally.redelivered_count, last);
    line_tally_fini(&tally);
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

/* One sync has ended well; then, during the next, all dies. What it had not vouched for is cut off, where
 * power was lost. */
static void die_during_the_second_sync(bool loses_power)
{
    size_t synced = 0;

    write_behind_a_sync();
    faults_let_sync(0);
    WAIT_FOR(spool_settled(spool) > 0);
    WAIT_FOR(faults_held_syncs() == 1);
    size_t length;
    char *text = read_text(fixture.file, &length);
    for (uint64_t i = 0; i < spool_settled(spool); i++) {
        synced =
            (size_t)(line_of(text, "decision", i).ptr - text) + line_of(text, "decision", i).len;
    }
    append_records(spool, 11, 15);
    WAIT_FOR(counters().written == 15);
    if (loses_power && truncate(fixture.file, (off_t)synced) < 0) {
        return;
    }
    kill(getpid(), SIGKILL);
}

static void assert_survives_death(bool loses_power)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        die_during_the_second_sync(loses_power);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
    unsigned dead = ++boot;
    live(3);
    struct line_tally tally;
    line_tally_init(&tally, dead, 0);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, 15);
    ck_assert_uint_eq(tally.redelivered_count, 0);
    line_tally_fini(&tally);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}

START_TEST(death_during_a_sync_loses_nothing)
{
    assert_survives_death(false);
}
END_TEST

START_TEST(what_no_sync_vouched_for_is_written_again_after_a_loss_of_power)
{
    assert_survives_death(true);
}
END_TEST

Suite *syncer_suite(void)
{
    Suite *suite = suite_create("syncer");
    TCase *tcase = tcase_create("syncer");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_sync_vouches_for_what_was_written_before_it_began);
    tcase_add_test(tcase, a_sync_that_fails_takes_along_what_was_written_behind_it);
    tcase_add_test(tcase, the_next_sync_fails_and_takes_along_only_what_is_not_settled);
    tcase_add_test(tcase, a_file_that_is_moved_is_left_after_its_sync);
    tcase_add_test(tcase, a_sync_that_fails_while_the_file_is_moved_loses_nothing);
    tcase_add_test(tcase, what_waited_for_a_sync_of_a_file_that_is_removed_is_written_again);
    tcase_add_test(tcase, a_segment_is_closed_after_its_sync);
    tcase_add_test(tcase, a_sync_that_fails_when_a_segment_is_to_be_closed_ends_that);
    tcase_add_test(tcase, a_segment_that_can_not_be_closed_is_synced_no_more_than_needed);
    tcase_add_test(tcase, a_file_that_is_cut_during_a_sync_is_written_again);
    tcase_add_test(tcase, the_end_waits_for_the_sync);
    tcase_add_test(tcase, the_end_writes_again_what_a_sync_lost);
    tcase_add_test(tcase, a_disk_that_hangs_is_waited_for);
    tcase_add_test(tcase, nobody_gathers_for_as_long_as_a_disk_hung);
    tcase_add_test(tcase, syncs_that_fail_again_and_again_lose_nothing);
    tcase_add_test(tcase, death_during_a_sync_loses_nothing);
    tcase_add_test(tcase, what_no_sync_vouched_for_is_written_again_after_a_loss_of_power);
    suite_add_tcase(suite, tcase);
    return suite;
}
