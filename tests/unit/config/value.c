#include "agent/config/value.h"

#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const char *const bad_durations[] = {
    "",           "s",   "1",    "150",    "1.5s",
    "-1s",        "+1s", " 1s",  "1s ",    "1 s",
    "01s",        "1S",  "1sec", "1s1s",   "1w",
    "0x1s",       "ms",  "1mss", "1\xb5s", "9223372036854775808us",
    "106751992d",
};

START_TEST(refuses_what_is_not_a_duration)
{
    uint64_t us = 77;

    ck_assert_msg(!value_parse_duration(str_from_c(bad_durations[_i]), &us), "'%s'",
                  bad_durations[_i]);
    ck_assert_uint_eq(us, 77);
}
END_TEST

static const struct {
    const char *text;
    uint64_t us;
    const char *printed;
} good_durations[] = {
    {"0", 0, "0"},
    {"0s", 0, "0"},
    {"7us", 7, "7us"},
    {"150ms", 150000, "150ms"},
    {"1000ms", 1000000, "1s"},
    {"90s", 90000000, "90s"},
    {"60m", UINT64_C(3600000000), "1h"},
    {"36h", UINT64_C(129600000000), "36h"},
    {"2d", UINT64_C(172800000000), "2d"},
    {"9223372036854775807us", INT64_MAX, "9223372036854775807us"},
};

START_TEST(reads_and_prints_durations)
{
    char text[VALUE_TEXT_MAX];
    uint64_t us;

    ck_assert(value_parse_duration(str_from_c(good_durations[_i].text), &us));
    ck_assert_uint_eq(us, good_durations[_i].us);
    value_print_duration(us, text);
    ck_assert_str_eq(text, good_durations[_i].printed);
}
END_TEST

static const char *const bad_sizes[] = {
    "",
    "KiB",
    "1K",
    "1kib",
    "1KB",
    "1 KiB",
    "1B",
    "-1",
    "1.5MiB",
    "08",
    "1TiB",
    "8589934592GiB",
    "9223372036854775808",
};

START_TEST(refuses_what_is_not_a_size)
{
    uint64_t bytes = 77;

    ck_assert_msg(!value_parse_size(str_from_c(bad_sizes[_i]), &bytes), "'%s'", bad_sizes[_i]);
    ck_assert_uint_eq(bytes, 77);
}
END_TEST

static const struct {
    const char *text;
    uint64_t bytes;
    const char *printed;
} good_sizes[] = {
    {"0", 0, "0"},
    {"1000", 1000, "1000"},
    {"64KiB", 65536, "64KiB"},
    {"1024KiB", 1048576, "1MiB"},
    {"8MiB", 8388608, "8MiB"},
    {"2GiB", UINT64_C(2147483648), "2GiB"},
};

START_TEST(reads_and_prints_sizes)
{
    char text[VALUE_TEXT_MAX];
    uint64_t bytes;

    ck_assert(value_parse_size(str_from_c(good_sizes[_i].text), &bytes));
    ck_assert_uint_eq(bytes, good_sizes[_i].bytes);
    value_print_size(bytes, text);
    ck_assert_str_eq(text, good_sizes[_i].printed);
}
END_TEST

Suite *value_suite(void)
{
    Suite *suite = suite_create("value");
    TCase *tests = tcase_create("value");

    tcase_add_loop_test(tests, refuses_what_is_not_a_duration, 0, COUNT(bad_durations));
    tcase_add_loop_test(tests, reads_and_prints_durations, 0, COUNT(good_durations));
    tcase_add_loop_test(tests, refuses_what_is_not_a_size, 0, COUNT(bad_sizes));
    tcase_add_loop_test(tests, reads_and_prints_sizes, 0, COUNT(good_sizes));
    suite_add_tcase(suite, tests);
    return suite;
}
