#include "agent/audit/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/audit/spool_inside.h"
#include "agent/audit/writer_inside.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define CLOSE_US  20000000
#define WAIT_MS   20000
#define ROTATIONS 1000

static struct fixture fixture;
static struct audit_writer *writer;
static struct spool *spool;

static void setup(void)
{
    fixture_init(&fixture);
    writer = open_writer(&fixture);
    spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
}

static void close_all(void)
{
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    writer = NULL;
    spool = NULL;
}

static void teardown(void)
{
    faults_set(NULL);
    close_all();
    fixture_fini(&fixture);
}

static struct audit_writer_counters counters(void)
{
    struct audit_writer_counters now;

    audit_writer_counters(writer, &now);
    return now;
}

static void sleep_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};

    nanosleep(&pause, NULL);
}

/* Waits until the condition holds. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int waited = 0;                                                                            \
        for (; !(condition) && waited < WAIT_MS; waited++) {                                       \
            sleep_ms(1);                                                                           \
        }                                                                                          \
        ck_assert_msg(waited < WAIT_MS, "waited in vain for " #condition);                         \
    } while (0)

static bool exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static enum err try_open(const char *file, const char *spool_dir, struct diag *diag)
{
    struct audit_writer_settings settings = {
        .audit_file = file, .spool_dir = spool_dir, .agent = "gw1"};
    struct audit_writer *other;

    return audit_writer_open(&settings, &other, diag);
}

START_TEST(refuses_a_folder_that_is_held)
{
    struct diag diag = {0};
    char file[128];

    snprintf(file, sizeof(file), "%s/other.jsonl", fixture.root);
    ck_assert_int_eq(try_open(file, fixture.spool_dir, &diag), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(diag.text, "another agent"));
}
END_TEST

START_TEST(refuses_a_folder_that_is_held_and_was_emptied)
{
    struct diag diag = {0};
    char path[128];

    snprintf(path, sizeof(path), "rm -rf %s/*", fixture.spool_dir);
    ck_assert_int_eq(system(path), 0);
    snprintf(path, sizeof(path), "%s/other.jsonl", fixture.root);
    ck_assert_int_eq(try_open(path, fixture.spool_dir, &diag), ERR_BUSY);
}
END_TEST

START_TEST(refuses_a_file_that_is_held)
{
    struct diag diag = {0};

    ck_assert_int_eq(try_open(fixture.file, fixture.root, &diag), ERR_BUSY);
}
END_TEST

START_TEST(refuses_folders_that_are_not_there)
{
    struct diag diag = {0};
    char missing[128];

    snprintf(missing, sizeof(missing), "%s/missing", fixture.root);
    ck_assert_int_eq(try_open(fixture.file, missing, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "spool_dir"));
    snprintf(missing, sizeof(missing), "%s/missing/audit", fixture.root);
    ck_assert_int_eq(try_open(missing, fixture.root, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "audit_file"));
}
END_TEST

START_TEST(delivers_everything_before_it_ends)
{
    append_records(spool, 1, 100);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    close_all();
    assert_file_holds(&fixture, 1, 0, 1, 100);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
}
END_TEST

START_TEST(delivers_without_a_thread_too)
{
    append_records(spool, 1, 100);
    close_all();
    assert_file_holds(&fixture, 1, 0, 1, 100);
}
END_TEST

START_TEST(delivers_counts_before_it_ends)
{
    struct audit_record record = stranger_record(1);
    size_t length;

    while (spool_append(spool, &record) == SPOOL_RECORDED) {
    }
    close_all();
    char *text = read_text(fixture.file, &length);
    ck_assert_ptr_nonnull(strstr(text, "\"type\":\"count\""));
    free(text);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
}
END_TEST

START_TEST(delivers_while_it_runs)
{
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    append_records(spool, 1, 10);
    WAIT_FOR(counters().written == 10);
    assert_file_holds(&fixture, 1, 0, 1, 10);
}
END_TEST

START_TEST(gives_up_in_time_and_leaves_the_rest)
{
    int saved = silence_log();

    append_records(spool, 1, 10);
    faults_set(&(struct faults){.fail_errno = EIO});
    audit_writer_close(writer, 50000);
    writer = NULL;
    spool_close(spool);
    spool = NULL;
    restore_log(saved);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 1);
    faults_set(NULL);
    writer = open_writer(&fixture);
    assert_file_holds(&fixture, 1, 0, 1, 10);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
}
END_TEST

START_TEST(does_not_wait_for_a_record_that_can_not_be_read)
{
    int saved = silence_log();

    append_records(spool, 1, 2);
    uint64_t third = spool_ring(spool)->head;
    append_records(spool, 3, 3);
    spool_ring(spool)->data[third + 16] ^= 0xff;
    int64_t begin_us = clock_read().mono_us;
    close_all();
    ck_assert_int_lt(clock_read().mono_us - begin_us, CLOSE_US / 2);
    assert_file_holds(&fixture, 1, 0, 1, 2);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 1);
    audit_writer_close(open_writer(&fixture), 0);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool.bad"), 1);
    restore_log(saved);
}
END_TEST

/* The spool fills, decisions are refused, and all goes on by itself when there is room again. */
START_TEST(fills_the_spool_while_the_disk_is_full_and_recovers_alone)
{
    struct audit_record record = sample_record(1);
    struct spool_counters spooled;
    struct line_tally tally;
    int saved = silence_log();

    faults_set(&(struct faults){.has_room_limit = true, .room_bytes = 1000});
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    while (spool_append(spool, &record) == SPOOL_RECORDED) {
    }
    WAIT_FOR(counters().write_errors > 0);
    faults_set(NULL);
    WAIT_FOR(spool_append(spool, &record) == SPOOL_RECORDED);
    close_all();
    restore_log(saved);
    (void)spooled;
    line_tally_init(&tally, 1, 0);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, tally.highest);
    ck_assert_uint_gt(tally.highest, 100);
    line_tally_fini(&tally);
}
END_TEST

