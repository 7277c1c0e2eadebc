#include <stdio.h>

#include "agent/base/enc.h"
#include "tests/unit/base/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name;
    struct str text;
    const char *want;
} cases[] = {
    {"quote and backslash", {"a\"b\\c", 5}, "a\\\"b\\\\c"},
    {"line ends", {"\r\n\t", 3}, "\\u000d\\u000a\\u0009"},
    {"NUL", {"a\0b", 3}, "a\\u0000b"},
    {"escape and DEL", {"\x1b\x7f", 2}, "\\u001b\\u007f"},
    {"C1 controls", {"\xc2\x80\xc2\x9f\xc2\xa0", 6}, "\\u0080\\u009f\xc2\xa0"},
    {"line separators", {"\xe2\x80\xa8\xe2\x80\xa9", 6}, "\\u2028\\u2029"},
    {"bidi embeddings", {"\xe2\x80\xaa\xe2\x80\xae", 6}, "\\u202a\\u202e"},
    {"bidi isolates", {"\xe2\x81\xa6\xe2\x81\xa9", 6}, "\\u2066\\u2069"},
    {"bidi marks", {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", 8}, "\\u200e\\u200f\\u061c"},
    {"neighbours of bidi", {"\xe2\x80\xaf\xe2\x81\xaa", 6}, "\xe2\x80\xaf\xe2\x81\xaa"},
    {"stray byte",
     {"a\xff"
      "b",
      3},
     "a\\ufffdb"},
    {"every byte of a broken sequence", {"\xe2\x82x", 3}, "\\ufffd\\ufffdx"},
    {"surrogate", {"\xed\xa0\x80", 3}, "\\ufffd\\ufffd\\ufffd"},
    {"cut at the end", {"a\xf0\x9f", 3}, "a\\ufffd\\ufffd"},
    {"letters beyond ASCII",
     {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
     "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"plain", {"/v1/orders/42?x", 15}, "/v1/orders/42?x"},
    {"empty", {"", 0}, ""},
};

START_TEST(escapes)
{
    char out[256];
    size_t length = enc_json(cases[_i].text, out);

    out[length] = '\0';
    ck_assert_msg(strcmp(out, cases[_i].want) == 0, "%s: got '%s'", cases[_i].name, out);
}
END_TEST

/* The reference for one byte between plain ones, as the fast path must see it at any offset. */
static size_t slow_byte(unsigned char byte, char *out)
{
    if (byte == '"' || byte == '\\') {
        return (size_t)sprintf(out, "\\%c", byte);
    }
    if (byte < 0x20 || byte == 0x7f) {
        return (size_t)sprintf(out, "\\u%04x", byte);
    }
    return (size_t)(byte < 0x80 ? sprintf(out, "%c", byte) : sprintf(out, "\\ufffd"));
}

START_TEST(finds_every_byte_at_every_offset)
{
    char text[24], want[64], got[ENC_JSON_MAX(24)];

    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < sizeof(text); at++) {
            memset(text, 'a', sizeof(text));
            memset(want, 'a', sizeof(want));
            text[at] = (char)byte;
            size_t length = at + slow_byte((unsigned char)byte, want + at);
            memset(want + length, 'a', sizeof(text) - at - 1);
            length += sizeof(text) - at - 1;
            ck_assert_uint_eq(enc_json(str_make(text, sizeof(text)), got), length);
            ck_assert_mem_eq(got, want, length);
        }
    }
}
END_TEST

/* Short texts and last words are looked at another way than the middle of long ones. */
START_TEST(finds_every_byte_in_texts_of_every_length)
{
    static const unsigned char bytes[] = {0,    0x1f, ' ', '!',  '"',  '#', '[',
                                          '\\', ']',  '~', 0x7f, 0x80, 0xff};
    char text[40], got[ENC_JSON_MAX(sizeof(text))];

    for (size_t length = 1; length <= sizeof(text); length++) {
        for (size_t at = 0; at < length; at++) {
            for (size_t i = 0; i < sizeof(bytes); i++) {
                int byte = bytes[i];
                bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                size_t written = enc_json(str_make(text, length), got);
                ck_assert_int_eq(written == length, is_plain);
                ck_assert_mem_eq(got, text, is_plain ? length : at);
            }
        }
    }
}
END_TEST

START_TEST(never_exceeds_its_bound)
{
    char out[ENC_JSON_MAX(64)], text[64];

    memset(text, 0xff, sizeof(text));
    ck_assert_uint_eq(enc_json(str_make(text, sizeof(text)), out), ENC_JSON_MAX(sizeof(text)));
    ck_assert_uint_eq(enc_json(STR_ABSENT, out), 0);
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");

    tcase_add_loop_test(tests, escapes, 0, COUNT(cases));
    tcase_add_test(tests, finds_every_byte_at_every_offset);
    tcase_add_test(tests, finds_every_byte_in_texts_of_every_length);
    tcase_add_test(tests, never_exceeds_its_bound);
    suite_add_tcase(suite, tests);
    return suite;
}
