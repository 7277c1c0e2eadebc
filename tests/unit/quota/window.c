#include "agent/quota/window.h"

#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"

#define MINUTE LIMIT_PER_MINUTE
#define HOUR   LIMIT_PER_HOUR
#define DAY    LIMIT_PER_DAY
#define WEEK   LIMIT_PER_WEEK
#define MONTH  LIMIT_PER_MONTH

static struct zones *zones;

static void zones_open(void)
{
    ck_assert_int_eq(zones_load(ZONE_FOLDER, &zones), ERR_OK);
}

static void zones_close(void)
{
    zones_free(zones);
}

/* NULL: UTC. */
static const struct zone *find(const char *name)
{
    const struct zone *zone = zones_find(zones, str_from_c(name));

    ck_assert_msg(!name || zone, "no zone %s", name);
    return zone;
}

struct window_case {
    const char *why;
    const char *zone;
    enum limit_per per;
    const char *at;
    const char *start;
    const char *end;
};

static const struct window_case utc_cases[] = {
    {"a minute", NULL, MINUTE, "2024-02-29T23:59:59Z", "2024-02-29T23:59:00Z", "2024-03-01"},
    {"an hour", NULL, HOUR, "2024-02-29T23:59:59Z", "2024-02-29T23:00:00Z", "2024-03-01"},
    {"a day", NULL, DAY, "2024-02-29T23:59:59Z", "2024-02-29", "2024-03-01"},
    {"a leap day begins", NULL, DAY, "2024-02-29", "2024-02-29", "2024-03-01"},
    {"a Sunday", NULL, WEEK, "2024-03-03T23:59:59Z", "2024-02-26", "2024-03-04"},
    {"a Monday", NULL, WEEK, "2024-03-04", "2024-03-04", "2024-03-11"},
    {"over the year", NULL, WEEK, "2025-01-01", "2024-12-30", "2025-01-06"},
    {"29 days", NULL, MONTH, "2024-02-01", "2024-02-01", "2024-03-01"},
    {"28 days", NULL, MONTH, "2023-02-28T23:59:59Z", "2023-02-01", "2023-03-01"},
    {"2000 was a leap year", NULL, MONTH, "2000-02-29", "2000-02-01", "2000-03-01"},
    {"2100 is none", NULL, MONTH, "2100-02-28", "2100-02-01", "2100-03-01"},
    {"December", NULL, MONTH, "2024-12-31T23:59:59Z", "2024-12-01", "2025-01-01"},
    {"the first minute", NULL, MINUTE, "1970-01-01", "1970-01-01", "1970-01-01T00:01:00Z"},
    {"the first day", NULL, DAY, "1970-01-01", "1970-01-01", "1970-01-02"},
    {"the first week", NULL, WEEK, "1970-01-01", "1969-12-29", "1970-01-05"},
    {"the last hour", NULL, HOUR, "9999-12-31T23:59:59Z", "9999-12-31T23:00:00Z", "10000-01-01"},
    {"the last day", NULL, DAY, "9999-12-31T23:59:59Z", "9999-12-31", "10000-01-01"},
    {"the last week", NULL, WEEK, "9999-12-31T23:59:59Z", "9999-12-27", "10000-01-03"},
    {"the last month", NULL, MONTH, "9999-12-31T23:59:59Z", "9999-12-01", "10000-01-01"},
};

