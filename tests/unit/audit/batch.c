#include "agent/audit/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/spool_inside.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

static struct fixture fixture;
static struct audit_batch batch;
static struct audit_file file = AUDIT_FILE_NONE;
static struct spool *spools[2];

static void open_file(void)
{
    struct diag diag = {0};

    ck_assert_msg(audit_file_open(&file, fixture.file, &diag) == ERR_OK, "%s", diag.text);
}

static void setup(void)
{
    fixture_init(&fixture);
    ck_assert_int_eq(audit_batch_init(&batch), ERR_OK);
    for (unsigned i = 0; i < 2; i++) {
        spools[i] = open_spool(&fixture, 1, i);
        ck_assert_int_eq(audit_batch_add(&batch, spools[i], false), ERR_OK);
    }
    open_file();
}

static void teardown(void)
{
    faults_set(NULL);
    audit_batch_fini(&batch);
    audit_file_close(&file);
    spool_close(spools[0]);
    spool_close(spools[1]);
    fixture_fini(&fixture);
}

static enum err deliver(void)
{
    uint64_t count;

    return audit_batch_deliver(&batch, &file, &count);
}

static void assert_all_delivered(uint64_t last)
{
    assert_file_holds(&fixture, 1, 0, 1, last);
    assert_file_holds(&fixture, 1, 1, 1, last);
    ck_assert(audit_batch_is_empty(&batch));
}

static size_t file_size(void)
{
    struct stat st;

    ck_assert_int_eq(stat(fixture.file, &st), 0);
    return (size_t)st.st_size;
}

START_TEST(refuses_what_is_no_regular_file)
{
    struct audit_file other = AUDIT_FILE_NONE;
    struct diag diag = {0};
    char path[128];

    snprintf(path, sizeof(path), "%s/fifo", fixture.root);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(audit_file_open(&other, path, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "not a regular file"));
    ck_assert_int_eq(audit_file_open(&other, fixture.root, &diag), ERR_IO);
    ck_assert_int_eq(audit_file_open(&other, "/dev/null", &diag), ERR_IO);
    snprintf(path, sizeof(path), "%s/missing/audit", fixture.root);
    ck_assert_int_eq(audit_file_open(&other, path, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "No such file"));
}
END_TEST

START_TEST(refuses_a_file_another_agent_writes)
{
    struct audit_file other = AUDIT_FILE_NONE;
    struct diag diag = {0};

    ck_assert_int_eq(audit_file_open(&other, fixture.file, &diag), ERR_BUSY);
}
END_TEST

START_TEST(makes_the_file_readable_by_its_group_only)
{
    struct stat st;

    ck_assert_int_eq(stat(fixture.file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777 & ~0640u, 0);
}
END_TEST

START_TEST(merges_all_spools_into_one_file)
{
    append_records(spools[0], 1, 20);
    append_records(spools[1], 1, 20);
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_all_delivered(20);
}
END_TEST

START_TEST(lets_no_spool_starve)
{
    /* More than a batch in the first, one record in the second. */
    struct spool_identity who = identity(2, 0);
    struct diag diag = {0};
    struct spool *big;

    ck_assert_int_eq(spool_create(fixture.spool_dir, &who, RING_BYTES * 16, &big, &diag), ERR_OK);
    ck_assert_int_eq(audit_batch_add(&batch, big, false), ERR_OK);
    append_records(big, 1, 1500);
    append_records(spools[0], 1, 1);
    for (int i = 0; i < 3; i++) {
        audit_batch_fill(&batch);
        ck_assert_int_eq(deliver(), ERR_OK);
    }
    assert_file_holds(&fixture, 1, 0, 1, 1);
    while (audit_batch_fill(&batch), !audit_batch_is_empty(&batch)) {
        ck_assert_int_eq(deliver(), ERR_OK);
    }
    assert_file_holds(&fixture, 2, 0, 1, 1500);
    spool_close(big);
}
END_TEST

START_TEST(says_so_when_the_disk_fails)
{
    append_records(spools[0], 1, 3);
    faults_set(&(struct faults){.fail_errno = EIO});
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_IO);
    ck_assert_int_eq(errno, EIO);
    ck_assert_uint_eq(file_size(), 0);
    faults_set(NULL);
    append_records(spools[1], 1, 3);
    ck_assert_int_eq(deliver(), ERR_OK);
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_all_delivered(3);
}
END_TEST

static void append_to_both(void)
{
    append_records(spools[0], 1, 2);
    append_records(spools[1], 1, 2);
    audit_batch_fill(&batch);
}

/* The disk is full after any number of bytes; then there is room again. */
START_TEST(delivers_once_whatever_byte_the_disk_is_full_at)
{
    append_to_both();
    size_t length = batch.length - batch.start;
    teardown();
    for (size_t room = 0; room < length; room = next_case(room, 24)) {
        setup();
        append_to_both();
        faults_set(
            &(struct faults){.has_room_limit = true, .room_bytes = room, .cut_fails = _i & 1});
        ck_assert_int_eq(deliver(), ERR_IO);
        ck_assert_int_eq(errno, ENOSPC);
        if (!(_i & 1)) {
            char *text = read_text(fixture.file, &length);
            ck_assert_msg(length == 0 || text[length - 1] == '\n', "torn at %zu", room);
            free(text);
        }
        if (_i & 2) {
            ck_assert_int_eq(deliver(), ERR_IO);
        }
        length = audit_batch_is_empty(&batch) ? length : batch.length - batch.start;
        faults_set(NULL);
        ck_assert_int_eq(deliver(), ERR_OK);
        assert_all_delivered(2);
        append_records(spools[0], 3, 3);
        append_records(spools[1], 3, 3);
        audit_batch_fill(&batch);
        ck_assert_int_eq(deliver(), ERR_OK);
        assert_all_delivered(3);
        teardown();
    }
    setup();
}
END_TEST