/* A real limit of the system instead of the fault library. */
START_TEST(survives_a_file_size_limit)
{
    struct rlimit before, limit;
    int saved = silence_log();

    signal(SIGXFSZ, SIG_IGN);
    append_records(spool, 1, 20);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 2000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    WAIT_FOR(counters().write_errors > 1);
    ck_assert_uint_gt(counters().written, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    close_all();
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 1, 20);
}
END_TEST

/* Its ring is as small as can be; a worker's as small must be looked at each millisecond. */
START_TEST(a_journal_does_not_hasten_an_idle_writer)
{
    struct journal *journal;
    struct diag diag = {0};
    struct fixture other;

    fixture_init(&other);
    struct audit_writer *idle = open_writer(&other);
    int64_t pause_us = idle->idle_pause_us;
    ck_assert_int_eq(journal_create(other.spool_dir, "gw1", identity(1, 0).boot, &journal, &diag),
                     ERR_OK);
    ck_assert_int_eq(audit_writer_add_journal(idle, journal), ERR_OK);
    ck_assert_int_eq(idle->idle_pause_us, pause_us);
    journal_sink(journal, "recovered", NULL);
    audit_writer_close(idle, CLOSE_US);
    journal_close(journal);
    assert_file_holds(&other, 1, AUDIT_JOURNAL_WORKER, 1, 1);
    fixture_fini(&other);
    ck_assert_int_lt(writer->idle_pause_us, pause_us);
}
END_TEST

struct load {
    atomic_bool is_done;
    uint64_t recorded, wanted;
};

static void *append_all(void *context)
{
    struct load *load = context;

    while (load->recorded < load->wanted) {
        struct audit_record record = sample_record(load->recorded);

        if (spool_append(spool, &record) == SPOOL_RECORDED) {
            load->recorded++;
        } else {
            sleep_ms(1);
        }
    }
    atomic_store(&load->is_done, true);
    return NULL;
}

static unsigned rotate_under_load(struct load *load)
{
    unsigned count = 0;

    while (!atomic_load(&load->is_done) && count < ROTATIONS) {
        char rotated[128];

        snprintf(rotated, sizeof(rotated), "%s.%u", fixture.file, count++);
        ck_assert_int_eq(rename(fixture.file, rotated), 0);
        audit_writer_reopen(writer);
        WAIT_FOR(exists(fixture.file));
    }
    return count;
}

START_TEST(loses_nothing_by_rotation_under_load)
{
    struct load load = {.wanted = is_long_run() ? 300000 : 4000};
    struct line_tally tally;
    pthread_t thread;
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, append_all, &load), 0);
    unsigned count = rotate_under_load(&load);
    pthread_join(thread, NULL);
    close_all();
    restore_log(saved);
    ck_assert_uint_gt(count, 3);
    line_tally_init(&tally, 1, 0);
    line_tally_read(&tally, fixture.file);
    for (unsigned i = 0; i < count; i++) {
        char rotated[128];

        snprintf(rotated, sizeof(rotated), "%s.%u", fixture.file, i);
        line_tally_read(&tally, rotated);
    }
    assert_exactly_once(&tally, 1, tally.highest);
    ck_assert_uint_ge(tally.line_count, load.wanted);
    line_tally_fini(&tally);
}
END_TEST

