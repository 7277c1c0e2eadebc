#include "agent/quota/date.h"

#include <time.h>

#include "tests/unit/quota/suites.h"

static const struct {
    int64_t value;
    int64_t unit;
    int64_t want;
} floors[] = {
    {0, 7, 0}, {6, 7, 0}, {7, 7, 1}, {-1, 7, -1}, {-7, 7, -1}, {-8, 7, -2},
};

START_TEST(rounds_down)
{
    ck_assert_int_eq(date_floor(floors[_i].value, floors[_i].unit), floors[_i].want);
}
END_TEST

static const struct {
    int64_t year;
    bool is_leap;
} years[] = {
    {1900, false}, {1970, false}, {2000, true}, {2023, false},
    {2024, true},  {2100, false}, {2400, true}, {9999, false},
};

START_TEST(knows_leap_years)
{
    ck_assert(date_is_leap(years[_i].year) == years[_i].is_leap);
    ck_assert_int_eq(date_month_days(years[_i].year, 2), years[_i].is_leap ? 29 : 28);
}
END_TEST

static void check_day(int64_t days)
{
    time_t time = (time_t)days * DATE_DAY_S;
    struct tm tm;
    struct date date = date_of(days);

    ck_assert_ptr_nonnull(gmtime_r(&time, &tm));
    if (date.year != tm.tm_year + 1900 || date.month != tm.tm_mon + 1 || date.day != tm.tm_mday ||
        date_weekday(days) != tm.tm_wday || date_days(date) != days) {
        ck_abort_msg("day %lld", (long long)days);
    }
}

/* Every day of 1967 to 2106, then some days of each year up to the year 10001. */
START_TEST(agrees_with_libc)
{
    for (int64_t days = -800; days < 50000; days++) {
        check_day(days);
    }
    for (int64_t days = 50000; days < 2932897 + 800; days += 97) {
        check_day(days);
    }
}
END_TEST

Suite *date_suite(void)
{
    Suite *suite = suite_create("date");
    TCase *tests = tcase_create("date");

    tcase_add_loop_test(tests, rounds_down, 0, COUNT(floors));
    tcase_add_loop_test(tests, knows_leap_years, 0, COUNT(years));
    tcase_add_test(tests, agrees_with_libc);
    suite_add_tcase(suite, tests);
    return suite;
}
