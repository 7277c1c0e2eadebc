/* reevectl key: new keys, and the hashes to store. */
#include <stdlib.h>

#include "tests/unit/authn/keys.h"
#include "tests/unit/config/box.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

#define P1_LINE "p1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define P2_LINE "p2 ffffffffffffffffffffffffffffffff\n"

static void start(void)
{
    box_open();
    box_write("peppers", P1_LINE P2_LINE, 0600);
    box_write("second", P2_LINE, 0600);
    box_write("readable", P1_LINE, 0644);
    box_write("broken", "p1 0001020304050607\n", 0600);
}

static const struct {
    const char *command;
    const char *err;
} bad_peppers[] = {
    {"key new --pepper-file missing", "reevectl: missing: No such file or directory\n"},
    {"key new --pepper-file .", "reevectl: ."},
    {"key new --pepper-file readable", "reevectl: readable: "},
    {"key new --pepper-file broken", "reevectl: broken:1: "},
    {"key new --pepper-file peppers --pepper-id p3", "reevectl: no pepper \"p3\"\n"},
    {"key new --pepper-id p1", "reevectl: no pepper \"p1\"\n"},
    {"key hash --pepper-file missing", "reevectl: missing: "},
    {"key hash --pepper-file peppers --pepper-id P1", "reevectl: no pepper \"P1\"\n"},
};

START_TEST(without_the_pepper_there_is_no_key)
{
    ctl_run(bad_peppers[_i].command, STR(KEY "\n"));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strncmp(ctl.err, bad_peppers[_i].err, strlen(bad_peppers[_i].err)) == 0, "%s",
                  ctl.err);
    ck_assert_ptr_null(strstr(ctl.err, "0001"));
}
END_TEST

START_TEST(a_pepper_file_of_the_environment_that_is_not_there_is_no_pepper)
{
    setenv("REEVE_PEPPER_FILE", "missing", 1);
    ctl_run("key new", STR(""));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
}
END_TEST

#define LONG_TEXT "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct str bad_keys[] = {
    {"", 0},
    {"\n", 1},
    {"\n" KEY "\n", sizeof(KEY) + 1},
    {KEY "\r\n", sizeof(KEY) + 1},
    {" " KEY "\n", sizeof(KEY) + 1},
    {KEY " \n", sizeof(KEY) + 1},
    {KEY "\0\n", sizeof(KEY) + 1},
    {"\0" KEY "\n", sizeof(KEY) + 1},
    {KEY KEY "\n", 2 * sizeof(KEY) - 1},
    {KEY, sizeof(KEY) - 2},
    {LONG_TEXT KEY "\n", sizeof(LONG_TEXT) - 1 + sizeof(KEY)},
    {"rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPy\n", sizeof(KEY)},
    {"xx_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx\n", sizeof(KEY)},
    {"\xff\xff\x1b[2J\n", 7},
};

START_TEST(what_is_no_key_is_refused_and_not_repeated)
{
    ctl_run("key hash --pepper-file peppers", bad_keys[_i]);
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_ptr_nonnull(strstr(ctl.err, "reevectl: stdin: not an API key"));
    ck_assert_ptr_null(strstr(ctl.err, "ABCDEFGHIJ"));
    ck_assert(ctl_is_printable());
}
END_TEST

static const struct {
    const char *command;
    const char *environment; /* REEVE_PEPPER_FILE */
    const char *want;        /* the hash of KEY */
} choices[] = {
    {"key hash", NULL, PLAIN},
    {"key hash", "", PLAIN},
    {"key hash", "peppers", P1},
    {"key hash --unpeppered", NULL, PLAIN},
    {"key hash --unpeppered", "peppers", PLAIN},
    {"key hash --unpeppered", "missing", PLAIN},
    {"key hash --pepper-file peppers", NULL, P1},
    {"key hash --pepper-file second", "peppers", P2},
    {"key hash --pepper-file second", "missing", P2},
    {"key hash --pepper-file peppers --pepper-id p1", NULL, P1},
    {"key hash --pepper-id p2 --pepper-file peppers", NULL, P2},
    {"key hash --pepper-id p2", "peppers", P2},
};

static void choose(const char *environment)
{
    if (environment) {
        setenv("REEVE_PEPPER_FILE", environment, 1);
    }
}

