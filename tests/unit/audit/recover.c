#include "agent/audit/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/coalesce.h"
#include "agent/audit/spool_inside.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define RECORDS   40u
#define SETTLED   10u /* delivered before the last batch */
#define DELIVERED 20u /* by the last batch, which was not settled */

static struct fixture fixture;
static char spool_file[256];
/* What a start makes of a file without a header, as die_unsettled() leaves it. */
static char closed_file[256];

static void read_all(struct line_tally *tally)
{
    line_tally_read_closed(tally, &fixture);
    line_tally_read(tally, fixture.file);
}

/* A process that died between the write of a batch and its end. */
static void die_unsettled(uint64_t records, uint64_t settled, uint64_t delivered)
{
    struct spool *spool = open_spool(&fixture, 1, 0);
    struct audit_file file = AUDIT_FILE_NONE;
    struct audit_batch batch;
    struct diag diag = {0};
    uint64_t count;

    snprintf(spool_file, sizeof(spool_file), "%s", spool_path(spool));
    ck_assert_int_eq(audit_file_open(&file, fixture.file, &diag), ERR_OK);
    ck_assert_int_eq(audit_batch_init(&batch), ERR_OK);
    ck_assert_int_eq(audit_batch_add(&batch, spool, false), ERR_OK);
    if (settled > 0) {
        append_records(spool, 1, settled);
        audit_batch_fill(&batch);
        ck_assert_int_eq(audit_batch_deliver(&batch, &file, &count), ERR_OK);
    }
    append_records(spool, settled + 1, delivered);
    audit_batch_fill(&batch);
    struct audit_ring_ledger before = spool_ring(spool)->ledger;
    ck_assert_int_eq(audit_batch_deliver(&batch, &file, &count), ERR_OK);
    struct audit_ring_ledger after = spool_ring(spool)->ledger;
    after.tail = before.tail;
    after.delivered = before.delivered;
    spool_ring(spool)->ledger = after;
    audit_ring_mark(spool_ring(spool), &after.place, delivered);
    if (records > delivered) {
        append_records(spool, delivered + 1, records);
    }
    audit_batch_fini(&batch);
    audit_file_close(&file);
    spool_close(spool);
}

