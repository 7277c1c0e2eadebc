#include "agent/base/str.h"

#include "tests/unit/base/suites.h"

static void assert_str(struct str got, const char *want)
{
    ck_assert_msg(str_equal(got, str_from_c(want)), "got '%.*s', want '%s'", STR_ARG(got), want);
}

static const struct {
    const char *text;
    uint64_t max;
} bad_numbers[] = {
    {"", 9},      {"-1", 9},     {"+1", 9},
    {"01", 99},   {"00", 99},    {" 1", 9},
    {"1 ", 9},    {"1x", 99},    {"0x1", 99},
    {"10", 9},    {"5", 4},      {"18446744073709551616", UINT64_MAX},
    {"1.0", 99},  {"/", 99},     {":", 99},
    {"256", 255}, {"1000", 255}, {"99999999999999999999", UINT64_MAX},
    {"\xb2", 99},
};

START_TEST(refuses_what_is_not_a_number_in_range)
{
    uint64_t out = 77;

    ck_assert(!str_to_uint64(str_from_c(bad_numbers[_i].text), bad_numbers[_i].max, &out));
    ck_assert_uint_eq(out, 77);
}
END_TEST

START_TEST(reads_numbers_up_to_the_maximum)
{
    uint64_t out;

    ck_assert(str_to_uint64(STR("0"), 0, &out) && out == 0);
    ck_assert(str_to_uint64(STR("255"), 255, &out) && out == 255);
    ck_assert(str_to_uint64(STR("18446744073709551615"), UINT64_MAX, &out) && out == UINT64_MAX);
}
END_TEST

START_TEST(cut_gives_every_part_even_empty_ones)
{
    struct str rest = STR("a,,b,"), part;

    ck_assert(str_cut(&rest, ',', &part));
    assert_str(part, "a");
    ck_assert(str_cut(&rest, ',', &part));
    assert_str(part, "");
    ck_assert(!str_is_absent(part));
    ck_assert(str_cut(&rest, ',', &part));
    assert_str(part, "b");
    ck_assert(str_cut(&rest, ',', &part));
    assert_str(part, "");
    ck_assert(!str_cut(&rest, ',', &part));
}
END_TEST

START_TEST(cut_of_an_empty_text_gives_one_empty_part)
{
    struct str rest = STR(""), part;

    ck_assert(str_cut(&rest, ',', &part));
    assert_str(part, "");
    ck_assert(!str_cut(&rest, ',', &part));
}
END_TEST

START_TEST(trims_blanks_and_tabs_only)
{
    assert_str(str_trim(STR(" \t a b\t ")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR("\na\r")), "\na\r");
    ck_assert(str_is_absent(str_trim(STR_ABSENT)));
}
END_TEST

START_TEST(compares_letters_without_case_and_nothing_else)
{
    ck_assert(str_equal_nocase(STR("BeaRer"), STR("bEArer")));
    ck_assert(!str_equal_nocase(STR("Bearer"), STR("Bearer ")));
    /* Bytes that differ in the same bit as letters do. */
    ck_assert(!str_equal_nocase(STR("[]@^"), STR("{}`~")));
    ck_assert(!str_equal_nocase(STR("\xc4"), STR("\xe4")));
}
END_TEST

START_TEST(absent_empty_and_prefix)
{
    ck_assert(str_is_absent(STR_ABSENT));
    ck_assert(!str_is_absent(STR("")));
    ck_assert(str_equal(STR_ABSENT, STR("")));
    ck_assert(str_is_absent(str_from_c(NULL)));
    ck_assert(str_starts_with(STR("abc"), STR("")));
    ck_assert(str_starts_with(STR("abc"), STR("abc")));
    ck_assert(!str_starts_with(STR("ab"), STR("abc")));
    assert_str(str_skip(STR("abc"), 1), "bc");
    assert_str(str_skip(STR("abc"), 4), "");
}
END_TEST

static const struct {
    const char *text;
    bool is_name;
} names[] = {
    {"", false},         {"a b", false},  {"a/b", false},      {"a{b", false}, {"a\n", false},
    {"\xc3\xa9", false}, {"a,b", false},  {"a:b", false},      {"a|b", false}, {"a[", false},
    {"a`", false},       {"alice", true}, {"A.b_c@d-9", true}, {"-", true},    {".", true},
};

START_TEST(knows_names)
{
    ck_assert_msg(str_is_name(str_from_c(names[_i].text)) == names[_i].is_name, "'%s'",
                  names[_i].text);
}
END_TEST

START_TEST(names_have_at_most_64_bytes)
{
    char text[65];

    memset(text, 'a', sizeof(text));
    ck_assert(str_is_name(str_make(text, 64)));
    ck_assert(!str_is_name(str_make(text, 65)));
    ck_assert(!str_is_name(str_make("a\0b", 3)));
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *str_suite(void)
{
    Suite *suite = suite_create("str");
    TCase *tests = tcase_create("str");

    tcase_add_loop_test(tests, refuses_what_is_not_a_number_in_range, 0, COUNT(bad_numbers));
    tcase_add_test(tests, reads_numbers_up_to_the_maximum);
    tcase_add_test(tests, cut_gives_every_part_even_empty_ones);
    tcase_add_test(tests, cut_of_an_empty_text_gives_one_empty_part);
    tcase_add_test(tests, trims_blanks_and_tabs_only);
    tcase_add_test(tests, compares_letters_without_case_and_nothing_else);
    tcase_add_test(tests, absent_empty_and_prefix);
    tcase_add_loop_test(tests, knows_names, 0, COUNT(names));
    tcase_add_test(tests, names_have_at_most_64_bytes);
    suite_add_tcase(suite, tests);
    return suite;
}
