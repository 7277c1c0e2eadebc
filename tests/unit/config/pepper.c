#include "agent/config/pepper.h"

#include <check.h>
#include <sys/stat.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define HEX16 "000102030405060708090a0b0c0d0e0f"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static const struct {
    const char *text;
    const char *want;
} bad_files[] = {
    {"", "pepper: holds no pepper"},
    {"# only a comment\n\n", "pepper: holds no pepper"},
    {"p1\n", "pepper:1: expected"},
    {"p1 " HEX16 "\np2\n", "pepper:2: expected"},
    {"p1  " HEX16 "\n", "pepper:1: expected"},
    {" p1 " HEX16 "\n", "pepper:1: expected"},
    {"p1 " HEX16 " \n", "pepper:1: expected"},
    {"p1 " HEX16 "\r\n", "pepper:1: expected"},
    {"p1\t" HEX16 "\n", "pepper:1: expected"},
    {"p@1 " HEX16 "\n", "pepper:1: expected"},
    {"p:1 " HEX16 "\n", "pepper:1: expected"},
    {" " HEX16 "\n", "pepper:1: expected"},
    {"abcdefghijabcdefghijabcdefghijabc " HEX16 "\n", "pepper:1: expected"},
    {"p1 0001020304050607\n", "pepper:1: expected"},
    {"p1 " HEX16 "0\n", "pepper:1: expected"},
    {"p1 " HEX64 "00\n", "pepper:1: expected"},
    {"p1 zz0102030405060708090a0b0c0d0e0f\n", "pepper:1: expected"},
    {"p1 " HEX16 "\n#\np1 " HEX64 "\n", "pepper:3: pepper \"p1\" stands there twice"},
};

START_TEST(refuses_files_that_are_not_peppers)
{
    struct pepper_set set = {.count = 77};
    struct diag diag = {""};

    box_write("pepper", bad_files[_i].text, 0600);
    ck_assert_int_ne(pepper_load("pepper", &set, &diag), ERR_OK);
    ck_assert_msg(strncmp(diag.text, bad_files[_i].want, strlen(bad_files[_i].want)) == 0, "%s",
                  diag.text);
    ck_assert_ptr_null(strstr(diag.text, "0001"));
    ck_assert_uint_eq(set.count, 77);
}
END_TEST

START_TEST(refuses_more_than_sixteen)
{
    char text[17 * 64] = "";
    struct pepper_set set;
    struct diag diag;

    for (int i = 0; i < 17; i++) {
        sprintf(text + strlen(text), "p%d " HEX16 "\n", i);
    }
    box_write("pepper", text, 0600);
    ck_assert_int_eq(pepper_load("pepper", &set, &diag), ERR_FULL);
    ck_assert_str_eq(diag.text, "pepper:17: more than 16 peppers");
}
END_TEST

static const mode_t bad_modes[] = {0640, 0620, 0604, 0602, 0644, 0666};

START_TEST(refuses_files_that_others_can_read_or_write)
{
    struct pepper_set set;
    struct diag diag;

    box_write("pepper", "p1 " HEX16 "\n", bad_modes[_i]);
    ck_assert_int_eq(pepper_load("pepper", &set, &diag), ERR_RANGE);
    ck_assert_str_eq(diag.text, "pepper: group or others can read or write it; chmod 600");
}
END_TEST

START_TEST(refuses_what_is_no_regular_file)
{
    struct pepper_set set;
    struct diag diag;

    ck_assert_int_eq(pepper_load("absent", &set, &diag), ERR_IO);
    ck_assert_str_eq(diag.text, "absent: No such file or directory");
    ck_assert_int_eq(mkfifo("fifo", 0600), 0);
    ck_assert_int_eq(pepper_load("fifo", &set, &diag), ERR_IO);
    ck_assert_str_eq(diag.text, "fifo: not a regular file");
    ck_assert_int_eq(pepper_load(".", &set, &diag), ERR_IO);
    ck_assert_str_eq(diag.text, ".: not a regular file");
}
END_TEST

START_TEST(reads_peppers_in_their_order)
{
    struct pepper_set set;
    struct diag diag;

    box_write("pepper", "# ours\n\np2 " HEX64 "\nA-z_9.x " HEX16, 0400);
    ck_assert_int_eq(pepper_load("pepper", &set, &diag), ERR_OK);
    ck_assert_uint_eq(set.count, 2);
    ck_assert_str_eq(set.items[0].id, "p2");
    ck_assert_uint_eq(set.items[0].key_length, 64);
    ck_assert_uint_eq(set.items[0].key[63], 0x0f);
    ck_assert_ptr_eq(pepper_find(&set, STR("A-z_9.x")), &set.items[1]);
    ck_assert_uint_eq(set.items[1].key_length, 16);
    ck_assert_ptr_null(pepper_find(&set, STR("p")));
    ck_assert_ptr_null(pepper_find(&set, STR("")));
}
END_TEST

START_TEST(wipes)
{
    struct pepper_set set, zeroes;
    struct diag diag;

    memset(&zeroes, 0, sizeof(zeroes));
    box_write("pepper", "p1 " HEX64 "\n", 0600);
    ck_assert_int_eq(pepper_load("pepper", &set, &diag), ERR_OK);
    pepper_wipe(&set);
    ck_assert_mem_eq(&set, &zeroes, sizeof(set));
}
END_TEST

Suite *pepper_suite(void)
{
    Suite *suite = suite_create("pepper");
    TCase *tests = tcase_create("pepper");

    tcase_add_checked_fixture(tests, box_open, box_close);
    tcase_add_loop_test(tests, refuses_files_that_are_not_peppers, 0, COUNT(bad_files));
    tcase_add_test(tests, refuses_more_than_sixteen);
    tcase_add_loop_test(tests, refuses_files_that_others_can_read_or_write, 0, COUNT(bad_modes));
    tcase_add_test(tests, refuses_what_is_no_regular_file);
    tcase_add_test(tests, reads_peppers_in_their_order);
    tcase_add_test(tests, wipes);
    suite_add_tcase(suite, tests);
    return suite;
}
