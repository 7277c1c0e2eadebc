/* What somebody who has the files does to whole segments, to their ends and to what is kept beside
 * them, and that verification is not fooled. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

static struct told told;
static struct audit_segments segments;

/* Segments of 16 KiB, at least five. */
static void live_in_segments(void)
{
    struct audit_writer_settings settings = settings_of(&fixture);

    settings.segment_bytes = 16 * 1024;
    for (unsigned i = 0; i < 5; i++) {
        live_with(settings, 1, 100);
    }
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_ge(segments.count, 5);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}

static void teardown(void)
{
    audit_segments_free(&segments);
    lives_teardown();
}

static void removed_path(char out[160])
{
    snprintf(out, 160, "%s" AUDIT_REMOVED_SUFFIX, fixture.file);
}

/* Adds the first `count` lines of the n-th segment to those of the segments that were removed. */
static void keep_lines(size_t n, size_t count)
{
    size_t length, old_length, kept = 0;
    char *text = read_text(segments.items[n].path, &length);
    char path[160];

    removed_path(path);
    char *old = read_text(path, &old_length);
    for (size_t i = 0; i < count; i++) {
        kept += line_at(text + kept, 0).len;
    }
    old = realloc(old, old_length + kept + 1);
    memcpy(old + old_length, text, kept);
    write_text(path, old, old_length + kept);
    free(old);
    free(text);
}

static void remove_segment(size_t n, size_t lines_kept)
{
    keep_lines(n, lines_kept);
    ck_assert_int_eq(unlink(segments.items[n].path), 0);
}

/* As audit_segment_remove_old() does, but not from the start on. */
START_TEST(finds_a_segment_removed_from_the_middle)
{
    live_in_segments();
    remove_segment(2, 1);
    verify_all(NULL, &told);
    assert_told(&told, "segment 3 was removed, but segment 2 before it was not");
}
END_TEST

START_TEST(finds_a_segment_removed_behind_others)
{
    live_in_segments();
    remove_segment(0, 1);
    remove_segment(2, 1);
    verify_all(NULL, &told);
    assert_told(&told, "segment 3 follows 1: those between are missing");
}
END_TEST

START_TEST(finds_that_the_last_segment_was_removed)
{
    size_t last;

    live_in_segments();
    last = segments.count - 1;
    remove_segment(last, 1);
    verify_all(NULL, &told);
    assert_told(&told, "was removed, but segment");
}
END_TEST

START_TEST(finds_that_nothing_but_headers_is_left)
{
    live_in_segments();
    for (size_t i = 0; i < segments.count; i++) {
        remove_segment(i, 1);
    }
    verify_all(NULL, &told);
    assert_told(&told, "no segment is there");
}
END_TEST

START_TEST(finds_that_nothing_is_left)
{
    const char *paths[] = {fixture.file};

    write_text(fixture.file, "", 0);
    verify_paths(paths, 1, NULL, &told);
    assert_told(&told, "no segment is there");
}
END_TEST

/* Records among the headers of segments that were removed. */
START_TEST(finds_records_among_removed_headers)
{
    live_in_segments();
    remove_segment(0, 3);
    verify_all(NULL, &told);
    assert_told(&told, "2 lines stand in no segment: nothing vouches for them");
}
END_TEST

START_TEST(says_what_was_removed)
{
    live_in_segments();
    remove_segment(0, 1);
    remove_segment(1, 1);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_msg(strstr(told.text, "NOTE segments 1 to 2 were removed"), "%s", told.text);
}
END_TEST

/* A death between the two steps, or a segment that can not be removed. */
START_TEST(a_kept_header_of_a_segment_that_is_there_is_no_fault)
{
    live_in_segments();
    remove_segment(0, 1);
    keep_lines(1, 1);
    keep_lines(1, 1);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.segments, segments.count);
}
END_TEST

/* Age is what the disk says of a file, which a copy or a touch makes young. */
START_TEST(a_segment_that_stays_keeps_those_behind_it)
{
    struct timeval old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    const struct audit_retention retention = {.keep_us = 1000000};
    uint64_t last = 0;

    live_in_segments();
    ck_assert_int_eq(utimes(segments.items[0].path, old), 0);
    ck_assert_int_eq(utimes(segments.items[2].path, old), 0);
    size_t removed =
        audit_segment_remove_old(fixture.file, &retention, INT64_C(1000000) * 100000, &last);
    ck_assert_uint_eq(removed, 1);
    ck_assert_uint_eq(last, 1);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}
