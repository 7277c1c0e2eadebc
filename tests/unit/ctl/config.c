/* reevectl config. What is right and wrong in a file is tested with the room config. */
#include "tests/unit/config/box.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

#define GOOD                                                                                       \
    "listen = {\"tcp://127.0.0.1:9600\"}\nredis = \"redis://:kY7-secret@127.0.0.1\"\n"             \
    "audit_file = \"/tmp/audit\"\nspool_dir = \"/tmp\"\n" GATE

static const struct {
    const char *text;
    const char *err; /* what it begins with */
} bad_files[] = {
    {"", "reeve.conf: "},
    {GOOD "workers = 0\n", "reeve.conf:6: workers: "},
    {GOOD "wokers = 1\n", "reeve.conf:6: "},
    {GOOD "gate \"*\" {\n", "reeve.conf:"},
    {GOOD "\"", "reeve.conf:"},
};

START_TEST(errors_come_with_file_and_line_on_stderr_alone)
{
    box_write("reeve.conf", bad_files[_i].text, 0600);
    ctl_run("config check reeve.conf", STR(""));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strncmp(ctl.err, bad_files[_i].err, strlen(bad_files[_i].err)) == 0, "%s",
                  ctl.err);
    ck_assert_ptr_null(strstr(ctl.err, "kY7-secret"));
}
END_TEST

static const char *const no_files[] = {"missing", ".", "/dev/zero", "/dev/null", "reeve.conf/x"};

START_TEST(what_is_no_file_is_refused)
{
    char line[64];

    box_write("reeve.conf", GOOD, 0600);
    snprintf(line, sizeof(line), "config check %s", no_files[_i]);
    ctl_run(line, STR(""));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_str_ne(ctl.err, "");
}
END_TEST

/* Bytes of a small generator, with a fixed seed; every third a mark of the file's grammar. */
static void make_junk(unsigned seed, char *out, size_t length)
{
    const char marks[] = "\"'{}=(),\n#/*\\$";

    for (size_t i = 0; i + 1 < length; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned dice = seed >> 16;
        out[i] = i % 3 == 0 ? marks[dice % (sizeof(marks) - 1)] : (char)(1 + dice % 255);
    }
    out[length - 1] = '\0';
}

START_TEST(junk_is_refused)
{
    char text[512];

    for (unsigned seed = 0; seed < 12; seed++) {
        make_junk(seed, text, sizeof(text));
        box_write("reeve.conf", text, 0600);
        ctl_run("config check reeve.conf", STR(""));
        ck_assert_msg(ctl.status == 1, "%u: %d", seed, ctl.status);
        ck_assert_str_eq(ctl.out, "");
        ck_assert_str_ne(ctl.err, "");
        ck_assert_msg(ctl_is_printable(), "%s", ctl.err);
    }
}
END_TEST

START_TEST(a_good_file_is_ok)
{
    box_write("reeve.conf", GOOD, 0600);
    ctl_run("config check reeve.conf", STR(""));
    ck_assert_str_eq(ctl.err, "");
    ck_assert_str_eq(ctl.out, "ok\n");
    ck_assert_int_eq(ctl.status, 0);
}
END_TEST

START_TEST(the_reference_names_every_kind_of_option)
{
    ctl_run("config reference", STR(""));
    ck_assert_int_eq(ctl.status, 0);
    ck_assert_ptr_nonnull(strstr(ctl.out, "listen"));
    ck_assert_ptr_nonnull(strstr(ctl.out, "redis"));
    ck_assert_ptr_nonnull(strstr(ctl.out, "accept"));
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");

    tcase_add_checked_fixture(tcase, box_open, box_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, errors_come_with_file_and_line_on_stderr_alone, 0, COUNT(bad_files));
    tcase_add_loop_test(tcase, what_is_no_file_is_refused, 0, COUNT(no_files));
    tcase_add_test(tcase, junk_is_refused);
    tcase_add_test(tcase, a_good_file_is_ok);
    tcase_add_test(tcase, the_reference_names_every_kind_of_option);
    suite_add_tcase(suite, tcase);
    return suite;
}
