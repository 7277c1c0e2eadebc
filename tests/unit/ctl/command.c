/* Usage, help, and an output that can not be written. */
#include <stdio.h>

#include "tests/unit/authn/keys.h"
#include "tests/unit/config/box.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

static const char *const commands[] = {"key new", "key hash", "path canon", "config check",
                                       "config reference"};

static const struct {
    const char *command;
    const char *err; /* what it begins with */
} wrong_usages[] = {
    {"", "usage: reevectl COMMAND"},
    {"key", "usage: reevectl COMMAND"},
    {"key nwe", "usage: reevectl COMMAND"},
    {"keynew x", "usage: reevectl COMMAND"},
    {"new key", "usage: reevectl COMMAND"},
    {"--version --version", "usage: reevectl COMMAND"},
    {"--help key", "usage: reevectl COMMAND"},
    {"-h", "usage: reevectl COMMAND"},
    {"key new now", "reevectl: key new: unexpected argument now\nusage: reevectl key new"},
    {"key new --pepper-file", "reevectl: key new: unexpected argument --pepper-file\nusage: "},
    {"key new --pepper-id", "reevectl: key new: unexpected argument --pepper-id\nusage: "},
    {"key new --pepper-file=p", "reevectl: key new: unexpected argument --pepper-file=p\nusage: "},
    {"key new --keyid", "reevectl: key new: unexpected argument --keyid\nusage: reevectl key new"},
    {"key hash --keyid 0123456789", "reevectl: key hash: unexpected argument --keyid\nusage: "},
    {"key hash -", "reevectl: key hash: unexpected argument -\nusage: reevectl key hash"},
    {"key new --unpeppered --pepper-id p1",
     "reevectl: key new: --unpeppered goes with no pepper\n"},
    {"key hash --pepper-file p --unpeppered",
     "reevectl: key hash: --unpeppered goes with no pepper\n"},
    {"path canon /a", "reevectl: path canon: unexpected argument /a\nusage: reevectl path canon"},
    {"path canon --relax", "reevectl: path canon: unexpected argument --relax\nusage: "},
    {"path canon --relax all", "reevectl: path canon: unexpected argument --relax\nusage: "},
    {"path canon --relax semicolon /a", "reevectl: path canon: unexpected argument /a\nusage: "},
    {"config check", "usage: reevectl config check FILE"},
    {"config check a b", "usage: reevectl config check FILE"},
    {"config reference all", "reevectl: config reference: unexpected argument all\nusage: "},
};

START_TEST(wrong_usage_is_told_on_stderr_alone)
{
    ctl_run(wrong_usages[_i].command, STR("/a\n"));
    ck_assert_msg(ctl.status == 2, "%s: %d", wrong_usages[_i].command, ctl.status);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strncmp(ctl.err, wrong_usages[_i].err, strlen(wrong_usages[_i].err)) == 0, "%s",
                  ctl.err);
}
END_TEST

static const char *const takes_no_file[] = {"key new", "key hash", "path canon",
                                            "config reference"};

/* Whoever types a key there has it in the shell's history; not in a log, too. */
START_TEST(a_key_in_the_arguments_is_refused_and_not_repeated)
{
    char line[128];

    snprintf(line, sizeof(line), "%s " KEY, takes_no_file[_i]);
    ctl_run(line, STR(""));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_ptr_null(strstr(ctl.err, "ABCDEFGHIJ"));
}
END_TEST

static const char *const hostile[] = {
    "\x1b[2J\x1b]0;title\x07", "a\nreevectl: forged", "\xff\xfe\x80", "\x7f", "%s%n%s%n", "\t\r",
};

static void run_hostile(const char *const *words)
{
    ctl_run_list(words, STR(""));
    ck_assert_msg(ctl.status == 1 || ctl.status == 2, "%s: %d", words[0], ctl.status);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(ctl_is_printable(), "%s: %s", words[0], ctl.err);
    ck_assert_ptr_null(strstr(ctl.err, "\nreevectl: forged"));
}

START_TEST(no_argument_reaches_the_terminal_as_it_is)
{
    const char *word = hostile[_i];

    run_hostile((const char *[]){word, NULL});
    run_hostile((const char *[]){"key", word, NULL});
    run_hostile((const char *[]){"key", "new", word, NULL});
    run_hostile((const char *[]){"key", "new", "--pepper-id", word, NULL});
    run_hostile((const char *[]){"key", "hash", "--pepper-file", word, NULL});
    run_hostile((const char *[]){"path", "canon", "--relax", word, NULL});
    run_hostile((const char *[]){"path", "canon", word, NULL});
    run_hostile((const char *[]){"config", "check", word, NULL});
    run_hostile((const char *[]){"config", "reference", word, NULL});
}
END_TEST