START_TEST(a_hash_is_made_with_the_chosen_pepper)
{
    char want[256];

    choose(choices[_i].environment);
    ctl_run(choices[_i].command, STR(KEY "\n"));
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(ctl.err, "");
    snprintf(want, sizeof(want), "0123456789\n%s\n", choices[_i].want);
    ck_assert_str_eq(ctl.out, want);
}
END_TEST

START_TEST(the_last_line_needs_no_end)
{
    ctl_run("key hash", STR(KEY));
    ck_assert_int_eq(ctl.status, 0);
    ck_assert_str_eq(ctl.out, "0123456789\n" PLAIN "\n");
}
END_TEST

/* The key on the first line of `out`, the hash on the second. */
static void split(struct str *key, struct str *hash)
{
    struct str rest = str_make(ctl.out, ctl.out_length);

    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert(str_cut(&rest, '\n', key) && str_cut(&rest, '\n', hash));
    ck_assert_uint_eq(rest.len, 0);
}

START_TEST(a_new_key_comes_with_its_hash)
{
    static const char *const options[] = {"--unpeppered", "--pepper-file peppers",
                                          "--pepper-file peppers --pepper-id p2"};
    char line[128];
    char key[APIKEY_LENGTH + 1] = "";
    char hash[APIKEY_HASH_TEXT_MAX];
    struct str first;
    struct str second;
    struct str keyid;

    snprintf(line, sizeof(line), "key new %s", options[_i]);
    ctl_run(line, STR(""));
    ck_assert_str_eq(ctl.err, "");
    split(&first, &second);
    ck_assert(apikey_parse(first, &keyid));
    memcpy(key, first.ptr, APIKEY_LENGTH);
    snprintf(hash, sizeof(hash), "%.*s", STR_ARG(second));
    snprintf(line, sizeof(line), "key hash %s", options[_i]);
    ctl_run(line, str_make(key, APIKEY_LENGTH));
    split(&first, &second);
    ck_assert_mem_eq(first.ptr, key + 3, APIKEY_ID_LENGTH);
    ck_assert(str_equal(second, str_from_c(hash)));
}
END_TEST

START_TEST(a_key_that_there_is_gets_a_new_secret)
{
    char before[sizeof(ctl.out)];
    struct str key, hash, keyid;

    ctl_run("key new --keyid 09AZaz09AZ", STR(""));
    memcpy(before, ctl.out, sizeof(before));
    ctl_run("key new --pepper-file peppers --keyid 09AZaz09AZ", STR(""));
    split(&key, &hash);
    ck_assert(apikey_parse(key, &keyid));
    ck_assert(str_equal(keyid, STR("09AZaz09AZ")));
    ck_assert_mem_ne(key.ptr + 14, before + 14, APIKEY_SECRET_LENGTH);
}
END_TEST

START_TEST(what_is_no_keyid_is_refused_and_not_repeated)
{
    ctl_run("key new --keyid " KEY, STR(""));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_str_eq(ctl.err, "reevectl: --keyid: not a keyid (10 of 0-9 A-Z a-z)\n");
}
END_TEST

START_TEST(no_key_is_made_twice)
{
    char before[sizeof(ctl.out)];

    ctl_run("key new", STR(""));
    memcpy(before, ctl.out, sizeof(before));
    ctl_run("key new", STR(""));
    ck_assert_mem_ne(ctl.out + 3, before + 3, APIKEY_ID_LENGTH);
    ck_assert_mem_ne(ctl.out + 14, before + 14, APIKEY_SECRET_LENGTH);
}
END_TEST

Suite *key_suite(void)
{
    Suite *suite = suite_create("key");
    TCase *tcase = tcase_create("key");

    tcase_add_checked_fixture(tcase, start, box_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, without_the_pepper_there_is_no_key, 0, COUNT(bad_peppers));
    tcase_add_test(tcase, a_pepper_file_of_the_environment_that_is_not_there_is_no_pepper);
    tcase_add_loop_test(tcase, what_is_no_key_is_refused_and_not_repeated, 0, COUNT(bad_keys));
    tcase_add_loop_test(tcase, a_hash_is_made_with_the_chosen_pepper, 0, COUNT(choices));
    tcase_add_test(tcase, the_last_line_needs_no_end);
    tcase_add_loop_test(tcase, a_new_key_comes_with_its_hash, 0, 3);
    tcase_add_test(tcase, a_key_that_there_is_gets_a_new_secret);
    tcase_add_test(tcase, what_is_no_keyid_is_refused_and_not_repeated);
    tcase_add_test(tcase, no_key_is_made_twice);
    suite_add_tcase(suite, tcase);
    return suite;
}
