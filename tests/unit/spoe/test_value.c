#include <string.h>

#include "spoe/cursor.h"
#include "tests/unit/spoe/suites.h"

#define BYTES(literal)                                                                             \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

struct sample {
    const char *name;
    struct spoe_bytes wire;
    struct spoe_value value;
};

static const struct sample samples[] = {
    {"null", BYTES("\x00"), {.type = SPOE_NULL}},
    {"false", BYTES("\x01"), {.type = SPOE_BOOL}},
    {"true", BYTES("\x11"), {.type = SPOE_BOOL, .boolean = true}},
    {"int32", BYTES("\x02\x05"), {.type = SPOE_INT32, .number = 5}},
    {"uint32", BYTES("\x03\xf0\x00"), {.type = SPOE_UINT32, .number = 240}},
    {"int64 -1",
     BYTES("\x04\xff\xf0\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0e"),
     {.type = SPOE_INT64, .number = UINT64_MAX}},
    {"uint64", BYTES("\x05\xf0\x80\x00"), {.type = SPOE_UINT64, .number = 2288}},
    {"ipv4",
     BYTES("\x06\x7f\x00\x00\x01"),
     {.type = SPOE_IPV4, .bytes = BYTES("\x7f\x00\x00\x01")}},
    {"ipv6",
     BYTES("\x07"
           "0123456789abcdef"),
     {.type = SPOE_IPV6, .bytes = BYTES("0123456789abcdef")}},
    {"empty string", BYTES("\x08\x00"), {.type = SPOE_STRING, .bytes = BYTES("")}},
    {"76: string with NUL, CR, LF and 0xff",
     BYTES("\x08\x05"
           "a\0\r\n\xff"),
     {.type = SPOE_STRING, .bytes = BYTES("a\0\r\n\xff")}},
    {"binary",
     BYTES("\x09\x02"
           "hi"),
     {.type = SPOE_BINARY, .bytes = BYTES("hi")}},
};
#define SAMPLE_COUNT (int)(sizeof(samples) / sizeof(samples[0]))

static void assert_same(const char *name, const struct spoe_value *got,
                        const struct spoe_value *expected)
{
    bool is_same = got->type == expected->type && got->boolean == expected->boolean &&
                   got->number == expected->number && got->bytes.length == expected->bytes.length &&
                   (got->bytes.length == 0 ||
                    memcmp(got->bytes.data, expected->bytes.data, got->bytes.length) == 0);

    ck_assert_msg(is_same, "case %s", name);
}

START_TEST(reads_every_type)
{
    const struct sample *sample = &samples[_i];
    struct spoe_cursor cursor = spoe_cursor_over(sample->wire);
    struct spoe_value value;

    spoe_cursor_value(&cursor, &value);
    ck_assert(!cursor.is_failed);
    ck_assert_uint_eq(spoe_cursor_left(&cursor), 0);
    assert_same(sample->name, &value, &sample->value);
}
END_TEST

START_TEST(rejects_every_cut)
{
    const struct sample *sample = &samples[_i];

    for (size_t length = 0; length < sample->wire.length; length++) {
        struct spoe_cursor cursor =
            spoe_cursor_over((struct spoe_bytes){sample->wire.data, length});
        struct spoe_value value;
        spoe_cursor_value(&cursor, &value);
        ck_assert_msg(cursor.is_failed, "case %s, %zu bytes", sample->name, length);
    }
}
END_TEST

/* The low four bits are the type, and only a boolean's flags mean something. */
START_TEST(case_74_flag_bits_other_than_true_are_ignored)
{
    for (unsigned flags = 0; flags < 16; flags++) {
        uint8_t wire[] = {(uint8_t)(flags << 4 | SPOE_BOOL)};
        struct spoe_cursor cursor = spoe_cursor_over((struct spoe_bytes){wire, 1});
        struct spoe_value value;
        spoe_cursor_value(&cursor, &value);
        ck_assert_int_eq(value.type, SPOE_BOOL);
        ck_assert_int_eq(value.boolean, (flags & 1) != 0);
    }
}
END_TEST

START_TEST(cases_44_75_rejects_reserved_types)
{
    uint8_t wire[17] = {(uint8_t)_i};
    struct spoe_cursor cursor = spoe_cursor_over((struct spoe_bytes){wire, sizeof(wire)});
    struct spoe_value value;

    spoe_cursor_value(&cursor, &value);
    ck_assert(cursor.is_failed);
}
END_TEST

START_TEST(integers_are_the_four_integer_types)
{
    for (unsigned type = 0; type <= 9; type++) {
        struct spoe_value value = {.type = type};
        ck_assert_int_eq(spoe_value_is_integer(&value), type >= 2 && type <= 5);
    }
}
END_TEST

Suite *suite_value(void)
{
    Suite *suite = suite_create("value");
    TCase *tcase = tcase_create("value");

    tcase_add_loop_test(tcase, rejects_every_cut, 0, SAMPLE_COUNT);
    tcase_add_loop_test(tcase, cases_44_75_rejects_reserved_types, 10, 16);
    tcase_add_loop_test(tcase, reads_every_type, 0, SAMPLE_COUNT);
    tcase_add_test(tcase, case_74_flag_bits_other_than_true_are_ignored);
    tcase_add_test(tcase, integers_are_the_four_integer_types);
    suite_add_tcase(suite, tcase);
    return suite;
}
