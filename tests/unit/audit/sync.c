/* What is on the disk when a segment begins, and what follows where that fails. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define WAIT_MS 20000

static struct audit_writer *writer;
static struct spool *spool;
static int saved_log;
static struct told told;

static void start(struct audit_writer_settings settings)
{
    struct diag diag = {0};

    saved_log = silence_log();
    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    spool = open_spool(&fixture, ++boot, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
}

static void end(void)
{
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved_log);
}

static void wait_for_settled(uint64_t sequence)
{
    for (int i = 0; i < WAIT_MS && spool_settled(spool) < sequence; i++) {
        usleep(1000);
    }
    ck_assert_uint_ge(spool_settled(spool), sequence);
}

static uint64_t write_errors(void)
{
    struct audit_writer_counters counters;

    audit_writer_counters(writer, &counters);
    return counters.write_errors;
}

static void wait_for_errors(uint64_t count)
{
    for (int i = 0; i < WAIT_MS && write_errors() < count; i++) {
        usleep(1000);
    }
    ck_assert_uint_ge(write_errors(), count);
}

/* As somebody else rotates; until the writer has another file. */
static void rotate(unsigned number)
{
    char rotated[160];

    snprintf(rotated, sizeof(rotated), "%s.%u", fixture.file, number);
    ck_assert_int_eq(rename(fixture.file, rotated), 0);
    audit_writer_reopen(writer);
    for (int i = 0; i < WAIT_MS && access(fixture.file, F_OK) < 0; i++) {
        usleep(1000);
    }
    ck_assert_int_eq(access(fixture.file, F_OK), 0);
}

static void assert_sound(uint64_t records)
{
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.records, records);
}

/* The segment's header shows the next key, so that signs, whether or not the disk has the header. */
START_TEST(a_header_that_can_not_be_synced_keeps_its_key)
{
    faults_set(&(struct faults){.sync_countdown = 2}); /* the first is of the key's file */
    live(20);
    faults_set(NULL);
    assert_sound(20);
    live(20);
    assert_sound(40);
}
END_TEST

/* Where a new file's name is not on the disk, nothing is that stands in it. */
START_TEST(a_new_file_is_in_its_folder_before_a_record_is_settled)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    unsigned before;

    settings.is_durable = true;
    settings.key_file = NULL;
    start(settings);
    before = faults_folder_syncs();
    rotate(1);
    append_records(spool, 1, 1);
    wait_for_settled(1);
    ck_assert_uint_gt(faults_folder_syncs(), before);
    end();
}
END_TEST

/* Records that came with the header: the sync of the header was theirs, and is not tried again. */
START_TEST(records_behind_a_header_that_can_not_be_synced_are_written_again)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct line_tally tally;

    settings.is_durable = true;
    start(settings);
    faults_set(&(struct faults){.fail_errno = ENOSPC});
    append_records(spool, 1, 5);
    wait_for_errors(1);
    rotate(1);
    wait_for_errors(write_errors() +
                    1); /* the segment's key is made by then, which is synced too */
    faults_set(&(struct faults){.sync_countdown = 1});
    wait_for_settled(5);
    end();
    faults_set(NULL);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    line_tally_init(&tally, boot, 0);
    line_tally_read_closed(&tally, &fixture);
    line_tally_read(&tally, fixture.file);
    /* As many as the writer had read when its first write failed; the others came after the header. */
    ck_assert_uint_ge(tally.redelivered_count, 1);
    ck_assert_uint_le(tally.redelivered_count, 5);
    ck_assert_uint_eq(tally.highest, 5);
    line_tally_fini(&tally);
}
END_TEST

/* A header that was never written takes no number. */
START_TEST(a_segment_that_could_not_begin_is_not_missed)
{
    start(settings_of(&fixture));
    append_records(spool, 1, 5);
    wait_for_settled(5);
    faults_set(&(struct faults){.fail_errno = ENOSPC});
    append_records(spool, 6, 10);
    wait_for_errors(1);
    rotate(1);
    wait_for_errors(write_errors() + 1);
    rotate(2);
    wait_for_errors(write_errors() + 1);
    faults_set(NULL);
    end();
    assert_sound(10);
}
END_TEST

Suite *sync_suite(void)
{
    Suite *suite = suite_create("sync");
    TCase *tcase = tcase_create("sync");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_header_that_can_not_be_synced_keeps_its_key);
    tcase_add_test(tcase, a_new_file_is_in_its_folder_before_a_record_is_settled);
    tcase_add_test(tcase, records_behind_a_header_that_can_not_be_synced_are_written_again);
    tcase_add_test(tcase, a_segment_that_could_not_begin_is_not_missed);
    suite_add_tcase(suite, tcase);
    return suite;
}
