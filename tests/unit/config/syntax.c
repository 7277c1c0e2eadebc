/* The file's form, above all where libconfuse would be silent or wrong; see config/scan.h. */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text, *want;
} bad_files[] = {
    {"nope = 1\n" GATE, "reeve.conf:1: no such option 'nope'\n"},
    {GATE "\n\ndeadlin = 1s\n", "reeve.conf:4: no such option 'deadlin'\n"},
    {"# one\n# two\n/* three\n four */\n// five\nnope = 1\n",
     "reeve.conf:6: no such option 'nope'\n"},
    {"# one\nworkers = 0 # two\nlog_level = x\n" GATE,
     "reeve.conf:2: workers: expected a number from 1 to 64, got \"0\"\n"
     "reeve.conf:3: log_level: expected error, warning, info or debug, got \"x\"\n"},
    {"workers = 1\nworkers = 2\n" GATE, "reeve.conf:2: workers: already set at reeve.conf:1\n"},
    {"listen = {tcp://127.0.0.1:1}\nlisten = {tcp://127.0.0.1:2}\n" GATE,
     "reeve.conf:2: listen: already set at reeve.conf:1\n"},
    {"listen = {}\n" GATE, "reeve.conf: listen: must not be empty\n"},
    {"listen = {tcp://127.0.0.1:1}\nlisten = {}\n" GATE, "reeve.conf: listen: must not be empty\n"},
    {"workers += 2\n" GATE, "reeve.conf:1: attempt to append to non-list option 'workers'\n"},
    {"workers\n" GATE, "reeve.conf:2: missing equal sign after option 'workers'\n"},
    {"workers = \n", "reeve.conf:2: premature end of file\n"},
    {"workers", "reeve.conf:1: premature end of file\n"},
    {"workers = {1}\n", "reeve.conf:1: unexpected token '{'\n"},
    {"listen = {,}\n", "reeve.conf:1: unexpected token ','\n"},
    {"listen = {tcp://127.0.0.1:1 tcp://127.0.0.1:2}\n",
     "reeve.conf:1: unexpected token 'tcp://127.0.0.1:2'\n"},
    {"gate x {\n accept = {apikey}\n", "reeve.conf:1: this brace is never closed\n"},
    {"gate x { accept = {apikey}\n" GATE, "reeve.conf:1: this brace is never closed\n"},
    {GATE "}\n", "reeve.conf:2: nothing is open that this brace could close\n"},
    {GATE "/* gate x {\n", "reeve.conf:2: this comment is never closed\n"},
    {"gate x { accept = {apikey} /* }\n also = {cert} }",
     "reeve.conf:1: this comment is never closed\nreeve.conf:1: this brace is never closed\n"},
    {"agent_id = \"a\n" GATE, "reeve.conf:1: this string has no end on its line\n"},
    {"agent_id = 'a\n" GATE, "reeve.conf:1: this string has no end on its line\n"},
    {"agent_id = \"a", "reeve.conf:1: this string has no end on its line\n"},
    {"agent_id = \"a\\0b\"\n" GATE,
     "reeve.conf:1: a backslash in a string stands before \\ or the quote only\n"},
    {"agent_id = \"a\\x00b\"\n" GATE,
     "reeve.conf:1: a backslash in a string stands before \\ or the quote only\n"},
    {"agent_id = 'a\\\nb'\n" GATE,
     "reeve.conf:1: a backslash in a string stands before \\ or the quote only\n"
     "reeve.conf:1: this string has no end on its line\n"
     "reeve.conf:2: this string has no end on its line\n"},
    {"agent_id = \"a\tb\"\n" GATE, "reeve.conf:1: a control character in a string\n"},
    {"workers = *1\n" GATE, "reeve.conf:1: '*' and '+' must be quoted\n"},
    {"workers = 1+\n" GATE, "reeve.conf:1: '*' and '+' must be quoted\n"},
    {"gate * { accept = {apikey} }\n", "reeve.conf:1: '*' and '+' must be quoted\n"},
    {GATE "gate|mode = observe\n", "reeve.conf:2: a character that must be quoted\n"},
    {"agent_id = a\\b\n" GATE, "reeve.conf:1: a character that must be quoted\n"},
    {"agent_id = \x80\n" GATE, "reeve.conf:1: a character that must be quoted\n"},
    {"agent_id = \"${REEVE_TEST_UNSET}\"\n" GATE,
     "reeve.conf:1: the environment variable REEVE_TEST_UNSET is not set\n"},
    {"agent_id = ${REEVE_TEST_SET}\n" GATE, "reeve.conf:1: a character that must be quoted\n"},
    {"agent_id = \"${}\"\n" GATE,
     "reeve.conf:1: expected ${NAME} or ${NAME:-default}; '${' needs single quotes\n"},
    {"agent_id = \"${A\"\nprefix = \"}\"\n" GATE,
     "reeve.conf:1: expected ${NAME} or ${NAME:-default}; '${' needs single quotes\n"},
    {"agent_id = \"${A-B}\"\n" GATE,
     "reeve.conf:1: expected ${NAME} or ${NAME:-default}; '${' needs single quotes\n"},
    {"include(\"absent.conf\")\n", "reeve.conf:1: absent.conf: No such file or directory\n"},
    {"include(\".\")\n", "reeve.conf:1: .: not a regular file\n"},
    {"include(\"\")\n", "reeve.conf:1: include: expected one file\n"},
    {"include()\n", "reeve.conf:1: include: expected one file\n"},
    {"include(\"a\", \"b\")\n", "reeve.conf:1: include: expected one file\n"},
    {"include = \"a\"\n", "reeve.conf:1: missing parenthesis for function 'include'\n"},
};