/* The disk was full, the torn line could not be cut, the file is rotated: then it can be. */
START_TEST(leaves_no_torn_line_in_a_file_it_leaves)
{
    struct line_tally tally;
    char rotated[128];
    int saved = silence_log();

    append_records(spool, 1, 3);
    faults_set(&(struct faults){.has_room_limit = true, .room_bytes = 1000, .cut_fails = true});
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    WAIT_FOR(counters().write_errors > 0);
    faults_set(&(struct faults){.has_room_limit = true});
    snprintf(rotated, sizeof(rotated), "%s.1", fixture.file);
    ck_assert_int_eq(rename(fixture.file, rotated), 0);
    audit_writer_reopen(writer);
    WAIT_FOR(exists(fixture.file));
    faults_set(NULL);
    close_all();
    restore_log(saved);
    line_tally_init(&tally, 1, 0);
    line_tally_read(&tally, rotated);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, 3);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(notices_a_renamed_file_by_itself)
{
    char rotated[128];
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    append_records(spool, 1, 5);
    WAIT_FOR(counters().written == 5);
    snprintf(rotated, sizeof(rotated), "%s.1", fixture.file);
    ck_assert_int_eq(rename(fixture.file, rotated), 0);
    WAIT_FOR(exists(fixture.file));
    append_records(spool, 6, 9);
    WAIT_FOR(counters().written == 9);
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 6, 9);
}
END_TEST

START_TEST(writes_no_line_into_a_removed_file)
{
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    ck_assert_int_eq(unlink(fixture.file), 0);
    append_records(spool, 1, 5);
    WAIT_FOR(counters().written == 5);
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 1, 5);
}
END_TEST

START_TEST(goes_over_to_another_file)
{
    struct fixture other = fixture;
    int saved = silence_log();

    append_records(spool, 1, 5);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    WAIT_FOR(counters().written == 5);
    snprintf(other.file, sizeof(other.file), "%s/other.jsonl", fixture.root);
    ck_assert_int_eq(audit_writer_set_file(writer, other.file), ERR_OK);
    WAIT_FOR(exists(other.file));
    append_records(spool, 6, 9);
    close_all();
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 1, 5);
    assert_file_holds(&other, 1, 0, 6, 9);
}
END_TEST

START_TEST(stays_with_the_old_file_while_the_new_one_can_not_be_opened)
{
    char missing[128];
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    snprintf(missing, sizeof(missing), "%s/missing/audit", fixture.root);
    ck_assert_int_eq(audit_writer_set_file(writer, missing), ERR_OK);
    WAIT_FOR(counters().write_errors > 0);
    append_records(spool, 1, 5);
    close_all();
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 1, 5);
}
END_TEST

START_TEST(keeps_a_request_to_reopen_that_came_before_the_thread)
{
    char rotated[128];
    int saved = silence_log();

    snprintf(rotated, sizeof(rotated), "%s.1", fixture.file);
    ck_assert_int_eq(rename(fixture.file, rotated), 0);
    audit_writer_reopen(writer);
    append_records(spool, 1, 5);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    close_all();
    restore_log(saved);
    assert_file_holds(&fixture, 1, 0, 1, 5);
}
END_TEST

Suite *writer_suite(void)
{
    Suite *suite = suite_create("writer");
    TCase *tcase = tcase_create("writer");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, refuses_a_folder_that_is_held);
    tcase_add_test(tcase, refuses_a_folder_that_is_held_and_was_emptied);
    tcase_add_test(tcase, refuses_a_file_that_is_held);
    tcase_add_test(tcase, refuses_folders_that_are_not_there);
    tcase_add_test(tcase, gives_up_in_time_and_leaves_the_rest);
    tcase_add_test(tcase, does_not_wait_for_a_record_that_can_not_be_read);
    tcase_add_test(tcase, fills_the_spool_while_the_disk_is_full_and_recovers_alone);
    tcase_add_test(tcase, survives_a_file_size_limit);
    tcase_add_test(tcase, delivers_everything_before_it_ends);
    tcase_add_test(tcase, delivers_without_a_thread_too);
    tcase_add_test(tcase, delivers_counts_before_it_ends);
    tcase_add_test(tcase, delivers_while_it_runs);
    tcase_add_test(tcase, a_journal_does_not_hasten_an_idle_writer);
    tcase_add_test(tcase, loses_nothing_by_rotation_under_load);
    tcase_add_test(tcase, leaves_no_torn_line_in_a_file_it_leaves);
    tcase_add_test(tcase, notices_a_renamed_file_by_itself);
    tcase_add_test(tcase, writes_no_line_into_a_removed_file);
    tcase_add_test(tcase, goes_over_to_another_file);
    tcase_add_test(tcase, stays_with_the_old_file_while_the_new_one_can_not_be_opened);
    tcase_add_test(tcase, keeps_a_request_to_reopen_that_came_before_the_thread);
    suite_add_tcase(suite, tcase);
    return suite;
}
