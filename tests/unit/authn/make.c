/* New keys, and the hashes to store. */
#include "tests/unit/authn/fake_crypto.h"
#include "tests/unit/authn/keys.h"
#include "tests/unit/authn/suites.h"

START_TEST(without_random_bytes_there_is_no_key)
{
    char text[APIKEY_LENGTH];
    char before[APIKEY_LENGTH];

    memset(text, '!', sizeof(text));
    memcpy(before, text, sizeof(text));
    fake_crypto.random_fails_at = _i;
    ck_assert_int_eq(apikey_make(text), ERR_CRYPTO);
    ck_assert_mem_eq(text, before, sizeof(text));
}
END_TEST

START_TEST(a_new_key_is_a_key_and_no_other)
{
    char text[APIKEY_LENGTH];
    char next[APIKEY_LENGTH];
    struct str keyid;

    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(apikey_make(text), ERR_OK);
        ck_assert(apikey_parse(str_make(text, sizeof(text)), &keyid));
        ck_assert_int_eq(apikey_make(next), ERR_OK);
        ck_assert_mem_ne(text + 3, next + 3, APIKEY_ID_LENGTH);
        ck_assert_mem_ne(text + 14, next + 14, APIKEY_SECRET_LENGTH);
    }
}
END_TEST

START_TEST(a_renewed_key_keeps_its_id_and_nothing_else)
{
    char text[APIKEY_LENGTH];
    char next[APIKEY_LENGTH];
    struct str keyid;

    ck_assert_int_eq(apikey_renew(STR("09AZaz09AZ"), text), ERR_OK);
    ck_assert_int_eq(apikey_renew(STR("09AZaz09AZ"), next), ERR_OK);
    ck_assert(apikey_parse(str_make(text, sizeof(text)), &keyid));
    ck_assert(str_equal(keyid, STR("09AZaz09AZ")));
    ck_assert_mem_eq(text, next, 14);
    ck_assert_mem_ne(text + 14, next + 14, APIKEY_SECRET_LENGTH);
}
END_TEST

static const struct str no_keyids[] = {
    {"", 0},
    {"09AZaz09A", 9},
    {"09AZaz09AZ0", 11},
    {"09AZaz09A_", 10},
    {"09AZaz09A\n", 10},
    {"09AZaz09A\0", 10},
};

START_TEST(what_is_no_keyid_is_not_renewed)
{
    char text[APIKEY_LENGTH] = "before";

    ck_assert_int_eq(apikey_renew(no_keyids[_i], text), ERR_SYNTAX);
    ck_assert_str_eq(text, "before");
}
END_TEST

/* 256 is no multiple of 62: bytes from 248 on would favour eight of the digits. */
START_TEST(no_digit_is_favoured)
{
    static const uint8_t bytes[] = {248, 0, 249, 61, 255, 62, 247, 250};
    char text[APIKEY_LENGTH];

    fake_crypto.random = bytes;
    fake_crypto.random_length = sizeof(bytes);
    ck_assert_int_eq(apikey_make(text), ERR_OK);
    ck_assert_mem_eq(text, "rv_0z0z0z0z0z_0z0z0z0z0z0z0z0z0z0z0z0z0z0z0z0z_", 47);
}
END_TEST

static const struct {
    int pepper; /* -1: none */
    const char *want;
} hashes[] = {{-1, PLAIN}, {0, P1}, {1, P2}};

START_TEST(the_hash_to_store_is_of_the_whole_text)
{
    struct pepper_set peppers = keys_peppers(2);
    char out[APIKEY_HASH_TEXT_MAX];

    ck_assert_int_eq(
        apikey_hash_text(hashes[_i].pepper < 0 ? NULL : &peppers.items[hashes[_i].pepper], STR(KEY),
                         out),
        ERR_OK);
    ck_assert_str_eq(out, hashes[_i].want);
}
END_TEST

START_TEST(the_longest_pepper_id_fits)
{
    struct pepper pepper = {.id = "abcdefghijabcdefghijabcdefghijab", .key_length = 64};
    char out[APIKEY_HASH_TEXT_MAX];

    ck_assert_int_eq(apikey_hash_text(&pepper, STR(KEY), out), ERR_OK);
    ck_assert_uint_eq(strlen(out), strlen("hmac-sha256::") + PEPPER_ID_MAX + 64);
}
END_TEST

START_TEST(a_failing_hash_is_not_stored)
{
    char out[APIKEY_HASH_TEXT_MAX] = "before";

    fake_crypto.hash_fails = true;
    ck_assert_int_eq(apikey_hash_text(NULL, STR(KEY), out), ERR_CRYPTO);
    ck_assert_str_eq(out, "before");
}
END_TEST

Suite *make_suite(void)
{
    Suite *suite = suite_create("make");
    TCase *tcase = tcase_create("make");

    tcase_add_loop_test(tcase, without_random_bytes_there_is_no_key, 1, 3);
    tcase_add_test(tcase, a_new_key_is_a_key_and_no_other);
    tcase_add_test(tcase, a_renewed_key_keeps_its_id_and_nothing_else);
    tcase_add_loop_test(tcase, what_is_no_keyid_is_not_renewed, 0, COUNT(no_keyids));
    tcase_add_test(tcase, no_digit_is_favoured);
    tcase_add_test(tcase, a_failing_hash_is_not_stored);
    tcase_add_loop_test(tcase, the_hash_to_store_is_of_the_whole_text, 0, COUNT(hashes));
    tcase_add_test(tcase, the_longest_pepper_id_fits);
    suite_add_tcase(suite, tcase);
    return suite;
}