static void open_box(void)
{
    box_open();
    setenv("REEVE_TEST_SET", "edge-7", 1);
    unsetenv("REEVE_TEST_UNSET");
}

START_TEST(refuses_and_names_the_line)
{
    ck_assert_str_eq(box_errors(bad_files[_i].text), bad_files[_i].want);
    /* Nothing of a broken file stays in the lexer. */
    config_unref(box_load(GATE));
}
END_TEST

/* Each prefix of a good file either loads or is refused; none crashes, none loads with a gate that
 * lost one of its options. */
START_TEST(a_file_cut_anywhere_never_loses_a_restriction)
{
    static const char whole[] =
        "workers = 2 # two\ngate \"x\" { anonymous = guest /* c */ accept = {apikey} }\n";
    size_t loaded = 0;

    for (size_t length = 0; length < sizeof(whole); length++) {
        char text[sizeof(whole)];
        struct config *config = NULL;
        FILE *sink = fopen("/dev/null", "w");

        memcpy(text, whole, length);
        text[length] = '\0';
        box_write("reeve.conf", text, 0644);
        if (config_load("reeve.conf", NULL, 0, sink, &config) == ERR_OK) {
            ck_assert_uint_eq(config->workers, 2);
            ck_assert_uint_eq(config->gates[0].accept, CREDENTIAL_APIKEY);
            config_unref(config);
            loaded++;
        }
        fclose(sink);
    }
    ck_assert_uint_eq(loaded, 2);
}
END_TEST

START_TEST(refuses_what_is_no_text_file)
{
    ck_assert_str_eq(box_errors_of("absent"), "configuration: absent: No such file or directory\n");
    ck_assert_str_eq(box_errors_of("."), "configuration: .: not a regular file\n");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_str_eq(box_errors_of("fifo"), "configuration: fifo: not a regular file\n");
    FILE *file = fopen("nul", "w");
    fwrite("workers = 1\0 ", 1, 13, file);
    fclose(file);
    ck_assert_str_eq(box_errors_of("nul"), "configuration: nul: holds a NUL byte\n");
    file = fopen("large", "w");
    ck_assert_int_eq(fseek(file, 1 << 20, SEEK_SET), 0);
    fputc(' ', file);
    fclose(file);
    ck_assert_str_eq(box_errors_of("large"), "configuration: large: larger than 1048576 bytes\n");
}
END_TEST

START_TEST(comments_and_quotes)
{
    struct config *config =
        box_load("# 'not a string { \"\n"
                 "agent_id = \"a\" // } {\n"
                 "/* } \" */ prefix = 'b:' /**/ workers=2# x\n"
                 "audit_file = \"/a \\\"b\\\" \\\\ # // /* ${REEVE_TEST_SET}\"\n"
                 "spool_dir = '/c \"${X}\" \\'d\\''\n"
                 "listen = {tcp://127.0.0.1:1}\r\n" GATE);

    ck_assert_str_eq(config->agent_id, "a");
    ck_assert_str_eq(config->prefix, "b:");
    ck_assert_uint_eq(config->workers, 2);
    ck_assert_str_eq(config->audit_file, "/a \"b\" \\ # // /* edge-7");
    ck_assert_str_eq(config->spool_dir, "/c \"${X}\" 'd'");
    config_unref(config);
}
END_TEST

START_TEST(environment_variables_are_expanded)
{
    struct config *config = box_load("agent_id = \"${REEVE_TEST_SET}\"\n"
                                     "prefix = \"x${REEVE_TEST_UNSET:-reeve}:\"\n" GATE);

    ck_assert_str_eq(config->agent_id, "edge-7");
    ck_assert_str_eq(config->prefix, "xreeve:");
    config_unref(config);
}
END_TEST

