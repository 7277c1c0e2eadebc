/* Where secrets come from, and from where they are refused. */
#include "agent/config/secret.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define VARIABLE     "REEVE_TEST_SECRET"
#define MOST         16

static struct file_text text;
static struct diag diag;

static void open_box(void)
{
    char here[256];

    box_open();
    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", here, 1), 0);
    unsetenv(VARIABLE);
}

static void close_box(void)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    unsetenv(VARIABLE);
    box_close();
}

static void reads(const char *source, const char *want)
{
    diag.text[0] = '\0';
    ck_assert_msg(secret_read(source, MOST, &text, &diag) == ERR_OK, "%s", diag.text);
    ck_assert_str_eq(text.bytes, want);
    ck_assert_uint_eq(text.length, strlen(want));
    file_text_free(&text);
}

/* The diag is "<source>: <why>", and holds nothing of the secret. */
static void refuses(const char *source, enum err e, const char *why)
{
    struct file_text untouched = {.bytes = NULL, .length = 7};

    ck_assert_int_eq(secret_read(source, MOST, &untouched, &diag), e);
    ck_assert_ptr_null(untouched.bytes);
    ck_assert_uint_eq(untouched.length, 7);
    ck_assert_msg(strstr(diag.text, why) != NULL, "%s", diag.text);
    ck_assert_ptr_null(strstr(diag.text, "sesame"));
}

START_TEST(reads_a_private_file)
{
    box_write("secret", "sesame\n", 0600);
    reads("secret", "sesame\n");
    box_write("env", "sesame", 0400);
    reads("env", "sesame");
    box_write("env:A", "sesame", 0400);
    reads("./env:A", "sesame");
}
END_TEST

START_TEST(reads_a_variable)
{
    setenv(VARIABLE, "sesame", 1);
    reads("env:" VARIABLE, "sesame");
    setenv(VARIABLE, "", 1);
    reads("env:" VARIABLE, "");
    setenv(VARIABLE, "0123456789abcdef", 1);
    reads("env:" VARIABLE, "0123456789abcdef");
    ck_assert_str_eq(getenv(VARIABLE), "0123456789abcdef"); /* a reload reads it again */
    setenv(VARIABLE, "sesame-sesame-sesame", 1);
    refuses("env:" VARIABLE, ERR_RANGE, "env:" VARIABLE ": larger than 16 bytes");
}
END_TEST

START_TEST(refuses_a_variable_that_is_not_there)
{
    refuses("env:" VARIABLE, ERR_MISSING, "env:" VARIABLE ": the environment variable is not set");
}
END_TEST

static const char *const no_variables[] = {"env:",   "env:1A",  "env:A-B",
                                           "env: A", "env:A=B", "env:A B"};

START_TEST(refuses_what_is_no_name_of_a_variable)
{
    refuses(no_variables[_i], ERR_SYNTAX, ": expected the name of an environment variable");
}
END_TEST

static const mode_t credential_modes[] = {0400, 0440, 0600, 0640};

START_TEST(reads_a_credential)
{
    box_write("redis", "sesame", credential_modes[_i]);
    reads("credential:redis", "sesame");
}
END_TEST

static const mode_t bad_modes[] = {0404, 0402, 0420, 0444, 0460, 0660, 0644};

START_TEST(refuses_a_credential_that_others_can_read_or_group_can_write)
{
    box_write("redis", "sesame", bad_modes[_i]);
    refuses("credential:redis", ERR_RANGE,
            "/redis: group can write it, or others can read or write it; chmod 400");
}
END_TEST

START_TEST(refuses_a_file_by_its_path_that_the_group_can_read)
{
    box_write("redis", "sesame", 0440);
    refuses("redis", ERR_RANGE, "redis: group or others can read or write it; chmod 600");
}
END_TEST

static const char *const no_credentials[] = {"credential:",    "credential:.",
                                             "credential:..",  "credential:../redis",
                                             "credential:a/b", "credential:/etc/passwd"};

