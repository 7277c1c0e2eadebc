#include "agent/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/diag.h"
#include "tests/unit/base/suites.h"

/* What the calls between capture_start() and capture_end() wrote to stderr. */
static struct {
    int saved, pipe[2];
    char text[4096];
} capture;

static void capture_start(void)
{
    fflush(stderr);
    ck_assert_int_eq(pipe(capture.pipe), 0);
    capture.saved = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(capture.pipe[1], STDERR_FILENO), 0);
    close(capture.pipe[1]);
}

static const char *capture_end(void)
{
    dup2(capture.saved, STDERR_FILENO);
    close(capture.saved);
    ssize_t length = read(capture.pipe[0], capture.text, sizeof(capture.text) - 1);
    close(capture.pipe[0]);
    capture.text[length > 0 ? length : 0] = '\0';
    return capture.text;
}

START_TEST(quotes_everything_but_printable_ascii)
{
    ck_assert_str_eq(log_quote(str_make("a\n\0\"\\\x7f\xe9~ ", 9)).text,
                     "a\\x0a\\x00\"\\x5c\\x7f\\xe9~ ");
    ck_assert_str_eq(log_quote(STR("")).text, "");
    ck_assert_str_eq(log_quote(STR_ABSENT).text, "");
}
END_TEST

START_TEST(quote_cuts_between_characters)
{
    char text[LOG_QUOTED_MAX + 2];

    memset(text, 'a', sizeof(text));
    struct log_quoted fits = log_quote(str_make(text, LOG_QUOTED_MAX - 1));
    ck_assert_uint_eq(strlen(fits.text), LOG_QUOTED_MAX - 1);
    ck_assert_ptr_null(strchr(fits.text, '.'));
    struct log_quoted cut = log_quote(str_make(text, LOG_QUOTED_MAX));
    ck_assert_uint_eq(strlen(cut.text), LOG_QUOTED_MAX - 1);
    ck_assert_str_eq(cut.text + LOG_QUOTED_MAX - 5, "a...");

    memset(text, '\n', sizeof(text));
    cut = log_quote(str_make(text, sizeof(text)));
    ck_assert_uint_eq(strlen(cut.text), 31 * 4 + 3);
    ck_assert_str_eq(cut.text + 30 * 4, "\\x0a...");
}
END_TEST

START_TEST(one_event_is_one_line)
{
    capture_start();
    log_error("first\nerror forged\r%s", "\x1b[2J");
    ck_assert_str_eq(capture_end(), "error first?error forged??[2J\n");
}
END_TEST

START_TEST(long_lines_are_cut_not_split)
{
    char text[3000];

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    capture_start();
    log_error("%s", text);
    const char *line = capture_end();
    ck_assert_uint_eq(strlen(line), 1024);
    ck_assert_ptr_eq(strchr(line, '\n'), line + 1023);
}
END_TEST

START_TEST(keeps_quiet_below_its_level)
{
    capture_start();
    log_debug("debug");
    log_info("info");
    log_set_level(LOG_WARNING);
    log_info("no");
    log_warning("warning");
    log_set_level(LOG_DEBUG);
    log_debug("yes");
    log_set_level(LOG_INFO);
    ck_assert_str_eq(capture_end(), "info info\nwarning warning\ndebug yes\n");
}
END_TEST

START_TEST(logging_keeps_errno)
{
    capture_start();
    errno = ENOSPC;
    log_error("x");
    int after = errno;
    capture_end();
    ck_assert_int_eq(after, ENOSPC);
}
END_TEST

START_TEST(limit_lets_one_line_through_and_counts_the_rest)
{
    struct log_limit limit = {0};
    uint64_t swallowed = 99;

    ck_assert(log_limit_pass(&limit, 1000, 500, &swallowed) && swallowed == 0);
    ck_assert(!log_limit_pass(&limit, 1000, 500, &swallowed));
    ck_assert(!log_limit_pass(&limit, 1499, 500, &swallowed));
    ck_assert(log_limit_pass(&limit, 1500, 500, &swallowed) && swallowed == 2);
    ck_assert(log_limit_pass(&limit, 9000, 500, &swallowed) && swallowed == 0);
}
END_TEST

START_TEST(diag_is_cut_visibly)
{
    struct diag diag;
    char text[400];

    diag_set(&diag, "%s:%d: %s", "reeve.conf", 42, "deadline");
    ck_assert_str_eq(diag.text, "reeve.conf:42: deadline");
    memset(text, 'a', sizeof(text));
    diag_set(&diag, "%.*s", (int)sizeof(diag.text) - 1, text);
    ck_assert_uint_eq(strlen(diag.text), sizeof(diag.text) - 1);
    ck_assert_ptr_null(strchr(diag.text, '.'));
    diag_set(&diag, "%.*s", (int)sizeof(diag.text), text);
    ck_assert_uint_eq(strlen(diag.text), sizeof(diag.text) - 1);
    ck_assert_str_eq(diag.text + sizeof(diag.text) - 5, "a...");
    diag_set(NULL, "nobody listens");
}
END_TEST

Suite *log_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");

    tcase_add_test(tests, quotes_everything_but_printable_ascii);
    tcase_add_test(tests, quote_cuts_between_characters);
    tcase_add_test(tests, one_event_is_one_line);
    tcase_add_test(tests, long_lines_are_cut_not_split);
    tcase_add_test(tests, keeps_quiet_below_its_level);
    tcase_add_test(tests, logging_keeps_errno);
    tcase_add_test(tests, limit_lets_one_line_through_and_counts_the_rest);
    tcase_add_test(tests, diag_is_cut_visibly);
    suite_add_tcase(suite, tests);
    return suite;
}
