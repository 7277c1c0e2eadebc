#include "agent/quota/zone_file.h"

#include <stdlib.h>

#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/tzif.h"

#define NOT_KEPT INT64_C(0)
#define Y2000    INT64_C(946684800)
#define Y2001    INT64_C(978307200)
#define Y10000   INT64_C(253402300800)

static const struct {
    const char *why;
    struct tzif file;
} bad_files[] = {
    {"no type", {.version = '2', .footer = "\nUTC0\n"}},
    {"no type, version 1", {.version = 0}},
    {"version below 2", {.version = '1', .type_count = 1, .footer = "\nUTC0\n"}},
    {"leap seconds", {.version = '2', .leap_count = 1, .type_count = 1, .footer = "\nUTC0\n"}},
    {"a type that is not there",
     {.version = '2',
      .change_count = 1,
      .changes = {{Y2000, 1}},
      .type_count = 1,
      .footer = "\nUTC0\n"}},
    {"twice the same instant",
     {.version = '2',
      .change_count = 2,
      .changes = {{Y2000, 0}, {Y2000, 0}},
      .type_count = 1,
      .footer = "\nUTC0\n"}},
    {"instants out of order",
     {.version = '2',
      .change_count = 2,
      .changes = {{Y2001, 0}, {Y2000, 0}},
      .type_count = 1,
      .footer = "\nUTC0\n"}},
    {"an offset too far west",
     {.version = '2', .type_count = 1, .offsets = {ZONE_OFFSET_MIN - 1}, .footer = "\nUTC0\n"}},
    {"an offset too far east",
     {.version = '2', .type_count = 2, .offsets = {0, ZONE_OFFSET_MAX + 1}, .footer = "\nUTC0\n"}},
    {"no footer", {.version = '2', .type_count = 1, .footer = ""}},
    {"a footer without its start", {.version = '2', .type_count = 1, .footer = "UTC0\n"}},
    {"a footer without its end", {.version = '2', .type_count = 1, .footer = "\nUTC0"}},
    {"a footer that is no rule", {.version = '2', .type_count = 1, .footer = "\nUTC\n"}},
};

START_TEST(refuses_damaged_files)
{
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;
    struct str file = tzif_write(&bad_files[_i].file, bytes);

    ck_assert_msg(zone_file_parse(file, &zone) == ERR_SYNTAX, "%s", bad_files[_i].why);
    ck_assert_ptr_null(zone);
}
END_TEST

START_TEST(refuses_another_format)
{
    const struct tzif tzif = {.version = '2', .type_count = 1, .footer = "\nUTC0\n"};
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;
    struct str file = tzif_write(&tzif, bytes);

    ck_assert_int_eq(zone_file_parse(STR_ABSENT, &zone), ERR_SYNTAX);
    ck_assert_int_eq(zone_file_parse(STR("# a text\n"), &zone), ERR_SYNTAX);
    bytes[44] = 'X'; /* of the second header */
    ck_assert_int_eq(zone_file_parse(file, &zone), ERR_SYNTAX);
}
END_TEST

START_TEST(refuses_version_1_cut_at_any_length)
{
    const struct tzif tzif = {.change_count = 1, .changes = {{Y2000, 0}}, .type_count = 1};
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;
    struct str file = tzif_write(&tzif, bytes);

    for (size_t length = 0; length < file.len; length++) {
        ck_assert_int_eq(zone_file_parse(str_make(bytes, length), &zone), ERR_SYNTAX);
    }
    ck_assert_int_eq(zone_file_parse(file, &zone), ERR_OK);
    free(zone);
}
END_TEST

/* Each of the six counts at its most, in either header. */
START_TEST(refuses_counts_beyond_the_file)
{
    const struct tzif tzif = {.version = '2', .type_count = 1, .footer = "\nUTC0\n"};
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;
    struct str file = tzif_write(&tzif, bytes);

    memset(bytes + (_i < 6 ? 20 + 4 * _i : 64 + 4 * (_i - 6)), 0xff, 4);
    ck_assert_int_eq(zone_file_parse(file, &zone), ERR_SYNTAX);
}
END_TEST