static const struct window_case zone_cases[] = {
    {"hours are UTC's", "Asia/Kathmandu", HOUR, "2024-06-01T12:20:00Z", "2024-06-01T12:00:00Z",
     "2024-06-01T13:00:00Z"},
    {"a quarter past", "Asia/Kathmandu", DAY, "2024-06-01T18:14:59Z", "2024-05-31T18:15:00Z",
     "2024-06-01T18:15:00Z"},
    {"23 hours", "Europe/Berlin", DAY, "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z",
     "2024-03-31T22:00:00Z"},
    {"25 hours", "Europe/Berlin", DAY, "2024-10-27T22:59:59Z", "2024-10-26T22:00:00Z",
     "2024-10-27T23:00:00Z"},
    {"a week with a change", "Europe/Berlin", WEEK, "2024-03-31T21:59:59Z", "2024-03-24T23:00:00Z",
     "2024-03-31T22:00:00Z"},
    {"a month with a change", "Europe/Berlin", MONTH, "2024-02-29T23:00:00Z",
     "2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z"},
    {"1970 is as 1990 began", "Europe/Berlin", DAY, "1970-01-01", "1969-12-31T23:00:00Z",
     "1970-01-01T23:00:00Z"},
    {"summer of 9999", "Europe/Berlin", DAY, "9999-07-15", "9999-07-14T22:00:00Z",
     "9999-07-15T22:00:00Z"},
    {"the last month", "America/New_York", MONTH, "9999-12-31T23:59:59Z", "9999-12-01T05:00:00Z",
     "10000-01-01T05:00:00Z"},
    {"into the year 10000", "Europe/Berlin", DAY, "9999-12-31T23:59:59Z", "9999-12-31T23:00:00Z",
     "10000-01-01T23:00:00Z"},
    {"before the change", "America/New_York", DAY, "2025-03-09T04:59:59Z", "2025-03-08T05:00:00Z",
     "2025-03-09T05:00:00Z"},
    {"23 hours", "America/New_York", DAY, "2025-03-09T05:00:00Z", "2025-03-09T05:00:00Z",
     "2025-03-10T04:00:00Z"},
    {"25 hours", "America/New_York", DAY, "2025-11-02T12:00:00Z", "2025-11-02T04:00:00Z",
     "2025-11-03T05:00:00Z"},
    {"before a midnight that is skipped", "America/Sao_Paulo", DAY, "2018-11-04T02:59:59Z",
     "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"},
    {"midnight is skipped", "America/Sao_Paulo", DAY, "2018-11-04T03:00:00Z",
     "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
    {"set back from midnight", "America/Sao_Paulo", DAY, "2018-02-18T02:59:59Z",
     "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"},
    {"no change any more", "America/Sao_Paulo", DAY, "2024-11-03T12:00:00Z", "2024-11-03T03:00:00Z",
     "2024-11-04T03:00:00Z"},
    {"midnight is skipped", "Asia/Beirut", DAY, "2022-03-26T22:00:00Z", "2022-03-26T22:00:00Z",
     "2022-03-27T21:00:00Z"},
    {"set back from midnight", "Asia/Beirut", DAY, "2022-10-29T21:30:00Z", "2022-10-28T21:00:00Z",
     "2022-10-29T22:00:00Z"},
    {"midnight is skipped", "Africa/Cairo", DAY, "2024-04-26T12:00:00Z", "2024-04-25T22:00:00Z",
     "2024-04-26T21:00:00Z"},
    {"a month's end is set back", "Africa/Cairo", MONTH, "2024-10-31T21:59:59Z",
     "2024-09-30T21:00:00Z", "2024-10-31T22:00:00Z"},
    {"midnight is skipped", "America/Havana", DAY, "2024-03-10T05:00:00Z", "2024-03-10T05:00:00Z",
     "2024-03-11T04:00:00Z"},
    {"midnight comes twice", "America/Havana", DAY, "2024-11-03T05:00:00Z", "2024-11-03T04:00:00Z",
     "2024-11-04T05:00:00Z"},
    {"a minute past midnight, set back", "America/St_Johns", DAY, "2010-11-07T03:00:00Z",
     "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"},
    {"the day before that", "America/St_Johns", DAY, "2010-11-07T02:29:59Z", "2010-11-06T02:30:00Z",
     "2010-11-07T02:30:00Z"},
    {"set forward onto midnight", "America/Nuuk", DAY, "2025-03-30T00:59:59Z",
     "2025-03-29T02:00:00Z", "2025-03-30T01:00:00Z"},
    {"before a day that was skipped", "Pacific/Apia", DAY, "2011-12-30T09:59:59Z",
     "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
    {"after it", "Pacific/Apia", DAY, "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z",
     "2011-12-31T10:00:00Z"},
    {"a week of six days", "Pacific/Apia", WEEK, "2011-12-30T10:00:00Z", "2011-12-26T10:00:00Z",
     "2012-01-01T10:00:00Z"},
    {"before a day that was skipped", "Pacific/Kwajalein", DAY, "1993-08-21T11:59:59Z",
     "1993-08-20T12:00:00Z", "1993-08-21T12:00:00Z"},
    {"after it", "Pacific/Kwajalein", DAY, "1993-08-21T12:00:00Z", "1993-08-21T12:00:00Z",
     "1993-08-22T12:00:00Z"},
    {"a month's last day was skipped", "Pacific/Kiritimati", MONTH, "1994-12-31T09:59:59Z",
     "1994-12-01T10:00:00Z", "1994-12-31T10:00:00Z"},
    {"the month after that", "Pacific/Kiritimati", MONTH, "1994-12-31T10:00:00Z",
     "1994-12-31T10:00:00Z", "1995-01-31T10:00:00Z"},
    {"half an hour less", "Australia/Lord_Howe", DAY, "2024-10-06T00:00:00Z",
     "2024-10-05T13:30:00Z", "2024-10-06T13:00:00Z"},
    {"half an hour more", "Australia/Lord_Howe", DAY, "2024-04-07T00:00:00Z",
     "2024-04-06T13:00:00Z", "2024-04-07T13:30:00Z"},
    {"winter is the exception", "Europe/Dublin", DAY, "2024-03-31T12:00:00Z", "2024-03-31",
     "2024-03-31T23:00:00Z"},
    {"by the rule", "Europe/Dublin", MONTH, "2045-07-10", "2045-06-30T23:00:00Z",
     "2045-07-31T23:00:00Z"},
    {"Ramadan begins", "Africa/Casablanca", DAY, "2024-03-10T12:00:00Z", "2024-03-09T23:00:00Z",
     "2024-03-11"},
    {"Ramadan has ended", "Africa/Casablanca", DAY, "2024-04-14T12:00:00Z", "2024-04-14",
     "2024-04-14T23:00:00Z"},
};

static void check_case(const struct window_case *wanted)
{
    const struct zone *zone = wanted->zone ? find(wanted->zone) : NULL;
    struct window window = window_at(wanted->per, zone, instant(wanted->at) * 1000);

    ck_assert_msg(window.start_ms == instant(wanted->start) * 1000 &&
                      window.end_ms == instant(wanted->end) * 1000,
                  "%s, %s: %s to %s", wanted->zone, wanted->why,
                  instant_text(window.start_ms / 1000), instant_text(window.end_ms / 1000));
}

START_TEST(windows_of_utc)
{
    check_case(&utc_cases[_i]);
}
END_TEST

START_TEST(windows_of_zones)
{
    check_case(&zone_cases[_i]);
}
END_TEST

START_TEST(the_last_millisecond_is_in)
{
    int64_t end_ms = instant("2024-03-31T22:00:00Z") * 1000;
    struct window window = window_at(DAY, find("Europe/Berlin"), end_ms - 1);

    ck_assert_int_eq(window.end_ms, end_ms);
    ck_assert(window_holds(&window, end_ms - 1));
    ck_assert(!window_holds(&window, end_ms));
    ck_assert(window_holds(&window, window.start_ms));
    ck_assert(!window_holds(&window, window.start_ms - 1));
}
END_TEST

START_TEST(the_zone_utc_is_utc)
{
    for (int64_t at_ms = 0; at_ms < instant("2100-01-01") * 1000; at_ms += INT64_C(123456789012)) {
        for (enum limit_per per = 0; per < LIMIT_PER_COUNT; per++) {
            struct window mine = window_at(per, find("Etc/UTC"), at_ms);
            struct window utc = window_at(per, NULL, at_ms);
            ck_assert(mine.start_ms == utc.start_ms && mine.end_ms == utc.end_ms);
        }
    }
}
END_TEST

Suite *window_suite(void)
{
    Suite *suite = suite_create("window");
    TCase *tests = tcase_create("window");

    tcase_add_unchecked_fixture(tests, zones_open, zones_close);
    tcase_add_loop_test(tests, windows_of_utc, 0, COUNT(utc_cases));
    tcase_add_loop_test(tests, windows_of_zones, 0, COUNT(zone_cases));
    tcase_add_test(tests, the_last_millisecond_is_in);
    tcase_add_test(tests, the_zone_utc_is_utc);
    suite_add_tcase(suite, tests);
    return suite;
}