START_TEST(refuses_what_is_no_name_of_a_credential)
{
    refuses(no_credentials[_i], ERR_SYNTAX, ": expected the name of a credential");
}
END_TEST

START_TEST(refuses_a_credential_without_a_folder)
{
    box_write("redis", "sesame", 0400);
    refuses("credential:other", ERR_IO, "/other: No such file or directory");
    setenv("CREDENTIALS_DIRECTORY", "relative", 1);
    refuses("credential:redis", ERR_MISSING, "CREDENTIALS_DIRECTORY is not set");
    unsetenv("CREDENTIALS_DIRECTORY");
    refuses("credential:redis", ERR_MISSING,
            "credential:redis: there are no credentials: CREDENTIALS_DIRECTORY is not set");
}
END_TEST

static void loads_with_its_secrets(const char *password, const char *pepper)
{
    char lines[512];

    snprintf(lines, sizeof(lines),
             "redis = \"redis://reeve@h\" redis_password_file = \"%s\" pepper_file = \"%s\"\n" GATE,
             password, pepper);
    struct config *config = box_load(lines);
    ck_assert_str_eq(config->store.password, "sesame");
    ck_assert_uint_eq(config->peppers.count, 1);
    ck_assert_str_eq(config->peppers.items[0].id, "p1");
    config_unref(config);
}

START_TEST(the_configuration_takes_each)
{
    static const char pepper[] = "p1 000102030405060708090a0b0c0d0e0f";

    box_write("password", "sesame\n", 0400);
    box_write("pepper", pepper, 0400);
    loads_with_its_secrets("password", "credential:pepper");
    setenv(VARIABLE, "sesame", 1);
    loads_with_its_secrets("env:" VARIABLE, "pepper");
    setenv(VARIABLE, pepper, 1);
    loads_with_its_secrets("credential:password", "env:" VARIABLE);
}
END_TEST

START_TEST(the_configuration_says_what_is_missing)
{
    ck_assert_str_eq(box_errors("redis_password_file = \"env:" VARIABLE "\"\n" GATE),
                     "reeve.conf:1: redis_password_file: env:" VARIABLE
                     ": the environment variable is not set\n");
    setenv(VARIABLE, "p1 sesame", 1);
    ck_assert_str_eq(box_errors("pepper_file = \"env:" VARIABLE "\"\n" GATE),
                     "reeve.conf:1: pepper_file: env:" VARIABLE
                     ":1: expected \"<id> <hex of 16 to 64 bytes>\"\n");
    setenv(VARIABLE, "sesame\nsesame", 1);
    ck_assert_str_eq(box_errors("redis_password_file = \"env:" VARIABLE "\"\n" GATE),
                     "reeve.conf:1: redis_password_file: expected one line, without control "
                     "characters\n");
}
END_TEST

Suite *secret_suite(void)
{
    Suite *suite = suite_create("secret");
    TCase *tests = tcase_create("secret");

    tcase_add_checked_fixture(tests, open_box, close_box);
    tcase_add_test(tests, reads_a_private_file);
    tcase_add_test(tests, reads_a_variable);
    tcase_add_test(tests, refuses_a_variable_that_is_not_there);
    tcase_add_loop_test(tests, refuses_what_is_no_name_of_a_variable, 0, COUNT(no_variables));
    tcase_add_loop_test(tests, reads_a_credential, 0, COUNT(credential_modes));
    tcase_add_loop_test(tests, refuses_a_credential_that_others_can_read_or_group_can_write, 0,
                        COUNT(bad_modes));
    tcase_add_test(tests, refuses_a_file_by_its_path_that_the_group_can_read);
    tcase_add_loop_test(tests, refuses_what_is_no_name_of_a_credential, 0, COUNT(no_credentials));
    tcase_add_test(tests, refuses_a_credential_without_a_folder);
    tcase_add_test(tests, the_configuration_takes_each);
    tcase_add_test(tests, the_configuration_says_what_is_missing);
    suite_add_tcase(suite, tests);
    return suite;
}