/* What is kept of a file: offsets before and after each instant. */
static const struct {
    const char *why;
    struct tzif file;
    size_t count;
    struct {
        int64_t at_s;
        int32_t offset;
    } want[4];
} files[] = {
    {"no change: type 0 for ever",
     {.version = '2', .type_count = 2, .offsets = {3600, 0}, .footer = "\n\n"},
     1,
     {{0, 3600}, {Y2000, 3600}, {Y10000 - 1, 3600}}},
    {"version 1",
     {.version = 0,
      .change_count = 1,
      .changes = {{Y2000, 1}},
      .type_count = 2,
      .offsets = {3600, -3600}},
     2,
     {{0, 3600}, {Y2000 - 1, 3600}, {Y2000, -3600}, {Y10000 - 1, -3600}}},
    {"version 1, before 1970 and after 2038",
     {.version = 0,
      .change_count = 2,
      .changes = {{-5, 1}, {2147483647, 0}},
      .type_count = 2,
      .offsets = {3600, -3600}},
     2,
     {{0, -3600}, {2147483646, -3600}, {2147483647, 3600}}},
    {"version 4",
     {.version = '4', .type_count = 1, .offsets = {3600}, .footer = "\n<+01>-1\n"},
     1,
     {{Y2000, 3600}}},
    {"before 1990 all is as 1990 began",
     {.version = '2',
      .change_count = 2,
      .changes = {{86400, 1}, {ZONE_FIRST_S, 2}},
      .type_count = 3,
      .offsets = {0, 60, 120},
      .footer = "\n\n"},
     1,
     {{0, 120}, {Y2000, 120}}},
    {"changes after the year 9999 are not kept",
     {.version = '2',
      .change_count = 2,
      .changes = {{Y2000, 1}, {Y10000, 0}},
      .type_count = 2,
      .offsets = {0, 60},
      .footer = "\n\n"},
     2,
     {{Y10000 + 86400, 60}}},
    {"changes of the name only are not kept",
     {.version = '2',
      .change_count = 2,
      .changes = {{Y2000, 1}, {Y2001, 2}},
      .type_count = 3,
      .offsets = {0, 60, 60},
      .footer = "\n\n"},
     2,
     {{Y2000, 60}, {Y2001, 60}}},
    {"the rule holds after the last change",
     {.version = '3',
      .change_count = 1,
      .changes = {{Y2000, 0}},
      .type_count = 1,
      .footer = "\nAAA0BBB,J100/0,J200/0\n"},
     1,
     {{Y2000 + 99 * 86400 - 1, 0}, {Y2000 + 100 * 86400, 3600}, {Y2000 + 200 * 86400, 0}}},
    {"the rule does not hold before the last change",
     {.version = '3',
      .change_count = 2,
      .changes = {{Y2000, 1}, {Y2001, 0}},
      .type_count = 2,
      .offsets = {0, 60},
      .footer = "\nAAA0BBB,J100/0,J200/0\n"},
     3,
     {{Y2000 + 150 * 86400, 60}, {Y2001 + 150 * 86400, 3600}}},
    {"what the rule says otherwise is kept",
     {.version = '3',
      .change_count = 2,
      .changes = {{Y2000 + 300 * 86400, 1}, {Y2001 + 99 * 86400, 2}},
      .type_count = 3,
      .offsets = {120, 60, 3600},
      .footer = "\nAAA0BBB,J100/0,J200/0\n"},
     3,
     {{Y2000, 120}, {Y2000 + 301 * 86400, 60}, {Y2001 + 150 * 86400, 3600}}},
    {"what the rule says is not kept",
     {.version = '3',
      .change_count = 3,
      .changes = {{Y2000, 1}, {Y2001 + 99 * 86400, 2}, {Y2001 + 199 * 86400 - 3600, 1}},
      .type_count = 3,
      .offsets = {60, 0, 3600},
      .footer = "\nAAA0BBB,J100/0,J200/0\n"},
     3,
     {{Y2000 + 150 * 86400, 0}, {Y2001 + 150 * 86400, 3600}, {Y2001 + 250 * 86400, 0}}},
};

START_TEST(keeps_what_counts)
{
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;
    struct str file = tzif_write(&files[_i].file, bytes);

    ck_assert_msg(zone_file_parse(file, &zone) == ERR_OK, "%s", files[_i].why);
    for (size_t i = 0; i < 4 && (i == 0 || files[_i].want[i].at_s != NOT_KEPT); i++) {
        int32_t offset = zone_span(zone, files[_i].want[i].at_s).offset;
        ck_assert_msg(offset == files[_i].want[i].offset, "%s: %zu: %d", files[_i].why, i, offset);
    }
    ck_assert_msg(zone->count == files[_i].count, "%s: %zu", files[_i].why, zone->count);
    free(zone);
}
END_TEST

START_TEST(bytes_behind_the_footer_do_not_matter)
{
    const struct tzif tzif = {.version = '2', .type_count = 1, .footer = "\nUTC0\nmore\n"};
    char bytes[TZIF_BYTES_MAX];
    struct zone *zone = NULL;

    ck_assert_int_eq(zone_file_parse(tzif_write(&tzif, bytes), &zone), ERR_OK);
    free(zone);
}
END_TEST

Suite *zone_file_suite(void)
{
    Suite *suite = suite_create("zone_file");
    TCase *tests = tcase_create("zone_file");

    tcase_add_loop_test(tests, refuses_damaged_files, 0, COUNT(bad_files));
    tcase_add_test(tests, refuses_another_format);
    tcase_add_test(tests, refuses_version_1_cut_at_any_length);
    tcase_add_loop_test(tests, refuses_counts_beyond_the_file, 0, 12);
    tcase_add_loop_test(tests, keeps_what_counts, 0, COUNT(files));
    tcase_add_test(tests, bytes_behind_the_footer_do_not_matter);
    suite_add_tcase(suite, tests);
    return suite;
}
