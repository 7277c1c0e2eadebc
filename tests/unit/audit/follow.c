/* Following segments: each line once and in order, whoever rotates, and nothing passed over in silence. */
#include "agent/audit/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define HEADER "{\"v\":1,\"type\":\"segment\",\"agent\":\"gw1\",\"segment\":%u}\n"
#define LINE   "{\"v\":1,\"type\":\"decision\",\"n\":%u}\n"

static struct fixture fixture;
static struct audit_follower *follower;
static char position_path[128];
static struct diag diag;

static void start_from(const struct audit_position *position)
{
    audit_follower_free(follower);
    follower = audit_follower_new(fixture.file, position);
    ck_assert_ptr_nonnull(follower);
}

static void setup(void)
{
    fixture_init(&fixture);
    snprintf(position_path, sizeof(position_path), "%s/one.position", fixture.root);
    follower = NULL;
    start_from(&(struct audit_position){.segment = 0});
}

static void teardown(void)
{
    audit_follower_free(follower);
    fixture_fini(&fixture);
}

static void append(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "a");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void add_header(const char *path, unsigned number)
{
    char text[128];
    int length = snprintf(text, sizeof(text), HEADER, number);

    append(path, text, (size_t)length);
}

static void add_lines(const char *path, unsigned first, unsigned last)
{
    char text[128];

    for (unsigned n = first; n <= last; n++) {
        int length = snprintf(text, sizeof(text), LINE, n);
        append(path, text, (size_t)length);
    }
}

static enum audit_follow next(struct audit_read_line *line)
{
    return audit_follower_next(follower, line, &diag);
}

static void expect_header(unsigned number)
{
    struct audit_read_line line;
    uint64_t found;

    ck_assert_int_eq(next(&line), AUDIT_FOLLOW_LINE);
    ck_assert(str_equal(line.type, STR("segment")));
    ck_assert(audit_read_number(line.text, "segment", &found));
    ck_assert_uint_eq(found, number);
}

static void expect_lines(unsigned first, unsigned last)
{
    struct audit_read_line line;
    uint64_t found;

    for (unsigned n = first; n <= last; n++) {
        ck_assert_int_eq(next(&line), AUDIT_FOLLOW_LINE);
        ck_assert(audit_read_number(line.text, "n", &found));
        ck_assert_uint_eq(found, n);
    }
}

static void expect_end(void)
{
    struct audit_read_line line;

    ck_assert_int_eq(next(&line), AUDIT_FOLLOW_END);
}

static void expect_told(enum audit_follow what, const char *text)
{
    struct audit_read_line line;

    ck_assert_int_eq(next(&line), what);
    ck_assert_str_eq(diag.text, text);
}

/* In another process, as it were. */
static void restart(void)
{
    struct audit_position position;

    ck_assert_int_eq(audit_follower_position(follower, &position), ERR_OK);
    ck_assert_int_eq(audit_position_save(position_path, &position), ERR_OK);
    memset(&position, 0xff, sizeof(position));
    ck_assert_int_eq(audit_position_load(position_path, &position), ERR_OK);
    start_from(&position);
}

static void close_segment(unsigned number)
{
    ck_assert_int_eq(audit_segment_close(fixture.file, number), ERR_OK);
}

static const char *closed_name(unsigned number)
{
    static char path[160];

    ck_assert(audit_segment_name(fixture.file, number, path, sizeof(path)));
    return path;
}

static void make_segment(unsigned number, unsigned first, unsigned last)
{
    add_header(fixture.file, number);
    add_lines(fixture.file, first, last);
}

START_TEST(begins_with_the_current_segment)
{
    expect_end();
    make_segment(1, 1, 3);
    close_segment(1);
    make_segment(2, 4, 5);
    expect_header(2);
    expect_lines(4, 5);
    expect_end();
}
END_TEST

START_TEST(goes_over_segments_and_restarts)
{
    unsigned n = 1;

    for (unsigned segment = 1; segment <= 20; segment++, n += 3) {
        make_segment(segment, n, n + 1);
        expect_header(segment);
        if (segment % 2 == 0) {
            restart();
        }
        expect_lines(n, n + 1);
        if (segment % 3 == 0) {
            restart();
        }
        expect_end();
        add_lines(fixture.file, n + 2, n + 2);
        close_segment(segment);
        expect_lines(n + 2, n + 2);
        expect_end();
    }
}
END_TEST

START_TEST(stays_while_the_writer_may_be_in_the_old_file)
{
    make_segment(1, 1, 2);
    expect_header(1);
    expect_lines(1, 2);
    ck_assert_int_eq(rename(fixture.file, closed_name(7)), 0);
    expect_end();
    append(fixture.file, "", 0); /* as logrotate makes it, with nothing in it yet */
    expect_end();
    add_lines(closed_name(7), 3, 4);
    expect_lines(3, 4);
    add_lines(closed_name(7), 5, 5);
    make_segment(2, 6, 6);
    expect_lines(5, 5);
    expect_header(2);
    expect_lines(6, 6);
}
END_TEST

static void copy_to(const char *path)
{
    size_t length;
    char *text = read_text(fixture.file, &length);

    write_text(path, text, length);
    free(text);
}

START_TEST(goes_on_in_the_copy_of_a_file_that_was_cut)
{
    char copy[128];

    snprintf(copy, sizeof(copy), "%s.1", fixture.file);
    make_segment(1, 1, 9);
    expect_header(1);
    expect_lines(1, 4);
    copy_to(copy);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    make_segment(2, 10, 300); /* longer than it was */
    restart();
    expect_lines(5, 9);
    expect_header(2);
    expect_lines(10, 300);
    expect_end();
}
END_TEST

