/*
 * Zones and windows against libc's own reading of the same files: all zones of the machine, without
 * links, at random instants of 1990 to 2100, half of them near a change.
 *
 * A window is right where it holds its instant, and its clock first reaches the start's midnight at
 * its start and the next period's at its end. That is looked for the slow way: localtime_r() back
 * over every minute of three hours, then every hour of three days.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/quota/window.h"
#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"

#define DAY_S          86400
#define OFFSET_ROUNDS  60
#define WINDOW_ROUNDS  2
#define ZONE_NAMES_MAX 1000

static struct zones *zones;
static char names[ZONE_NAMES_MAX][ZONE_NAME_BYTES_MAX + 1];
static int name_count;

/* "Z <name> ..." of tzdata.zi: without the links. */
static void names_read(void)
{
    FILE *file = fopen(ZONE_FOLDER "/tzdata.zi", "r");
    char line[512];

    ck_assert_ptr_nonnull(file);
    while (name_count < ZONE_NAMES_MAX && fgets(line, sizeof(line), file)) {
        name_count += sscanf(line, "Z %64s", names[name_count]) == 1;
    }
    fclose(file);
    ck_assert_int_gt(name_count, 300);
}

static void zones_open(void)
{
    ck_assert_int_eq(zones_load(ZONE_FOLDER, &zones), ERR_OK);
    names_read();
}

static void zones_close(void)
{
    zones_free(zones);
    name_count = 0;
}

static void libc_use(const char *name)
{
    char value[ZONE_NAME_BYTES_MAX + 2];

    snprintf(value, sizeof(value), ":%s", name);
    ck_assert_int_eq(setenv("TZ", value, 1), 0);
    tzset();
}

static int64_t libc_offset(int64_t unix_s)
{
    time_t time = (time_t)unix_s;
    struct tm tm;

    if (!localtime_r(&time, &tm)) {
        abort();
    }
    return tm.tm_gmtoff;
}

/* What the clock shows, as if it were UTC. */
static int64_t libc_clock(int64_t unix_s)
{
    return unix_s + libc_offset(unix_s);
}

static int64_t pick(const struct zone *zone, uint64_t *random)
{
    int64_t at = instant_between(random, instant("1990-01-04"), instant("2100-01-01"));
    struct zone_span span = zone_span(zone, at);

    if (instant_random(random) % 2 == 0 || span.end_s > instant("2100-01-01")) {
        return at;
    }
    return span.end_s + instant_between(random, -2 * DAY_S, 2 * DAY_S);
}

START_TEST(offsets_are_libcs)
{
    uint64_t random = 2024;

    for (int i = 0; i < name_count; i++) {
        const struct zone *zone = zones_find(zones, str_from_c(names[i]));
        libc_use(names[i]);
        for (int round = 0; round < OFFSET_ROUNDS; round++) {
            int64_t at = pick(zone, &random);
            struct zone_span span = zone_span(zone, at);
            int64_t inside = instant_between(&random, at, span.end_s);
            inside = inside < instant("2100-01-01") ? inside : at;
            ck_assert_msg(span.offset == libc_offset(at) && span.offset == libc_offset(inside),
                          "%s at %s or %s: %d", names[i], instant_text(at), instant_text(inside),
                          span.offset);
        }
    }
}
END_TEST

/* The clock reaches `midnight` at this instant, and not before. */
static bool is_first_reach(int64_t unix_s, int64_t midnight)
{
    bool is_first = libc_clock(unix_s) >= midnight;

    for (int64_t back = 1; is_first && back < 3 * DAY_S; back += back < 10800 ? 60 : 3600) {
        is_first = libc_clock(unix_s - back) < midnight;
    }
    return is_first;
}

/* The midnights, as if of UTC, of the period that the clock is in. */
static void libc_period(enum limit_per per, int64_t clock_s, int64_t *first, int64_t *next)
{
    time_t time = (time_t)clock_s;
    struct tm tm;

    if (!gmtime_r(&time, &tm)) {
        abort();
    }
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_mday = per == LIMIT_PER_MONTH  ? 1
                 : per == LIMIT_PER_WEEK ? tm.tm_mday - (tm.tm_wday + 6) % 7
                                         : tm.tm_mday;
    struct tm after = tm;
    after.tm_mon += per == LIMIT_PER_MONTH;
    after.tm_mday += per == LIMIT_PER_WEEK ? 7 : per == LIMIT_PER_DAY;
    *first = timegm(&tm);
    *next = timegm(&after);
}

static void check_window(const char *name, const struct zone *zone, enum limit_per per, int64_t at)
{
    struct window window = window_at(per, zone, at * 1000 + 999);
    int64_t start = window.start_ms / 1000, end = window.end_ms / 1000;
    int64_t first, next;

    libc_period(per, libc_clock(start), &first, &next);
    ck_assert_msg(start <= at && at < end && is_first_reach(start, first) &&
                      is_first_reach(end, next),
                  "%s, %d, at %s: %s to %s", name, (int)per, instant_text(at), instant_text(start),
                  instant_text(end));
    ck_assert_int_eq(window_at(per, zone, window.start_ms - 1).end_ms, window.start_ms);
    ck_assert_int_eq(window_at(per, zone, window.end_ms).start_ms, window.end_ms);
}

START_TEST(windows_are_where_libcs_clock_says)
{
    uint64_t random = 1990;

    for (int i = 0; i < name_count; i++) {
        const struct zone *zone = zones_find(zones, str_from_c(names[i]));
        libc_use(names[i]);
        for (int round = 0; round < WINDOW_ROUNDS; round++) {
            int64_t at = pick(zone, &random);
            check_window(names[i], zone, LIMIT_PER_DAY, at);
            check_window(names[i], zone, LIMIT_PER_WEEK, at);
            check_window(names[i], zone, LIMIT_PER_MONTH, at);
        }
    }
}
END_TEST

Suite *window_libc_suite(void)
{
    Suite *suite = suite_create("window_libc");
    TCase *tests = tcase_create("window_libc");

    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, zones_open, zones_close);
    tcase_add_test(tests, offsets_are_libcs);
    tcase_add_test(tests, windows_are_where_libcs_clock_says);
    suite_add_tcase(suite, tests);
    return suite;
}
