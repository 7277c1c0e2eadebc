/* reevectl path canon. */
#include "agent/request/path.h"

#include <stdio.h>

#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

static const struct {
    const char *command;
    const char *input;
    int status;
    const char *out;
} cases[] = {
    {"path canon", "", 0, ""},
    {"path canon", "\n", 1, "bad_request path without a leading slash\n"},
    {"path canon", "a\n", 1, "bad_request path without a leading slash\n"},
    {"path canon", "/a%2Fb\n", 1, "ambiguous_path encoded slash\n"},
    {"path canon", "/a//b\n", 1, "ambiguous_path empty segment\n"},
    {"path canon", "/a\r\n", 1, "ambiguous_path control byte, blank or raw non-ASCII byte\n"},
    {"path canon", "/%2561\n/ok\n", 1, "ambiguous_path double encoding\nok /ok\n"},
    {"path canon", "/a\n", 0, "ok /a\n"},
    {"path canon", "/a", 0, "ok /a\n"},
    {"path canon", "/a/./b/../c\n/%41\n/x%2d\n", 0, "changed /a/c\nchanged /A\nchanged /x-\n"},
    {"path canon --relax encoded_slash", "/a%2fb\n", 0, "ok /a%2Fb\n"},
    {"path canon --relax empty_segment", "/a//b\n", 0, "ok /a//b\n"},
    {"path canon --relax empty_segment", "/a%2Fb\n", 1, "ambiguous_path encoded slash\n"},
    {"path canon --relax encoded_slash --relax empty_segment", "/a%2Fb//c\n", 0, "ok /a%2Fb//c\n"},
};

START_TEST(each_line_is_judged)
{
    ctl_run(cases[_i].command, str_from_c(cases[_i].input));
    ck_assert_str_eq(ctl.out, cases[_i].out);
    ck_assert_str_eq(ctl.err, "");
    ck_assert_msg(ctl.status == cases[_i].status, "%s: %d", cases[_i].input, ctl.status);
}
END_TEST

/* "/aaa...\n/b\n", the first line of so many bytes. */
static void run_long(size_t length)
{
    static char input[2 * PATH_BYTES_MAX];

    memset(input, 'a', sizeof(input));
    input[0] = '/';
    memcpy(input + length, "\n/b\n", 4);
    ctl_run("path canon", str_make(input, length + 4));
}

START_TEST(the_longest_path_is_judged)
{
    run_long(PATH_BYTES_MAX);
    ck_assert_str_eq(ctl.err, "");
    ck_assert_int_eq(ctl.status, 0);
    ck_assert_uint_eq(ctl.out_length, strlen("ok ") + PATH_BYTES_MAX + strlen("\nok /b\n"));
}
END_TEST

static const char too_long[] = "reevectl: stdin: a line is too long or holds a NUL byte\n";

START_TEST(a_line_beyond_every_path_ends_it)
{
    run_long(PATH_BYTES_MAX + 1);
    ck_assert_str_eq(ctl.err, too_long);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_int_eq(ctl.status, 1);
}
END_TEST

START_TEST(a_nul_byte_ends_it)
{
    ctl_run("path canon", STR("/a\n/b\0c\n/d\n"));
    ck_assert_str_eq(ctl.err, too_long);
    ck_assert_str_eq(ctl.out, "ok /a\n");
    ck_assert_int_eq(ctl.status, 1);
}
END_TEST

START_TEST(no_byte_reaches_the_terminal_as_it_is)
{
    char input[5 * 255];
    size_t length = 0;

    for (int byte = 1; byte < 256; byte++) {
        length += (size_t)snprintf(input + length, sizeof(input) - length, "/%c\n", byte);
    }
    ctl_run("path canon --relax non_utf8", str_make(input, length));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert(ctl_is_printable());
}
END_TEST

Suite *path_suite(void)
{
    Suite *suite = suite_create("path");
    TCase *tcase = tcase_create("path");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_line_is_judged, 0, COUNT(cases));
    tcase_add_test(tcase, the_longest_path_is_judged);
    tcase_add_test(tcase, a_line_beyond_every_path_ends_it);
    tcase_add_test(tcase, a_nul_byte_ends_it);
    tcase_add_test(tcase, no_byte_reaches_the_terminal_as_it_is);
    suite_add_tcase(suite, tcase);
    return suite;
}