static void setup(void)
{
    fixture_init(&fixture);
    snprintf(closed_file, sizeof(closed_file), "%s.00000001", fixture.file);
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

static void append_text(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "ab");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static void start_and_stop(void)
{
    int saved = silence_log();

    audit_writer_close(open_writer(&fixture), 0);
    restore_log(saved);
}

START_TEST(resumes_after_what_the_file_holds)
{
    die_unsettled(RECORDS, SETTLED, DELIVERED);
    start_and_stop();
    assert_file_holds(&fixture, 1, 0, 1, RECORDS);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
    start_and_stop();
    assert_file_holds(&fixture, 1, 0, 1, RECORDS);
}
END_TEST

/* The file ends after any byte of the last batch. */
START_TEST(cuts_the_torn_line_and_writes_it_again)
{
    size_t whole, length;
    char *text;

    die_unsettled(4, 1, 3);
    text = read_text(fixture.file, &whole);
    char *settled_end = strchr(text, '\n') + 1;
    size_t first = (size_t)(settled_end - text);
    char *spool = read_text(spool_file, &length);
    for (size_t cut = first; cut <= whole; cut = next_case(cut, 12)) {
        write_text(spool_file, spool, length);
        ck_assert_int_eq(truncate(fixture.file, (off_t)cut), 0);
        start_and_stop();
        assert_file_holds(&fixture, 1, 0, 1, 4);
        /* The same inode, as it was. */
        ck_assert_int_eq(rename(closed_file, fixture.file), 0);
        ck_assert_int_eq(truncate(fixture.file, 0), 0);
        append_text(fixture.file, text, whole);
    }
    free(spool);
    free(text);
}
END_TEST

START_TEST(finds_the_file_under_its_rotated_name)
{
    struct line_tally tally;
    char rotated[128];

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    snprintf(rotated, sizeof(rotated), "%s.1", fixture.file);
    ck_assert_int_eq(rename(fixture.file, rotated), 0);
    start_and_stop();
    line_tally_init(&tally, 1, 0);
    line_tally_read(&tally, rotated);
    assert_exactly_once(&tally, 1, DELIVERED);
    read_all(&tally);
    assert_exactly_once(&tally, 1, RECORDS);
    ck_assert_uint_eq(tally.redelivered_count, 0);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(marks_what_it_delivers_again_when_the_file_is_gone)
{
    struct line_tally tally;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    ck_assert_int_eq(unlink(fixture.file), 0);
    write_text(fixture.file, "", 0); /* may take the same inode, so keep it from being found */
    ck_assert_int_eq(unlink(fixture.file), 0);
    start_and_stop();
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    assert_exactly_once(&tally, SETTLED + 1, RECORDS);
    ck_assert_uint_eq(tally.redelivered_count, DELIVERED - SETTLED);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(marks_what_it_delivers_again_when_the_file_was_truncated)
{
    struct line_tally tally;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    start_and_stop();
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    assert_exactly_once(&tally, SETTLED + 1, RECORDS);
    ck_assert_uint_eq(tally.redelivered_count, DELIVERED - SETTLED);
    line_tally_fini(&tally);
}
END_TEST

/* Copied and truncated after the batch's place was noted, before its lines were written. */
START_TEST(finds_the_batch_in_a_file_that_was_truncated_before_it)
{
    struct line_tally tally;
    size_t length;

    die_unsettled(4, 1, 2);
    char *text = read_text(fixture.file, &length);
    const char *batch = strchr(text, '\n') + 1;
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    append_text(fixture.file, batch, strlen(batch));
    free(text);
    start_and_stop();
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    assert_exactly_once(&tally, 2, 4);
    ck_assert_uint_eq(tally.redelivered_count, 0);
    line_tally_fini(&tally);
}
END_TEST

/* As when the file was removed and its inode number went to another file. */
static void give_place_to(const char *path)
{
    struct audit_file file = AUDIT_FILE_NONE;
    struct audit_place place;
    struct spool *spool;
    struct diag diag = {0};

    ck_assert_int_eq(audit_file_open(&file, path, &diag), ERR_OK);
    ck_assert_int_eq(audit_file_place(&file, &place), ERR_OK);
    audit_file_close(&file);
    ck_assert_int_eq(spool_adopt(spool_file, &spool, &diag), ERR_OK);
    struct audit_ring *ring = spool_ring(spool);
    place.born_ns = ring->ledger.place.born_ns;
    place.offset = ring->ledger.place.offset;
    audit_ring_mark(ring, &place, ring->ledger.batch_end);
    spool_close(spool);
}

START_TEST(does_not_touch_another_file_that_took_the_inode)
{
    struct line_tally tally;
    char other[128];
    size_t length;

    die_unsettled(RECORDS, 0, DELIVERED);
    ck_assert_int_eq(unlink(fixture.file), 0);
    snprintf(other, sizeof(other), "%s/other.jsonl", fixture.root);
    write_text(other, "{\"v\":1,\"ty", 10);
    give_place_to(other);
    start_and_stop();
    char *text = read_text(other, &length);
    ck_assert_str_eq(text, "{\"v\":1,\"ty");
    free(text);
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    assert_exactly_once(&tally, 1, RECORDS);
    ck_assert_uint_eq(tally.redelivered_count, DELIVERED);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(does_not_cut_a_line_that_is_not_ours)
{
    static const char foreign[] = "foreign text without an end";
    size_t length;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    append_text(fixture.file, foreign, strlen(foreign));
    start_and_stop();
    char *text = read_text(closed_file, &length);
    ck_assert_ptr_nonnull(strstr(text, foreign));
    free(text);
}
END_TEST

START_TEST(delivers_old_boots_oldest_first_and_removes_them)
{
    size_t length;

    for (unsigned boot = 9; boot >= 7; boot--) {
        struct spool *spool = open_spool(&fixture, boot, 0);

        append_records(spool, 1, 2);
        spool_close(spool);
        usleep(1000); /* their age is in microseconds */
    }
    start_and_stop();
    char *text = read_text(fixture.file, &length);
    const char *nine = strstr(text, "0009\""), *eight = strstr(text, "0008\"");
    const char *seven = strstr(text, "0007\"");
    ck_assert(nine && eight && seven && nine < eight && eight < seven);
    free(text);
    for (unsigned boot = 7; boot <= 9; boot++) {
        struct line_tally tally;

        line_tally_init(&tally, boot, 0);
        read_all(&tally);
        assert_exactly_once(&tally, 1, 2);
        line_tally_fini(&tally);
    }
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
}
END_TEST

START_TEST(moves_garbage_aside_and_goes_on)
{
    char path[256];

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    snprintf(path, sizeof(path), "%s/garbage.spool", fixture.spool_dir);
    write_text(path, "garbage", 7);
    snprintf(path, sizeof(path), "%s/directory.spool", fixture.spool_dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/fifo.spool", fixture.spool_dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/half.spool.new", fixture.spool_dir);
    write_text(path, "", 0);
    start_and_stop();
    assert_file_holds(&fixture, 1, 0, 1, RECORDS);
    ck_assert_uint_ge(count_files(fixture.spool_dir, ".bad"), 2);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".new"), 0);
}
END_TEST

/* Part of the file that a flip can hit, and how far apart the flips are, as a rule. */
static const struct {
    const char *name;
    size_t begin, end, step, long_step;
} parts[] = {
    {"control page", 0, 1024, 13, 1},
    {"free room of the control page", 1024, 4096, 211, 1},
    {"scratch", 4096, 65536, 1601, 61},
    {"records", 65536, 65536 + 14 * 1024, 151, 1},
    {"free room", 65536 + 14 * 1024, 131072, 1601, 61},
};

static void flip_and_start(const char *spool, size_t length, const char *text, size_t text_length,
                           size_t at)
{
    struct line_tally tally;
    char *flipped = malloc(length);

    ck_assert_ptr_nonnull(flipped);
    memcpy(flipped, spool, length);
    flipped[at] = (char)~flipped[at];
    write_text(spool_file, flipped, length);
    free(flipped);
    if (access(closed_file, F_OK) == 0) {
        ck_assert_int_eq(rename(closed_file, fixture.file), 0); /* the same inode, as it was */
    }
    write_text(fixture.file, text, text_length);
    start_and_stop();
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    bool is_refused = count_files(fixture.spool_dir, ".bad") > 0 && tally.highest == DELIVERED;
    assert_exactly_once(&tally, 1, DELIVERED);
    uint64_t missing = RECORDS - DELIVERED;
    for (uint64_t i = DELIVERED + 1; i <= tally.highest; i++) {
        if (tally.times[i] > 1) {
            ck_abort_msg("%zu: %llu twice", at, (unsigned long long)i);
        }
        missing -= tally.times[i];
    }
    ck_assert_msg(is_refused || missing <= 1, "%zu: %llu missing", at, (unsigned long long)missing);
    ck_assert_msg(missing == 0 || count_files(fixture.spool_dir, ".bad") == 1,
                  "%zu: lost without a trace", at);
    ck_assert_uint_eq(tally.redelivered_count, 0);
    line_tally_fini(&tally);
    char aside[300];
    snprintf(aside, sizeof(aside), "%s.bad", spool_file);
    unlink(aside);
}

START_TEST(survives_any_byte_of_the_spool_flipped)
{
    size_t length, text_length;
    size_t step = is_long_run() ? parts[_i].long_step : parts[_i].step;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    char *spool = read_text(spool_file, &length);
    char *text = read_text(fixture.file, &text_length);
    ck_assert_uint_eq(length, parts[COUNT(parts) - 1].end);
    for (size_t at = parts[_i].begin; at < parts[_i].end; at += step) {
        flip_and_start(spool, length, text, text_length, at);
    }
    free(spool);
    free(text);
}
END_TEST

/* The dead agent counted a request, which the next start records. */
static void count_stranger(void)
{
    struct audit_record record = stranger_record(1);
    struct diag diag = {0};
    struct spool *spool;

    ck_assert_int_eq(spool_adopt(spool_file, &spool, &diag), ERR_OK);
    audit_coalesce_add(spool_ring(spool), &record);
    spool_close(spool);
}

static void wipe_records(void)
{
    size_t length, data = parts[COUNT(parts) - 2].begin;
    char *spool = read_text(spool_file, &length);

    memset(spool + data, 0, length - data);
    write_text(spool_file, spool, length);
    free(spool);
}

static struct audit_writer_counters start_and_count(void)
{
    struct audit_writer_counters counters;
    int saved = silence_log();
    struct audit_writer *writer = open_writer(&fixture);

    audit_writer_counters(writer, &counters);
    audit_writer_close(writer, 0);
    restore_log(saved);
    return counters;
}

/* With and without a record after those that are gone; what the file holds is not lost. */
START_TEST(counts_what_is_lost_and_gives_its_sequence_to_nothing_else)
{
    struct line_tally tally;
    bool has_count = _i == 1;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    if (has_count) {
        count_stranger();
    }
    wipe_records();
    struct audit_writer_counters counters = start_and_count();
    ck_assert_uint_eq(counters.lost, RECORDS - DELIVERED);
    ck_assert_uint_eq(counters.written, has_count);
    line_tally_init(&tally, 1, 0);
    read_all(&tally);
    assert_exactly_once(&tally, 1, DELIVERED);
    if (has_count) {
        assert_exactly_once(&tally, RECORDS + 1, RECORDS + 1);
    }
    ck_assert_uint_eq(tally.line_count, DELIVERED + has_count);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".bad"), 1);
    line_tally_fini(&tally);
}
END_TEST

