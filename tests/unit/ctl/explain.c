/* reevectl explain without a store: what it is asked, and that it says so. tests/e2e/test_explain.py has
 * the rest. */
#include "tests/unit/config/box.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define STORE "redis = \"redis://127.0.0.1:1/0\"\nstore_connect_timeout = \"10ms\"\n"

static void start(void)
{
    box_open();
    box_write("reeve.conf", GATE STORE, 0644);
    box_write("two.conf", "gate one { accept = {apikey} }\ngate two { accept = {apikey} }\n" STORE,
              0644);
    box_write("none.conf", "gate one { accept = {apikey} anonymous = guest }\n" STORE, 0644);
    box_write("token", "a.b.c\n", 0600);
    box_write("open", "a.b.c\n", 0644);
}

static const char *const bad_usage[] = {
    "explain",
    "explain -f reeve.conf",
    "explain -f reeve.conf GET http://a/",
    "explain -f reeve.conf --user a GET",
    "explain -f reeve.conf --user a GET a/b",
    "explain -f reeve.conf --user a GET ftp://a/b",
    "explain -f reeve.conf --user a GET http://a/ more",
    "explain -f reeve.conf --user a --key-id b GET http://a/",
    "explain -f reeve.conf --user a --anonymous GET http://a/",
    "explain -f reeve.conf --user a --src 10.0.0.0/8 GET http://a/",
    "explain -f reeve.conf --user a --src x GET http://a/",
    "explain -f reeve.conf --user a --worker -1 GET http://a/",
    "explain -f reeve.conf --key-id",
    "explain --user a GET http://a/",
    "explain -f reeve.conf --batch GET http://a/",
    "explain -f reeve.conf --record a:1 GET http://a/",
    "explain -f reeve.conf --record a:1 --user a",
    "explain -f reeve.conf --everything",
};

START_TEST(wrong_usage_is_told)
{
    ctl_run(bad_usage[_i], STR(""));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_ptr_nonnull(strstr(ctl.err, "usage: reevectl explain "));
}
END_TEST

START_TEST(a_key_is_no_argument)
{
    ctl_run("explain -f reeve.conf rv_0123456789_hunter2 GET http://a/", STR(""));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_ptr_nonnull(strstr(ctl.err, "a key is no argument"));
    ck_assert_ptr_null(strstr(ctl.err, "hunter2"));
}
END_TEST

static const struct {
    const char *command, *err;
} trouble[] = {
    {"explain -f missing --user a GET http://a/", "missing: No such file"},
    {"explain -f two.conf --user a GET http://a/", "several gates: --gate NAME"},
    {"explain -f reeve.conf --token-file open GET http://a/", "open: group or others can read"},
    {"explain -f reeve.conf --token-file missing GET http://a/", "missing: No such file"},
};

START_TEST(what_keeps_from_answering_is_trouble)
{
    ctl_run(trouble[_i].command, STR(""));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strstr(ctl.err, trouble[_i].err), "%s", ctl.err);
    ck_assert_ptr_null(strstr(ctl.err, "usage:"));
}
END_TEST

static const struct {
    const char *command;
    int status;
    const char *out;
} answers[] = {
    /* Up to the store nothing is asked of it. */
    {"explain -f reeve.conf --anonymous GET http://a/", 1, "deny 401 no_credential"},
    {"explain -f two.conf --gate other --user a GET http://a/", 1, "deny 503 no_gate"},
    {"explain -f reeve.conf --user a GET http://a/../b", 1, "deny 400 ambiguous_path"},
    {"explain -f reeve.conf --user a GET http://a,b/", 1, "deny 400 bad_request"},
    {"explain -f reeve.conf --user a G/T http://a/", 1, "method: not a token"},
    {"explain -f reeve.conf --token-file token GET http://a/", 1, "deny 401 no_credential"},
    {"explain -f reeve.conf --user a GET http://a/?x=../y", 2, "deny 503 store_down"},
    {"explain -f reeve.conf --key-id 0123456789 GET http://a", 2, "deny 503 store_down"},
    {"explain -f none.conf --anonymous GET http://a/", 2, "deny 503 store_down"},
    {"explain -f reeve.conf --json --anonymous GET http://a\"b/", 1, "\"host\":\"a\\\"b\""},
};

START_TEST(what_needs_no_record_is_answered_without_a_store)
{
    ctl_run(answers[_i].command, STR(""));
    ck_assert_msg(ctl.status == answers[_i].status, "%d: %s", ctl.status, ctl.err);
    ck_assert_msg(strstr(ctl.out, answers[_i].out), "%s", ctl.out);
    ck_assert(ctl_is_printable());
}
END_TEST

START_TEST(a_batch_answers_each_line_and_gives_the_highest_status)
{
    ctl_run("explain -f reeve.conf --batch", STR("--anonymous GET http://a/\n"
                                                 "--anonymous GET http://b/\n"));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_ptr_nonnull(strstr(ctl.out, "\"host\":\"a\""));
    ck_assert_ptr_nonnull(strstr(ctl.out, "}\n{\"request\":{\"method\":\"GET\",\"host\":\"b\""));
    ctl_run("explain -f reeve.conf --batch", STR("--anonymous GET http://a/\nnonsense\n"));
    ck_assert_int_eq(ctl.status, 2);
    ctl_run("explain -f reeve.conf --batch", STR("--batch\n"));
    ck_assert_int_eq(ctl.status, 2);
    ctl_run("explain -f reeve.conf --batch", STR(""));
    ck_assert_int_eq(ctl.status, 0);
}
END_TEST

Suite *explain_suite(void)
{
    Suite *suite = suite_create("explain");
    TCase *tests = tcase_create("explain");

    tcase_add_checked_fixture(tests, start, box_close);
    tcase_add_loop_test(tests, wrong_usage_is_told, 0, COUNT(bad_usage));
    tcase_add_test(tests, a_key_is_no_argument);
    tcase_add_loop_test(tests, what_keeps_from_answering_is_trouble, 0, COUNT(trouble));
    tcase_add_loop_test(tests, what_needs_no_record_is_answered_without_a_store, 0, COUNT(answers));
    tcase_add_test(tests, a_batch_answers_each_line_and_gives_the_highest_status);
    suite_add_tcase(suite, tests);
    return suite;
}
