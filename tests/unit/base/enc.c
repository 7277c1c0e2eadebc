#include "agent/base/enc.h"

#include "tests/unit/base/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(unhex_takes_exactly_its_length_of_digits)
{
    uint8_t out[2] = {7, 7};

    ck_assert(!enc_unhex(STR(""), out, 2));
    ck_assert(!enc_unhex(STR("abc"), out, 2));
    ck_assert(!enc_unhex(STR("abcde"), out, 2));
    ck_assert(!enc_unhex(STR("abcg"), out, 2));
    ck_assert(!enc_unhex(STR("ab d"), out, 2));
    ck_assert(!enc_unhex(STR("0xab"), out, 2));
    ck_assert(!enc_unhex(STR("@bcd"), out, 2));
    ck_assert(!enc_unhex(STR("ab\x10"
                             "d"),
                         out, 2));
    ck_assert(out[0] == 7 && out[1] == 7);
    ck_assert(enc_unhex(STR("aBFf"), out, 2));
    ck_assert(out[0] == 0xab && out[1] == 0xff);
    ck_assert(enc_unhex(STR(""), out, 0));
}
END_TEST

START_TEST(hex_gives_lower_case)
{
    char out[5] = "";

    enc_hex((const uint8_t *)"\x0a\xff", 2, out);
    ck_assert_str_eq(out, "0aff");
}
END_TEST

static const char *const bad_base64[] = {
    "Z",    "Zg",       "Zm9",      "Zg=",        "Zg===", "=",      "====", "Z===",
    "Zh==", "Zm9=",     "Zm9v=",    "Zm9v====",   "Zm 9v", "Zm9v\n", "Zm-v", "Zm_v",
    "Z=9v", "Zg==Zg==", "Zm9vZm9=", "Z\xc3\xa9v", "A=A=",  "*m9v",
};

START_TEST(unbase64_refuses_what_is_not_canonical)
{
    uint8_t out[16] = {7};
    size_t length = 99;

    ck_assert_msg(enc_unbase64(str_from_c(bad_base64[_i]), out, sizeof(out), &length) == ERR_SYNTAX,
                  "'%s'", bad_base64[_i]);
    ck_assert(out[0] == 7 && length == 99);
}
END_TEST

/* RFC 4648 10. */
static const char *const good_base64[][2] = {
    {"", ""},
    {"Zg==", "f"},
    {"Zm8=", "fo"},
    {"Zm9v", "foo"},
    {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"},
    {"Zm9vYmFy", "foobar"},
    {"+/+/", "\xfb\xff\xbf"},
};

START_TEST(unbase64_gives_the_published_values)
{
    struct str want = str_from_c(good_base64[_i][1]);
    uint8_t out[16];
    size_t length;

    ck_assert_int_eq(enc_unbase64(str_from_c(good_base64[_i][0]), out, want.len, &length), ERR_OK);
    ck_assert_uint_eq(length, want.len);
    ck_assert_mem_eq(out, want.ptr, length);
}
END_TEST

START_TEST(bare_base64_is_the_same_without_padding_both_ways)
{
    struct str want = str_from_c(good_base64[_i][1]);
    struct str bare = str_from_c(good_base64[_i][0]);
    uint8_t out[16];
    char text[16];
    size_t length;

    while (bare.len > 0 && bare.ptr[bare.len - 1] == '=') {
        bare.len--;
    }
    ck_assert_int_eq(enc_unbase64_bare(bare, out, want.len, &length), ERR_OK);
    ck_assert_uint_eq(length, want.len);
    ck_assert_mem_eq(out, want.ptr, length);
    ck_assert_uint_eq(enc_base64_bare(out, length, text), bare.len);
    ck_assert(str_equal(str_make(text, bare.len), bare));
}
END_TEST

START_TEST(bare_base64_refuses_what_is_not_canonical)
{
    static const char *const bad[] = {"Z",     "Zg==", "Zm8=", "Zh", "Zm9",
                                      "Zm9vZ", "Zm-v", "Z g",  "="};
    uint8_t out[16];
    size_t length;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(enc_unbase64_bare(str_from_c(bad[i]), out, sizeof(out), &length) ==
                          ERR_SYNTAX,
                      "'%s'", bad[i]);
    }
}
END_TEST

static const char *const bad_base64url[] = {
    "Z",    "Zg==",   "Zm8=",  "Zm9v=", "Zh", "Zm9",        "Zm9vZ",  "Zm+v", "Zm/v",
    "Zm 9", "Zm9v\n", " Zm9v", "Zm9v.", "=",  "Z\xc3\xa9v", "Zm9vYh", "_x",   "__-",
};

START_TEST(unbase64url_refuses_what_is_not_canonical)
{
    uint8_t out[16] = {7};
    size_t length = 99;

    ck_assert_msg(enc_unbase64url(str_from_c(bad_base64url[_i]), out, sizeof(out), &length) ==
                      ERR_SYNTAX,
                  "'%s'", bad_base64url[_i]);
    ck_assert(out[0] == 7 && length == 99);
}
END_TEST

static const char *const good_base64url[][2] = {
    {"", ""},           {"Zg", "f"},          {"Zm8", "fo"},          {"Zm9v", "foo"},
    {"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"}, {"-_-_", "\xfb\xff\xbf"},
};