END_TEST

START_TEST(a_header_that_can_not_be_kept_whole_keeps_its_segment)
{
    struct faults plan = {.has_room_limit = true, .room_bytes = 20};
    const struct audit_retention retention = {.keep_count = 1};
    uint64_t last = 0;

    live_in_segments();
    int saved = silence_log();
    faults_set(&plan);
    ck_assert_uint_eq(audit_segment_remove_old(fixture.file, &retention, 0, &last), 0);
    faults_set(NULL);
    restore_log(saved);
    ck_assert_uint_gt(audit_segment_remove_old(fixture.file, &retention, 0, &last), 0);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}
END_TEST

/* Into the file of that name, from now on. */
static int log_into(const char *path)
{
    int saved = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
    close(fd);
    return saved;
}

/* Else nobody learns why the disk fills up. */
START_TEST(a_segment_that_can_not_be_removed_is_told)
{
    const struct audit_retention retention = {.keep_count = 1};
    char log[200], want[200];
    uint64_t last = 0;
    size_t length;

    live_in_segments();
    snprintf(log, sizeof(log), "%s/log", fixture.spool_dir);
    snprintf(want, sizeof(want), "%s can not be removed: Operation not permitted",
             segments.items[0].path);
    int saved = log_into(log);
    faults_set(&(struct faults){.unlink_fails = true});
    size_t removed = audit_segment_remove_old(fixture.file, &retention, 0, &last);
    faults_set(NULL);
    restore_log(saved);
    ck_assert_uint_eq(removed, 0);
    char *text = read_text(log, &length);
    ck_assert_msg(strstr(text, want) != NULL, "%s not in %s", want, text);
    free(text);
}
END_TEST

/* The last checkpoint's line of the n-th segment; the caller frees. */
static char *head_of(size_t n)
{
    size_t length, count = 0;
    char *text = read_text(segments.items[n].path, &length);

    for (const char *at = text; (at = strstr(at, "\"type\":\"checkpoint\"")); at++) {
        count++;
    }
    struct str line = line_of(text, "checkpoint", count - 1);
    char *head = strndup(line.ptr, line.len);
    free(text);
    return head;
}

