#include "agent/quota/zone_rule.h"

#include "agent/quota/date.h"

#define HOUR_S       3600
#define OFFSET_HOURS 24
#define TIME_HOURS   167 /* RFC 8536 3.3.1 */

/* 167 hours, an offset and the leap day may carry a change so far out of its year. */
#define STRAY_S (9 * DATE_DAY_S)

/* What is left of the text. After the first fault nothing is left, and it stays faulty. */
struct reader {
    struct str rest;
    bool is_bad;
};

static void fail(struct reader *reader)
{
    *reader = (struct reader){.is_bad = true};
}

static char peek(const struct reader *reader)
{
    return reader->rest.len > 0 ? reader->rest.ptr[0] : '\0';
}

static bool accept(struct reader *reader, char c)
{
    if (reader->rest.len == 0 || reader->rest.ptr[0] != c) {
        return false;
    }
    reader->rest = str_skip(reader->rest, 1);
    return true;
}

static void expect(struct reader *reader, char c)
{
    if (!accept(reader, c)) {
        fail(reader);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void read_name(struct reader *reader)
{
    bool is_quoted = accept(reader, '<');
    size_t length = 0;

    for (;; length++) {
        char c = peek(reader);
        if (!is_letter(c) && !(is_quoted && (is_digit(c) || c == '+' || c == '-'))) {
            break;
        }
        reader->rest = str_skip(reader->rest, 1);
    }
    if (length < (is_quoted ? 1 : 3)) {
        fail(reader);
    }
    if (is_quoted) {
        expect(reader, '>');
    }
}

static int read_number(struct reader *reader, int min, int max)
{
    int value = 0;

    if (!is_digit(peek(reader))) {
        fail(reader);
    }
    while (is_digit(peek(reader)) && value <= max) {
        value = 10 * value + (peek(reader) - '0');
        reader->rest = str_skip(reader->rest, 1);
    }
    if (value < min || value > max) {
        fail(reader);
        return min;
    }
    return value;
}

/* [+-]h[:mm[:ss]] in seconds. */
static int32_t read_time(struct reader *reader, int hours_max)
{
    bool is_negative = accept(reader, '-');
    int32_t seconds;

    if (!is_negative) {
        (void)accept(reader, '+');
    }
    seconds = HOUR_S * read_number(reader, 0, hours_max);
    if (accept(reader, ':')) {
        seconds += 60 * read_number(reader, 0, 59);
        if (accept(reader, ':')) {
            seconds += read_number(reader, 0, 59);
        }
    }
    return is_negative ? -seconds : seconds;
}

static struct zone_day read_day_of_month(struct reader *reader)
{
    struct zone_day day = {.form = ZONE_DAY_OF_MONTH};

    day.month = (uint8_t)read_number(reader, 1, 12);
    expect(reader, '.');
    day.week = (uint8_t)read_number(reader, 1, 5);
    expect(reader, '.');
    day.day = (uint16_t)read_number(reader, 0, 6);
    return day;
}

static struct zone_day read_day(struct reader *reader)
{
    struct zone_day day = {0};

    expect(reader, ',');
    if (accept(reader, 'M')) {
        day = read_day_of_month(reader);
    } else if (accept(reader, 'J')) {
        day.form = ZONE_DAY_NO_LEAP;
        day.day = (uint16_t)read_number(reader, 1, 365);
    } else {
        day.form = ZONE_DAY_OF_YEAR;
        day.day = (uint16_t)read_number(reader, 0, 365);
    }
    day.time_s = accept(reader, '/') ? read_time(reader, TIME_HOURS) : 2 * HOUR_S;
    return day;
}

static void read_daylight(struct reader *reader, struct zone_rule *rule)
{
    rule->has_daylight = true;
    read_name(reader);
    rule->daylight =
        peek(reader) == ',' ? rule->standard + HOUR_S : -read_time(reader, OFFSET_HOURS);
    rule->start = read_day(reader);
    rule->end = read_day(reader);
}

static int64_t first_weekday(int64_t days, int weekday)
{
    return days + (weekday - date_weekday(days) + 7) % 7;
}

/* Days since 1970. */
static int64_t day_in(const struct zone_day *day, int64_t year)
{
    int64_t new_year = date_days((struct date){year, 1, 1});

    if (day->form == ZONE_DAY_OF_YEAR) {
        return new_year + day->day;
    }
    if (day->form == ZONE_DAY_NO_LEAP) {
        return new_year + day->day - 1 + (day->day >= 60 && date_is_leap(year));
    }
    int64_t month = date_days((struct date){year, day->month, 1});
    int64_t found = first_weekday(month, day->day) + 7 * (day->week - 1);
    return found < month + date_month_days(year, day->month) ? found : found - 7;
}

/* When the clock that is `offset` ahead shows what the rule says of this year. */
static int64_t change_in(const struct zone_day *day, int64_t year, int32_t offset)
{
    return day_in(day, year) * DATE_DAY_S + day->time_s - offset;
}

/* "XXX3EDT4,0/0,J365/23" (RFC 8536 3.3.1): all year. */
static void flatten(struct zone_rule *rule)
{
    int64_t start = change_in(&rule->start, 2001, rule->standard);
    int64_t end = change_in(&rule->end, 2001, rule->daylight);

    if (end - start >= 365 * DATE_DAY_S) {
        rule->standard = rule->daylight;
        rule->has_daylight = false;
    }
}

bool zone_rule_parse(struct str text, struct zone_rule *out)
{
    struct reader reader = {.rest = text};
    struct zone_rule rule = {0};

    read_name(&reader);
    rule.standard = -read_time(&reader, OFFSET_HOURS);
    if (reader.rest.len > 0) {
        read_daylight(&reader, &rule);
    }
    if (reader.is_bad || reader.rest.len > 0) {
        return false;
    }
    if (rule.has_daylight) {
        flatten(&rule);
    }
    *out = rule;
    return true;
}

/* The changes seen so far around an instant: the last one not after it, and the first after it. */
struct around {
    int64_t unix_s;
    int64_t last_s;
    struct zone_span span;
};

static void around_add(struct around *around, int64_t change_s, int32_t offset)
{
    if (change_s > around->unix_s) {
        around->span.end_s = change_s < around->span.end_s ? change_s : around->span.end_s;
    } else if (change_s >= around->last_s) {
        around->last_s = change_s;
        around->span.offset = offset;
    }
}

static int64_t year_at(int64_t unix_s)
{
    return date_of(date_floor(unix_s, DATE_DAY_S)).year;
}

/* Every change of the first year looked at comes before the instant, every one of the last after
 * it. */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t unix_s)
{
    struct around around = {unix_s, INT64_MIN, {rule->standard, INT64_MAX}};

    if (!rule->has_daylight) {
        return around.span;
    }
    int64_t last_year = year_at(unix_s + STRAY_S) + 1;
    for (int64_t year = year_at(unix_s - STRAY_S) - 1; year <= last_year; year++) {
        around_add(&around, change_in(&rule->start, year, rule->standard), rule->daylight);
        around_add(&around, change_in(&rule->end, year, rule->daylight), rule->standard);
    }
    return around.span;
}