START_TEST(words_may_be_long)
{
    static char word[100000];

    memset(word, 'a', sizeof(word) - 1);
    for (int i = 0; i < 3; i++) {
        const char *words[] = {i == 0 ? word : "key", i == 1 ? word : "new", word, NULL};
        ctl_run_list(words, STR(""));
        ck_assert_int_eq(ctl.status, 2);
        ck_assert_uint_lt(ctl.err_length, 4096);
    }
}
END_TEST

START_TEST(help_goes_to_stdout)
{
    char line[64];

    ctl_run("--help", STR(""));
    ck_assert_int_eq(ctl.status, 0);
    ck_assert_str_eq(ctl.err, "");
    for (int i = 0; i < COUNT(commands); i++) {
        ck_assert_ptr_nonnull(strstr(ctl.out, commands[i]));
    }
    for (int i = 0; i < COUNT(commands); i++) {
        snprintf(line, sizeof(line), "%s --help", commands[i]);
        ctl_run(line, STR(""));
        ck_assert_int_eq(ctl.status, 0);
        ck_assert_str_eq(ctl.err, "");
        ck_assert_ptr_nonnull(strstr(ctl.out, commands[i]));
    }
}
END_TEST

START_TEST(says_its_version)
{
    ctl_run("--version", STR(""));
    ck_assert_int_eq(ctl.status, 0);
    ck_assert_int_eq(strncmp(ctl.out, "reevectl ", 9), 0);
    ck_assert_str_eq(ctl.err, "");
}
END_TEST

static const struct {
    const char *command;
    struct str input;
} writers[] = {
    {"--help", {"", 0}},
    {"--version", {"", 0}},
    {"key new --help", {"", 0}},
    {"key new", {"", 0}},
    {"key hash", {KEY "\n", sizeof(KEY)}},
    {"path canon", {"/a\n", 3}},
    {"config reference", {"", 0}},
    {"config check reeve.conf", {"", 0}},
};

START_TEST(an_output_that_can_not_be_written_is_a_failure)
{
    box_write("reeve.conf",
              "listen = {\"tcp://127.0.0.1:9600\"}\nredis = \"redis://127.0.0.1\"\n"
              "audit_file = \"/tmp/audit\"\nspool_dir = \"/tmp\"\n" GATE,
              0600);
    ctl_run(writers[_i].command, writers[_i].input);
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ctl.output_path = "/dev/full";
    ctl_run(writers[_i].command, writers[_i].input);
    ck_assert_msg(ctl.status == 2, "%s: %d", writers[_i].command, ctl.status);
    ck_assert_str_eq(ctl.err, "reevectl: stdout: No space left on device\n");
}
END_TEST

static const char *const readers[] = {"key hash", "path canon"};

START_TEST(an_input_that_can_not_be_read_is_named)
{
    ctl.input_path = "/";
    ctl_run(readers[_i], STR(""));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strstr(ctl.err, "reevectl: stdin: Is a directory\n") == ctl.err, "%s", ctl.err);
}
END_TEST

Suite *command_suite(void)
{
    Suite *suite = suite_create("command");
    TCase *tcase = tcase_create("command");

    tcase_add_checked_fixture(tcase, box_open, box_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, wrong_usage_is_told_on_stderr_alone, 0, COUNT(wrong_usages));
    tcase_add_loop_test(tcase, a_key_in_the_arguments_is_refused_and_not_repeated, 0,
                        COUNT(takes_no_file));
    tcase_add_loop_test(tcase, no_argument_reaches_the_terminal_as_it_is, 0, COUNT(hostile));
    tcase_add_test(tcase, words_may_be_long);
    tcase_add_loop_test(tcase, an_output_that_can_not_be_written_is_a_failure, 0, COUNT(writers));
    tcase_add_loop_test(tcase, an_input_that_can_not_be_read_is_named, 0, COUNT(readers));
    tcase_add_test(tcase, help_goes_to_stdout);
    tcase_add_test(tcase, says_its_version);
    suite_add_tcase(suite, tcase);
    return suite;
}