/* Or the count would be recorded as what can never be read, and the spool would stay for ever. */
START_TEST(drains_a_spool_whose_batch_ends_too_far)
{
    struct diag diag = {0};
    struct spool *spool;

    die_unsettled(RECORDS, SETTLED, DELIVERED);
    count_stranger();
    ck_assert_int_eq(spool_adopt(spool_file, &spool, &diag), ERR_OK);
    struct audit_ring *ring = spool_ring(spool);
    audit_ring_mark(ring, &ring->ledger.place, UINT64_C(1) << 40);
    spool_close(spool);
    start_and_stop();
    assert_file_holds(&fixture, 1, 0, 1, RECORDS + 1);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 0);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".bad"), 1);
}
END_TEST

Suite *recover_suite(void)
{
    Suite *suite = suite_create("recover");
    TCase *tcase = tcase_create("recover");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_test(tcase, moves_garbage_aside_and_goes_on);
    tcase_add_loop_test(tcase, survives_any_byte_of_the_spool_flipped, 0, COUNT(parts));
    tcase_add_loop_test(tcase, counts_what_is_lost_and_gives_its_sequence_to_nothing_else, 0, 2);
    tcase_add_test(tcase, drains_a_spool_whose_batch_ends_too_far);
    tcase_add_test(tcase, cuts_the_torn_line_and_writes_it_again);
    tcase_add_test(tcase, finds_the_batch_in_a_file_that_was_truncated_before_it);
    tcase_add_test(tcase, does_not_touch_another_file_that_took_the_inode);
    tcase_add_test(tcase, does_not_cut_a_line_that_is_not_ours);
    tcase_add_test(tcase, resumes_after_what_the_file_holds);
    tcase_add_test(tcase, finds_the_file_under_its_rotated_name);
    tcase_add_test(tcase, marks_what_it_delivers_again_when_the_file_is_gone);
    tcase_add_test(tcase, marks_what_it_delivers_again_when_the_file_was_truncated);
    tcase_add_test(tcase, delivers_old_boots_oldest_first_and_removes_them);
    suite_add_tcase(suite, tcase);
    return suite;
}