START_TEST(lists_may_be_extended)
{
    struct config *config = box_load("listen = tcp://127.0.0.1:1\n"
                                     "listen += {tcp://127.0.0.1:2, 'unix:///x'}\n" GATE);

    ck_assert_uint_eq(config->listen.count, 3);
    ck_assert_str_eq(config->listen.items[0].text, "tcp://127.0.0.1:1");
    ck_assert_str_eq(config->listen.items[2].text, "unix:///x");
    config_unref(config);
}
END_TEST

START_TEST(listens_on_at_most_sixteen_addresses)
{
    char text[1024] = "listen = {tcp://127.0.0.1:1";

    for (int i = 2; i <= 17; i++) {
        sprintf(text + strlen(text), ", tcp://127.0.0.1:%d", i);
    }
    strcat(text, "}\n" GATE);
    ck_assert_str_eq(box_errors(text),
                     "reeve.conf:1: listen: more than 16 addresses, got \"tcp://127.0.0.1:17\"\n");
}
END_TEST

START_TEST(includes_are_relative_to_the_file_they_stand_in)
{
    ck_assert_int_eq(mkdir("conf.d", 0755), 0);
    box_write("conf.d/all.conf", "# c\ninclude(\"gates.conf\")\nworkers = 2\n", 0644);
    box_write("conf.d/gates.conf", "\n" GATE, 0644);
    struct config *config = box_load("include(\"conf.d/all.conf\")\nagent_id = a\n");

    ck_assert_uint_eq(config->workers, 2);
    ck_assert_uint_eq(config->gate_count, 1);
    ck_assert_str_eq(config->agent_id, "a");
    config_unref(config);
}
END_TEST

START_TEST(errors_name_the_included_file_and_then_the_including_one)
{
    box_write("b.conf", "# c\nworkers = 0\n\n" GATE, 0644);
    ck_assert_str_eq(box_errors("# c\n\ninclude(\"b.conf\") max_age = 1us\nagent_id = ''\n"),
                     "b.conf:2: workers: expected a number from 1 to 64, got \"0\"\n"
                     "reeve.conf:3: max_age: expected a duration from 10ms to 10m, got \"1us\"\n"
                     "reeve.conf:4: agent_id: expected a name of A-Z a-z 0-9 . _ @ -, at most 64, "
                     "got \"\"\n");
    box_write("b.conf", "workers = 1\n}\n", 0644);
    ck_assert_str_eq(box_errors("include(\"b.conf\")\n" GATE),
                     "b.conf:2: nothing is open that this brace could close\n");
    box_write("b.conf", "workers = 1\n", 0644);
    ck_assert_str_eq(box_errors("workers = 1\ninclude(\"b.conf\")\n" GATE),
                     "b.conf:1: workers: already set at reeve.conf:1\n");
}
END_TEST

START_TEST(an_include_that_fails_again_and_again_does_no_harm)
{
    box_write("b.conf", "nope = 1\n", 0644);
    for (int i = 0; i < 30; i++) {
        ck_assert_str_eq(box_errors("include(\"b.conf\")\n"), "b.conf:1: no such option 'nope'\n");
    }
    box_write("b.conf", GATE, 0644);
    config_unref(box_load("include(\"b.conf\")\n"));
}
END_TEST

START_TEST(a_file_that_includes_itself_is_refused)
{
    ck_assert_str_eq(box_errors("include(\"reeve.conf\")\n"),
                     "reeve.conf:1: include: more than 8 deep\n");
}
END_TEST

Suite *syntax_suite(void)
{
    Suite *suite = suite_create("syntax");
    TCase *tests = tcase_create("syntax");

    tcase_add_checked_fixture(tests, open_box, box_close);
    tcase_add_loop_test(tests, refuses_and_names_the_line, 0, COUNT(bad_files));
    tcase_add_test(tests, a_file_cut_anywhere_never_loses_a_restriction);
    tcase_add_test(tests, refuses_what_is_no_text_file);
    tcase_add_test(tests, comments_and_quotes);
    tcase_add_test(tests, environment_variables_are_expanded);
    tcase_add_test(tests, lists_may_be_extended);
    tcase_add_test(tests, listens_on_at_most_sixteen_addresses);
    tcase_add_test(tests, includes_are_relative_to_the_file_they_stand_in);
    tcase_add_test(tests, errors_name_the_included_file_and_then_the_including_one);
    tcase_add_test(tests, an_include_that_fails_again_and_again_does_no_harm);
    tcase_add_test(tests, a_file_that_includes_itself_is_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