START_TEST(tells_what_a_cut_took)
{
    struct audit_read_line line;

    make_segment(1, 1, 2);
    expect_header(1);
    expect_lines(1, 2);
    expect_end();
    int end = snprintf(NULL, 0, HEADER, 1U) + 2 * snprintf(NULL, 0, LINE, 1U);
    add_lines(fixture.file, 3, 4);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    ck_assert_int_eq(next(&line), AUDIT_FOLLOW_END);
    make_segment(2, 5, 200);
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "segment 1 from byte %d on, and all before segment 2", end);
    expect_told(AUDIT_FOLLOW_SKIPPED, wanted);
    expect_header(2);
    expect_lines(5, 200);
}
END_TEST

START_TEST(tells_of_segments_that_were_removed)
{
    make_segment(1, 1, 1);
    expect_header(1);
    expect_lines(1, 1);
    for (unsigned number = 1; number <= 4; number++) {
        close_segment(number);
        make_segment(number + 1, number + 1, number + 1);
    }
    for (unsigned number = 2; number <= 4; number++) {
        ck_assert_int_eq(unlink(closed_name(number)), 0);
    }
    expect_told(AUDIT_FOLLOW_SKIPPED, "segments 2 to 4");
    expect_header(5);
    expect_lines(5, 5);
    expect_end();
}
END_TEST

START_TEST(gives_a_segment_again_that_is_not_what_it_was)
{
    make_segment(1, 1, 9);
    expect_header(1);
    expect_lines(1, 9);
    ck_assert_int_eq(truncate(fixture.file, snprintf(NULL, 0, HEADER, 1U)), 0);
    add_lines(fixture.file, 11, 22); /* what a machine's death took, and what came then */
    restart();
    expect_told(AUDIT_FOLLOW_AGAIN, "segment 1 is not what it was; all is given again from 1 on");
    expect_header(1);
    expect_lines(11, 22);
}
END_TEST

START_TEST(begins_anew_with_an_audit_that_does)
{
    make_segment(8, 1, 2);
    expect_header(8);
    expect_lines(1, 2);
    restart();
    ck_assert_int_eq(unlink(fixture.file), 0);
    expect_end();
    make_segment(1, 1, 2);
    expect_told(AUDIT_FOLLOW_AGAIN, "segment 8 is not what it was; all is given again from 1 on");
    expect_header(1);
    expect_lines(1, 2);
}
END_TEST

START_TEST(gives_again_from_a_position)
{
    struct audit_position position;

    make_segment(1, 1, 4);
    expect_header(1);
    expect_lines(1, 2);
    ck_assert_int_eq(audit_follower_position(follower, &position), ERR_OK);
    expect_lines(3, 4);
    close_segment(1);
    make_segment(2, 5, 6);
    expect_header(2);
    audit_follower_seek(follower, &position);
    expect_lines(3, 4);
    expect_header(2);
    expect_lines(5, 6);
}
END_TEST

START_TEST(a_torn_line_that_is_written_anew_is_read_as_it_stands)
{
    const char torn[] = "{\"v\":1,\"type\":\"decision\",\"n\":77";

    make_segment(1, 1, 1);
    expect_header(1);
    expect_lines(1, 1);
    append(fixture.file, torn, sizeof(torn) - 1);
    expect_end();
    long end = snprintf(NULL, 0, HEADER, 1U) + snprintf(NULL, 0, LINE, 1U);
    ck_assert_int_eq(truncate(fixture.file, end), 0);
    add_lines(fixture.file, 2, 3);
    expect_lines(2, 3);
    expect_end();
}
END_TEST

START_TEST(refuses_positions_that_are_none)
{
    struct audit_position position;
    size_t length;

    ck_assert_int_eq(audit_position_load(position_path, &position), ERR_MISSING);
    make_segment(1, 1, 1);
    expect_header(1);
    restart();
    char *text = read_text(position_path, &length);
    for (size_t cut = 0; cut < length; cut++) {
        write_text(position_path, text, cut);
        ck_assert_int_eq(audit_position_load(position_path, &position), ERR_SYNTAX);
    }
    for (size_t at = 0; at < length; at++) {
        char saved = text[at];
        text[at] = 'z';
        write_text(position_path, text, length);
        ck_assert_int_eq(audit_position_load(position_path, &position), ERR_SYNTAX);
        text[at] = saved;
    }
    free(text);
    ck_assert_int_eq(audit_position_load(fixture.root, &position), ERR_IO);
}
END_TEST

Suite *follow_suite(void)
{
    Suite *suite = suite_create("audit/follow");
    TCase *tcase = tcase_create("follow");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, begins_with_the_current_segment);
    tcase_add_test(tcase, goes_over_segments_and_restarts);
    tcase_add_test(tcase, stays_while_the_writer_may_be_in_the_old_file);
    tcase_add_test(tcase, goes_on_in_the_copy_of_a_file_that_was_cut);
    tcase_add_test(tcase, tells_what_a_cut_took);
    tcase_add_test(tcase, tells_of_segments_that_were_removed);
    tcase_add_test(tcase, gives_a_segment_again_that_is_not_what_it_was);
    tcase_add_test(tcase, begins_anew_with_an_audit_that_does);
    tcase_add_test(tcase, gives_again_from_a_position);
    tcase_add_test(tcase, a_torn_line_that_is_written_anew_is_read_as_it_stands);
    tcase_add_test(tcase, refuses_positions_that_are_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