START_TEST(unbase64url_gives_the_published_values)
{
    struct str want = str_from_c(good_base64url[_i][1]);
    uint8_t out[16];
    size_t length;

    ck_assert_int_eq(enc_unbase64url(str_from_c(good_base64url[_i][0]), out, want.len, &length),
                     ERR_OK);
    ck_assert_uint_eq(length, want.len);
    ck_assert_mem_eq(out, want.ptr, length);
    ck_assert(want.len == 0 || enc_unbase64url(str_from_c(good_base64url[_i][0]), out, want.len - 1,
                                               &length) == ERR_FULL);
}
END_TEST

/* Two texts of one value would be two spellings of one token. */
START_TEST(no_value_has_two_base64url_texts)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bool seen[2][65536] = {{false}};

    for (int a = 0; a < 64 * 64 * 64; a++) {
        char text[3] = {digits[a / 4096], digits[a / 64 % 64], digits[a % 64]};
        uint8_t out[2] = {0};
        size_t length;

        for (size_t count = 2; count <= 3; count++) {
            if (count == 2 && a % 64 != 0) {
                continue;
            }
            if (enc_unbase64url(str_make(text, count), out, sizeof(out), &length) == ERR_OK) {
                size_t value = (size_t)out[0] << 8 | (count == 3 ? out[1] : 0);
                ck_assert(!seen[count - 2][value]);
                seen[count - 2][value] = true;
            }
        }
    }
    ck_assert(seen[0][0xff00] && seen[1][0xffff] && seen[1][0]);
}
END_TEST

START_TEST(unbase64_never_writes_beyond_its_capacity)
{
    uint8_t out[3] = {7, 7, 7};
    size_t length = 99;

    ck_assert_int_eq(enc_unbase64(STR("Zm9v"), out, 2, &length), ERR_FULL);
    ck_assert_int_eq(enc_unbase64(STR("Zg=="), out, 0, &length), ERR_FULL);
    ck_assert(out[0] == 7 && length == 99);
}
END_TEST

START_TEST(base62_is_zero_padded_and_most_significant_first)
{
    char out[7] = "";

    enc_base62(0, 6, out);
    ck_assert_str_eq(out, "000000");
    enc_base62(61, 6, out);
    ck_assert_str_eq(out, "00000z");
    enc_base62(62, 6, out);
    ck_assert_str_eq(out, "000010");
    enc_base62(UINT32_MAX, 6, out);
    ck_assert_str_eq(out, "4gfFC3");
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
} sequences[] = {
    /* Not UTF-8 (Unicode table 3-7): stray, overlong, surrogate, too large, cut short. */
    {"\x80", 0},
    {"\xbf", 0},
    {"\xc0\x80", 0},
    {"\xc1\xbf", 0},
    {"\xe0\x9f\xbf", 0},
    {"\xf0\x8f\xbf\xbf", 0},
    {"\xed\xa0\x80", 0},
    {"\xed\xbf\xbf", 0},
    {"\xf4\x90\x80\x80", 0},
    {"\xf5\x80\x80\x80", 0},
    {"\xff", 0},
    {"\xc3", 0},
    {"\xe2\x82", 0},
    {"\xf0\x9f\x98", 0},
    {"\xc3\x28", 0},
    {"\xe2\x28\xa1", 0},
    {"\xe2\x82\x28", 0},
    {"\xf0\x9f\x28\x80", 0},
    {"\xf0\x9f\x98\x28", 0},
    {"", 0},
    {"a", 1},
    {"\x7f", 1},
    {"\xc2\x80", 2},
    {"\xdf\xbf", 2},
    {"\xe0\xa0\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xee\x80\x80", 3},
    {"\xef\xbf\xbf", 3},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
};

START_TEST(utf8_length_follows_the_unicode_table)
{
    struct str text = str_from_c(sequences[_i].bytes);

    ck_assert_uint_eq(enc_utf8_length(text, 0), sequences[_i].length);
    ck_assert(enc_is_utf8(text) == (sequences[_i].length == text.len));
    ck_assert_uint_eq(enc_utf8_length(text, text.len), 0);
}
END_TEST

Suite *enc_suite(void)
{
    Suite *suite = suite_create("enc");
    TCase *tests = tcase_create("enc");

    tcase_add_test(tests, unhex_takes_exactly_its_length_of_digits);
    tcase_add_test(tests, hex_gives_lower_case);
    tcase_add_loop_test(tests, unbase64_refuses_what_is_not_canonical, 0, COUNT(bad_base64));
    tcase_add_loop_test(tests, unbase64_gives_the_published_values, 0, COUNT(good_base64));
    tcase_add_loop_test(tests, bare_base64_is_the_same_without_padding_both_ways, 0,
                        COUNT(good_base64));
    tcase_add_test(tests, bare_base64_refuses_what_is_not_canonical);
    tcase_add_loop_test(tests, unbase64url_refuses_what_is_not_canonical, 0, COUNT(bad_base64url));
    tcase_add_loop_test(tests, unbase64url_gives_the_published_values, 0, COUNT(good_base64url));
    tcase_add_test(tests, no_value_has_two_base64url_texts);
    tcase_add_test(tests, unbase64_never_writes_beyond_its_capacity);
    tcase_add_test(tests, base62_is_zero_padded_and_most_significant_first);
    tcase_add_loop_test(tests, utf8_length_follows_the_unicode_table, 0, COUNT(sequences));
    suite_add_tcase(suite, tests);
    return suite;
}
