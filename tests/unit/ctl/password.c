/* reevectl password: hashes to store. */
#include <stdio.h>

#include "agent/base/phc.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"

#define CHEAP "password hash --scheme pbkdf2-sha256 --parameters i=1000"

static void expect_hash_of(struct str password, const char *head)
{
    size_t length = ctl.out_length;
    bool is_right;
    struct phc phc;

    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(ctl.err, "");
    ck_assert_msg(strncmp(ctl.out, head, strlen(head)) == 0, "%s", ctl.out);
    ck_assert(length > 0 && ctl.out[length - 1] == '\n');
    ck_assert_ptr_null(phc_parse(str_make(ctl.out, length - 1), &phc));
    ck_assert_int_eq(phc_verify(&phc, password, &is_right), ERR_OK);
    ck_assert(is_right);
}

START_TEST(prints_a_hash_of_the_line)
{
    ctl_run("password hash", STR("s3cret: \xc3\xbc\nmore\n"));
    expect_hash_of(STR("s3cret: \xc3\xbc"), "$scrypt$ln=14,r=8,p=5$");
    ctl_run("password hash --scheme pbkdf2-sha256", STR("s3cret"));
    expect_hash_of(STR("s3cret"), "$pbkdf2-sha256$i=600000$");
    ctl_run("password hash --parameters ln=10,r=8,p=1", STR("s3cret"));
    expect_hash_of(STR("s3cret"), "$scrypt$ln=10,r=8,p=1$");
    ctl_run(CHEAP, STR(" blanks stay \r\n"));
    ck_assert_int_eq(ctl.status, 1);
    ctl_run(CHEAP, STR(" blanks stay \n"));
    expect_hash_of(STR(" blanks stay "), "$pbkdf2-sha256$i=1000$");
}
END_TEST

START_TEST(takes_the_longest_password_and_no_longer_one)
{
    static char line[PHC_PASSWORD_BYTES_MAX + 1];

    memset(line, 'a', sizeof(line));
    ctl_run(CHEAP, str_make(line, PHC_PASSWORD_BYTES_MAX));
    expect_hash_of(str_make(line, PHC_PASSWORD_BYTES_MAX), "$pbkdf2-sha256$i=1000$");
    ctl_run(CHEAP, str_make(line, PHC_PASSWORD_BYTES_MAX + 1));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
}
END_TEST

static const struct str bad_passwords[] = {
    {"", 0},           {"\n", 1},           {"\ns3cret\n", 8},   {"s3cret\0\n", 8},
    {"s3\tcret\n", 8}, {"s3cret\xff\n", 8}, {"s3cret\x7f\n", 8}, {"rv_s3cret\n", 10},
};

START_TEST(what_no_agent_would_take_is_refused_and_not_repeated)
{
    ctl_run(CHEAP, bad_passwords[_i]);
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_ptr_nonnull(strstr(ctl.err, "reevectl: stdin: "));
    ck_assert_ptr_null(strstr(ctl.err, "cret"));
    ck_assert(ctl_is_printable());
}
END_TEST

static const char *const bad_usage[] = {
    "password hash s3cret",
    "password hash --scheme argon2id",
    "password hash --scheme",
    "password hash --parameters ln=9,r=8,p=1",
    "password hash --parameters i=1000",
    "password hash --parameters ln=17,r=8,p=3",
    "password hash --scheme pbkdf2-sha256 --parameters ln=14,r=8,p=5",
    "password hash --scheme pbkdf2-sha256 --parameters i=0",
};

START_TEST(wrong_usage_hashes_nothing)
{
    ctl_run(bad_usage[_i], STR("s3cret\n"));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_str_eq(ctl.out, "");
}
END_TEST

Suite *password_suite(void)
{
    Suite *suite = suite_create("password");
    TCase *cases = tcase_create("password");
    /* Hashes of the costs that ship, on a busy machine. */
    tcase_set_timeout(cases, 60);

    tcase_add_test(cases, prints_a_hash_of_the_line);
    tcase_add_test(cases, takes_the_longest_password_and_no_longer_one);
    tcase_add_loop_test(cases, what_no_agent_would_take_is_refused_and_not_repeated, 0,
                        COUNT(bad_passwords));
    tcase_add_loop_test(cases, wrong_usage_hashes_nothing, 0, COUNT(bad_usage));
    suite_add_tcase(suite, cases);
    return suite;
}
