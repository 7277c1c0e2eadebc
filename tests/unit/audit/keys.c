/* The key file: what it holds, a key for each segment, and what is left of the one before. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/keys.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

static bool is_in_file(const char *path, const char *needle)
{
    size_t length;
    char *text = read_text(path, &length);
    bool is_there = memmem(text, length, needle, strlen(needle)) != NULL;

    free(text);
    return is_there;
}

/* "key <hex>" of the key file. */
static void read_key(char out[65], const char *name)
{
    size_t length;
    char *text = read_text(key_file, &length), *found = strstr(text, name);

    ck_assert_ptr_nonnull(found);
    memcpy(out, found + strlen(name), 64);
    out[64] = '\0';
    free(text);
}

START_TEST(each_segment_has_a_key_of_its_own_and_the_old_one_is_wiped)
{
    char first[65], second[65];
    char held[64];
    struct stat st;

    read_key(first, "\nkey ");
    int old = open(key_file, O_RDONLY);
    live(10);
    read_key(second, "\nkey ");
    ck_assert_str_ne(first, second);
    ck_assert(!is_in_file(key_file, "next "));
    ck_assert(!is_in_file(key_file, first));
    /* Not even on the disk, where the name no longer leads. */
    ck_assert_int_eq(fstat(old, &st), 0);
    ck_assert_uint_eq(st.st_nlink, 0);
    while (read(old, held, sizeof(held)) > 0) {
        for (size_t i = 0; i < sizeof(held); i++) {
            ck_assert_int_eq(held[i], 0);
        }
    }
    close(old);
    ck_assert_int_eq(stat(key_file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(goes_on_where_the_key_file_can_not_be_written)
{
    char blocked[160];

    snprintf(blocked, sizeof(blocked), "%s.new", key_file);
    ck_assert_int_eq(mkdir(blocked, 0700), 0);
    live(100);
    ck_assert_int_eq(rmdir(blocked), 0);
    live(100);
    static struct told told;
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.records, 200);
}
END_TEST

START_TEST(refuses_files_that_are_no_keys)
{
    static const char *const bad[] = {
        "",
        "reeve-audit-key 1\n",
        "reeve-audit-key 2\nsegment 0\nkey 00\n",
        "reeve-audit-key 1\nsegment 0\nkey 00\n",
        "reeve-audit-key 1\nsegment x\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        "reeve-audit-key 1\nsegment 0\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000",
        "reeve-audit-key 1\nsegment 0\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000\nmore\n"};
    struct audit_keys *keys;
    struct diag diag;
    size_t length;
    char *good = read_text(key_file, &length);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_text(key_file, bad[i], strlen(bad[i]));
        ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_SYNTAX);
        ck_assert_ptr_nonnull(strstr(diag.text, "audit_key_file"));
    }
    write_text(key_file, good, length);
    ck_assert_int_eq(chmod(key_file, 0640), 0);
    ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_RANGE);
    ck_assert_int_eq(chmod(key_file, 0600), 0);
    ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_OK);
    struct audit_keys *second;
    ck_assert_int_eq(audit_keys_open(key_file, &second, &diag), ERR_BUSY);
    audit_keys_free(keys);
    free(good);
}
END_TEST

Suite *keys_suite(void)
{
    Suite *suite = suite_create("keys");
    TCase *tcase = tcase_create("keys");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_test(tcase, each_segment_has_a_key_of_its_own_and_the_old_one_is_wiped);
    tcase_add_test(tcase, goes_on_where_the_key_file_can_not_be_written);
    tcase_add_test(tcase, refuses_files_that_are_no_keys);
    suite_add_tcase(suite, tcase);
    return suite;
}