/* As above, and the process dies while the disk is full: the next start does the rest. */
START_TEST(the_next_start_delivers_the_rest_whatever_byte_the_disk_was_full_at)
{
    size_t length;

    append_to_both();
    length = batch.length - batch.start;
    teardown();
    for (size_t room = 0; room <= length; room = next_case(room, 24)) {
        setup();
        append_to_both();
        faults_set(&(struct faults){.has_room_limit = true, .room_bytes = room, .cut_fails = _i});
        ck_assert_int_eq(deliver(), room < length ? ERR_IO : ERR_OK);
        faults_set(NULL);
        audit_file_close(&file);
        audit_batch_fini(&batch);
        spool_close(spools[0]);
        spool_close(spools[1]);
        spools[0] = spools[1] = NULL;
        int saved = silence_log();
        audit_writer_close(open_writer(&fixture), 0);
        restore_log(saved);
        assert_file_holds(&fixture, 1, 0, 1, 2);
        assert_file_holds(&fixture, 1, 1, 1, 2);
        ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
        teardown();
    }
    setup();
}
END_TEST

START_TEST(writes_again_what_went_into_a_removed_file)
{
    append_records(spools[0], 1, 2);
    audit_batch_fill(&batch);
    ck_assert_int_eq(unlink(fixture.file), 0);
    ck_assert_int_eq(deliver(), ERR_MISSING);
    open_file();
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_file_holds(&fixture, 1, 0, 1, 2);
}
END_TEST

START_TEST(goes_on_in_a_file_that_was_copied_and_truncated)
{
    append_records(spools[0], 1, 2);
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_OK);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    append_records(spools[0], 3, 4);
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_file_holds(&fixture, 1, 0, 3, 4);
}
END_TEST

/* A torn line that could not be cut is begun anew where somebody else truncated the file. */
START_TEST(does_not_go_on_in_the_middle_of_a_line_that_is_gone)
{
    append_records(spools[0], 1, 2);
    audit_batch_fill(&batch);
    faults_set(&(struct faults){
        .has_room_limit = true, .room_bytes = batch.length - batch.start - 5, .cut_fails = true});
    ck_assert_int_eq(deliver(), ERR_IO);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    faults_set(NULL);
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_file_holds(&fixture, 1, 0, 2, 2);
}
END_TEST

START_TEST(ends_a_last_line_that_somebody_left_open)
{
    size_t length;

    audit_file_close(&file);
    write_text(fixture.file, "{\"foreign\":1", 12);
    open_file();
    append_records(spools[0], 1, 1);
    audit_batch_fill(&batch);
    ck_assert_int_eq(deliver(), ERR_OK);
    char *text = read_text(fixture.file, &length);
    ck_assert_ptr_eq(strstr(text, "{\"foreign\":1\n{\"v\":1,"), text);
    free(text);
}
END_TEST

START_TEST(skips_a_record_that_is_no_entry)
{
    struct audit_ring *ring = spool_ring(spools[0]);
    size_t room;

    memset(audit_ring_reserve(ring, 0, &room), 0xc1, 10);
    audit_ring_commit(ring, 10);
    int saved = silence_log();
    audit_batch_fill(&batch);
    ck_assert(audit_batch_is_empty(&batch));
    ck_assert(audit_ring_is_empty(ring));
    ck_assert_uint_eq(batch.unreadable_count, 1);
    append_records(spools[0], 2, 2);
    memset(audit_ring_reserve(ring, 0, &room), 0xc1, 10);
    audit_ring_commit(ring, 10);
    audit_batch_fill(&batch);
    restore_log(saved);
    ck_assert_int_eq(deliver(), ERR_OK);
    assert_file_holds(&fixture, 1, 0, 2, 2);
    ck_assert(audit_ring_is_empty(ring));
}
END_TEST

Suite *batch_suite(void)
{
    Suite *suite = suite_create("batch");
    TCase *tcase = tcase_create("batch");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_test(tcase, refuses_what_is_no_regular_file);
    tcase_add_test(tcase, refuses_a_file_another_agent_writes);
    tcase_add_test(tcase, makes_the_file_readable_by_its_group_only);
    tcase_add_test(tcase, says_so_when_the_disk_fails);
    tcase_add_loop_test(tcase, delivers_once_whatever_byte_the_disk_is_full_at, 0, 4);
    tcase_add_loop_test(tcase, the_next_start_delivers_the_rest_whatever_byte_the_disk_was_full_at,
                        0, 2);
    tcase_add_test(tcase, writes_again_what_went_into_a_removed_file);
    tcase_add_test(tcase, goes_on_in_a_file_that_was_copied_and_truncated);
    tcase_add_test(tcase, does_not_go_on_in_the_middle_of_a_line_that_is_gone);
    tcase_add_test(tcase, ends_a_last_line_that_somebody_left_open);
    tcase_add_test(tcase, skips_a_record_that_is_no_entry);
    tcase_add_test(tcase, merges_all_spools_into_one_file);
    tcase_add_test(tcase, lets_no_spool_starve);
    suite_add_tcase(suite, tcase);
    return suite;
}
