/* The form of a key's text, and its checksum. */
#include <ctype.h>
#include <stdlib.h>

#include "agent/authn/apikey.h"
#include "agent/base/crc32.h"
#include "agent/base/enc.h"
#include "tests/unit/authn/keys.h"
#include "tests/unit/authn/suites.h"

/* In a block of its very size, so that a byte read beyond it is noticed. */
static bool is_key(const char *bytes, size_t length)
{
    struct str keyid = STR_ABSENT;
    char *exact = malloc(length + (length == 0));

    memcpy(exact, bytes, length);
    bool is_taken = apikey_parse(str_make(exact, length), &keyid);
    ck_assert_int_eq(str_is_absent(keyid), !is_taken);
    free(exact);
    return is_taken;
}

/* The text with the checksum it should have. */
static void sum(char text[APIKEY_LENGTH])
{
    size_t covered = APIKEY_LENGTH - APIKEY_CRC_LENGTH - 1;

    enc_base62(crc32_ieee(text, covered), APIKEY_CRC_LENGTH, text + covered + 1);
}

START_TEST(every_other_length_is_refused)
{
    const char longer[] = KEY "x" KEY;

    for (size_t length = 0; length < sizeof(longer); length++) {
        ck_assert_msg(is_key(longer, length) == (length == APIKEY_LENGTH), "%zu", length);
    }
    ck_assert(!is_key("", 0));
    struct str keyid;
    ck_assert(!apikey_parse(STR_ABSENT, &keyid));
}
END_TEST

START_TEST(one_other_byte_anywhere_is_refused)
{
    char text[] = KEY;

    for (size_t at = 0; at < APIKEY_LENGTH; at++) {
        for (int byte = 0; byte < 256; byte++) {
            text[at] = (char)byte;
            bool is_taken = is_key(text, APIKEY_LENGTH);
            if (is_taken != (text[at] == KEY[at])) {
                ck_abort_msg("%zu: %02x", at, byte);
            }
        }
        text[at] = KEY[at];
    }
}
END_TEST

/* So that no key has two texts, and no id can reach out of its record's name. */
START_TEST(a_right_checksum_does_not_excuse_a_wrong_form)
{
    const size_t covered = APIKEY_LENGTH - APIKEY_CRC_LENGTH - 1;
    char text[] = KEY;

    for (size_t at = 0; at < covered; at++) {
        bool is_fixed = at < 3 || at == 13;
        for (int byte = 0; byte < 256; byte++) {
            text[at] = (char)byte;
            sum(text);
            bool is_right = is_fixed ? text[at] == KEY[at] : byte < 128 && isalnum(byte);
            if (is_key(text, APIKEY_LENGTH) != is_right) {
                ck_abort_msg("%zu: %02x", at, byte);
            }
        }
        text[at] = KEY[at];
    }
}
END_TEST

static const char *const bad_texts[] = {
    "RV_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx",
    "rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1mjspx",
    "rv_0123456789_abcdefghijklmnopqrstuvwxyzABCDEF_1MjSPx",
    "rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_000000",
    "rv_1032547698_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx",
    "rv_0123456789_BACDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx",
    "rv_012345678_9ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSPx",
    " rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSP",
    "rv_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef_1MjSP ",
    "rv_aaaaaaaaaa_00000000000000000000000000000050_FRlU00",
    "rv_aaaaaaaaaa_00000000000000000000000000000050_  FRlU",
};

START_TEST(what_looks_like_a_key_is_none)
{
    ck_assert_uint_eq(strlen(bad_texts[_i]), APIKEY_LENGTH);
    ck_assert(!is_key(bad_texts[_i], APIKEY_LENGTH));
}
END_TEST

static const char *const good_texts[] = {
    KEY,
    "rv_zzzzzzzzzz_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz_0Jfoiy",
    "rv_0000000000_00000000000000000000000000000000_2yxTPM",
    "rv_aaaaaaaaaa_00000000000000000000000000000050_00FRlU",
};

/* Checksums made with zlib's crc32(). */
START_TEST(a_key_gives_its_id_in_place)
{
    struct str text = str_from_c(good_texts[_i]);
    struct str keyid;

    ck_assert(apikey_parse(text, &keyid));
    ck_assert_ptr_eq(keyid.ptr, text.ptr + 3);
    ck_assert_uint_eq(keyid.len, APIKEY_ID_LENGTH);
}
END_TEST

Suite *form_suite(void)
{
    Suite *suite = suite_create("form");
    TCase *tcase = tcase_create("form");

    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, every_other_length_is_refused);
    tcase_add_test(tcase, one_other_byte_anywhere_is_refused);
    tcase_add_test(tcase, a_right_checksum_does_not_excuse_a_wrong_form);
    tcase_add_loop_test(tcase, what_looks_like_a_key_is_none, 0, COUNT(bad_texts));
    tcase_add_loop_test(tcase, a_key_gives_its_id_in_place, 0, COUNT(good_texts));
    suite_add_tcase(suite, tcase);
    return suite;
}