START_TEST(a_head_of_a_segment_that_was_removed_is_no_fault)
{
    live_in_segments();
    char *head = head_of(0);
    remove_segment(0, 1);
    verify_all(head, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_msg(strstr(told.text, "1 heads are of segments that were removed"), "%s", told.text);
    free(head);
}
END_TEST

/* All checkpoints behind the first: what no checkpoint closes could be anything. */
START_TEST(finds_more_lines_without_a_checkpoint_than_an_agent_leaves)
{
    size_t length, kept = 0;

    for (int i = 0; i < 4; i++) {
        live(250);
    }
    char *text = read_file_text(&length), *forged = malloc(length);
    size_t first = (size_t)(line_of(text, "checkpoint", 0).ptr - text);
    for (size_t at = 0; at < length; at += line_at(text + at, 0).len) {
        struct str line = line_at(text + at, 0);

        if (at <= first || !str_starts_with(line, STR("{\"v\":1,\"type\":\"checkpoint\""))) {
            memcpy(forged + kept, line.ptr, line.len);
            kept += line.len;
        }
    }
    const char *paths[] = {fixture.file};
    write_text(fixture.file, forged, kept);
    verify_paths(paths, 1, NULL, &told);
    assert_told(&told, "more than an agent leaves");
    free(forged);
    free(text);
}
END_TEST

/* A start vouches for the lines behind the last checkpoint, whoever put them there. */
START_TEST(finds_more_lines_behind_a_checkpoint_than_an_agent_leaves)
{
    size_t length;

    live(250);
    char *text = read_file_text(&length), *forged = malloc(length + 250000);
    struct str record = line_of(text, "decision", 0);
    memcpy(forged, text, length);
    for (size_t i = 0; i < 250000 / record.len; i++) {
        memcpy(forged + length, record.ptr, record.len);
        memcpy(strstr(forged + length, "\"boot\":\"") + 8, "f", 1);
        snprintf(strstr(forged + length, "\"seq\":") + 6, 4, "%03zu", i % 1000);
        length += record.len;
    }
    write_text(fixture.file, forged, length);
    live(1);
    verify_all(NULL, &told);
    assert_told(&told, "was found at a start: more than an agent leaves");
    free(forged);
    free(text);
}
END_TEST

/* Readers that take a last line without its end would take it for a record. */
START_TEST(finds_what_was_put_behind_the_last_line_of_a_closed_segment)
{
    size_t length;

    live_in_segments();
    char *text = read_text(segments.items[1].path, &length);
    struct str record = line_of(text, "decision", 0);
    char *forged = malloc(length + record.len);
    memcpy(forged, text, length);
    memcpy(forged + length, record.ptr, record.len - 1);
    write_text(segments.items[1].path, forged, length + record.len - 1);
    verify_all(NULL, &told);
    assert_told(&told, "bytes behind the last line, which nothing vouches for");
    free(forged);
    free(text);
}
END_TEST

/* Who keeps the head each minute has more than some thousands within a week. */
START_TEST(a_head_counts_however_many_came_before)
{
    struct audit_verify_settings settings = {
        .public_key = STR_ABSENT, .tell_cb = lives_tell_cb, .context = &told};
    struct audit_verify *verify;
    struct diag diag = {0};
    char cut[700];

    live_in_segments();
    char *head = head_of(0);
    told = (struct told){.length = 0};
    ck_assert_int_eq(audit_verify_new(&settings, &verify, &diag), ERR_OK);
    for (int i = 0; i < 10000; i++) {
        ck_assert_int_eq(audit_verify_add_head(verify, str_from_c(head)), ERR_OK);
    }
    snprintf(cut, sizeof(cut),
             "{\"v\":1,\"type\":\"checkpoint\",\"segment\":99,\"block\":7,\"hash\":\"%064d\"}", 1);
    ck_assert_int_eq(audit_verify_add_head(verify, str_from_c(cut)), ERR_OK);
    const char *paths[] = {segments.items[0].path};
    ck_assert_int_eq(audit_verify_files(verify, paths, 1, &diag), ERR_OK);
    audit_verify_counts(verify, &told.counts);
    audit_verify_free(verify);
    ck_assert_uint_eq(told.counts.faults, 1);
    assert_told(&told, "cut: the head is segment 99 block 7, which is not there");
    free(head);
}
END_TEST

START_TEST(a_head_that_is_damaged_is_told)
{
    struct audit_verify_settings settings = {
        .public_key = STR_ABSENT, .tell_cb = lives_tell_cb, .context = &told};
    struct audit_verify *verify;
    struct diag diag = {0};

    ck_assert_int_eq(audit_verify_new(&settings, &verify, &diag), ERR_OK);
    ck_assert_int_eq(audit_verify_add_head(verify, STR("Nov 25 reeved: started")), ERR_MISSING);
    ck_assert_int_eq(audit_verify_add_head(
                         verify, STR("{\"v\":1,\"type\":\"checkpoint\",\"segment\":1,\"block\":2,"
                                     "\"hash\":\"00ff")),
                     ERR_SYNTAX);
    audit_verify_free(verify);
}
END_TEST

Suite *forgery_suite(void)
{
    Suite *suite = suite_create("forgery");
    TCase *tcase = tcase_create("forgery");

    tcase_add_checked_fixture(tcase, lives_setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, finds_a_segment_removed_from_the_middle);
    tcase_add_test(tcase, finds_a_segment_removed_behind_others);
    tcase_add_test(tcase, finds_that_the_last_segment_was_removed);
    tcase_add_test(tcase, finds_that_nothing_but_headers_is_left);
    tcase_add_test(tcase, finds_that_nothing_is_left);
    tcase_add_test(tcase, finds_records_among_removed_headers);
    tcase_add_test(tcase, says_what_was_removed);
    tcase_add_test(tcase, a_kept_header_of_a_segment_that_is_there_is_no_fault);
    tcase_add_test(tcase, a_segment_that_stays_keeps_those_behind_it);
    tcase_add_test(tcase, a_header_that_can_not_be_kept_whole_keeps_its_segment);
    tcase_add_test(tcase, a_segment_that_can_not_be_removed_is_told);
    tcase_add_test(tcase, a_head_of_a_segment_that_was_removed_is_no_fault);
    tcase_add_test(tcase, finds_more_lines_without_a_checkpoint_than_an_agent_leaves);
    tcase_add_test(tcase, finds_more_lines_behind_a_checkpoint_than_an_agent_leaves);
    tcase_add_test(tcase, finds_what_was_put_behind_the_last_line_of_a_closed_segment);
    tcase_add_test(tcase, a_head_counts_however_many_came_before);
    tcase_add_test(tcase, a_head_that_is_damaged_is_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
