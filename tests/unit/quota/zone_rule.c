#include "agent/quota/zone_rule.h"

#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"

static const char *const bad_rules[] = {
    "",
    "UTC",
    "UT0",
    "0",
    "U1C0",
    "<>0",
    "<UTC0",
    "<U C>0",
    "UTC-",
    "UTC+-1",
    "UTC25",
    "UTC1:60",
    "UTC1:00:60",
    "UTC1:",
    "UTC99999999999999999999",
    "UTC0 ",
    "UTC0,M3.5.0,M10.5.0",
    "CET-1CEST",
    "CET-1CE,M3.5.0,M10.5.0",
    "CET-1CEST,M3.5.0",
    "CET-1CEST,M3.5.0,",
    "CET-1CEST,M3.5.0,M10.5.0,",
    "CET-1CEST,M3.5.0,M10.5.0/",
    "CET-1CEST,M3.5.0,M10.5.0/168",
    "CET-1CEST,M3.5.0,M10.5.0/-168",
    "CET-1CEST,M3.5.0,M10.5.0/3x",
    "CET-1CEST,M0.5.0,M10.5.0",
    "CET-1CEST,M13.5.0,M10.5.0",
    "CET-1CEST,M3.0.0,M10.5.0",
    "CET-1CEST,M3.6.0,M10.5.0",
    "CET-1CEST,M3.5.7,M10.5.0",
    "CET-1CEST,M3.5,M10.5.0",
    "CET-1CEST,J0,J365",
    "CET-1CEST,J1,J366",
    "CET-1CEST,-1,365",
    "CET-1CEST,0,366",
    "CET-1CEST25,M3.5.0,M10.5.0",
    ":Europe/Berlin",
};

START_TEST(refuses_what_is_no_rule)
{
    struct zone_rule rule = {.standard = 77};

    ck_assert_msg(!zone_rule_parse(str_from_c(bad_rules[_i]), &rule), "%s", bad_rules[_i]);
    ck_assert_int_eq(rule.standard, 77);
}
END_TEST

/* Cut behind the first offset it is a shorter rule. */
START_TEST(refuses_a_rule_that_is_cut)
{
    static const char text[] = "<-0210>2:10:30<-01>1,M3.5.0/-1:30,M10.5.0";
    struct zone_rule rule;

    for (size_t length = 0; length < sizeof(text) - 1; length++) {
        struct str cut = str_make(text, length);
        ck_assert_msg(!zone_rule_parse(cut, &rule) || !rule.has_daylight, "%.*s", STR_ARG(cut));
    }
    ck_assert(zone_rule_parse(STR(text), &rule) && rule.has_daylight);
}
END_TEST

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define DUBLIN "IST-1GMT0,M10.5.0,M3.5.0/1"
#define HOWE   "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define NUUK   "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"
#define GAZA   "EET-2EEST,M3.4.4/50,M10.4.4/50"
#define JULIAN "AAA3BBB,J60/0,J300/0"
#define ZERO   "AAA3BBB,59/0,299/0"

/* The span that holds `at`. */
static const struct {
    const char *rule;
    const char *at;
    int32_t offset;
    const char *end; /* NULL: for ever */
} spans[] = {
    {"UTC0", "1970-01-01", 0, NULL},
    {"EST5", "9999-12-31", -5 * 3600, NULL},
    {"<+0545>-5:45", "2024-01-01", 20700, NULL},
    {"AAA+24:59:59", "2024-01-01", -89999, NULL},
    {"AAA-24:59:59", "2024-01-01", 89999, NULL},
    {BERLIN, "2024-03-31T00:59:59Z", 3600, "2024-03-31T01:00:00Z"},
    {BERLIN, "2024-03-31T01:00:00Z", 7200, "2024-10-27T01:00:00Z"},
    {BERLIN, "2024-10-27T01:00:00Z", 3600, "2025-03-30T01:00:00Z"},
    {BERLIN, "1969-12-31", 3600, "1970-03-29T01:00:00Z"},
    {BERLIN, "9999-12-31", 3600, "10000-03-26T01:00:00Z"},
    {DUBLIN, "2040-01-01", 0, "2040-03-25T01:00:00Z"},
    {DUBLIN, "2040-07-01", 3600, "2040-10-28T01:00:00Z"},
    {HOWE, "2040-01-01", 39600, "2040-03-31T15:00:00Z"},
    {HOWE, "2040-07-01", 37800, "2040-10-06T15:30:00Z"},
    {NUUK, "2025-03-30T00:59:59Z", -7200, "2025-03-30T01:00:00Z"},
    {NUUK, "2025-03-30T01:00:00Z", -3600, "2025-10-26T01:00:00Z"},
    {GAZA, "2040-03-24T00:00:00Z", 10800, "2040-10-26T23:00:00Z"},
    {JULIAN, "2023-01-01", -10800, "2023-03-01T03:00:00Z"},
    {JULIAN, "2024-01-01", -10800, "2024-03-01T03:00:00Z"},
    {JULIAN, "2024-06-01", -7200, "2024-10-27T02:00:00Z"},
    {ZERO, "2023-01-01", -10800, "2023-03-01T03:00:00Z"},
    {ZERO, "2024-01-01", -10800, "2024-02-29T03:00:00Z"},
    {"AAA0BBB,365/0,10/0", "2023-12-31", 0, "2024-01-01T00:00:00Z"},
    {"AAA0BBB,J365/167,J10/0", "2024-01-05", 0, "2024-01-06T23:00:00Z"},
    {"AAA0BBB,J5/0,J1/-167", "2023-12-25", 0, "2024-01-05T00:00:00Z"},
    {"AAA0BBB,J100/2,J100/3", "2024-06-01", 0, "2025-04-10T02:00:00Z"},
    {"XXX3EDT4,0/0,J365/23", "2024-01-01T03:00:00Z", -14400, NULL},
    {"XXX3EDT4,0/0,J365/23", "2024-07-01", -14400, NULL},
};

START_TEST(gives_offset_and_end)
{
    struct zone_rule rule;

    ck_assert_msg(zone_rule_parse(str_from_c(spans[_i].rule), &rule), "%s", spans[_i].rule);
    struct zone_span span = zone_rule_span(&rule, instant(spans[_i].at));
    ck_assert_msg(span.offset == spans[_i].offset, "%s at %s: %d", spans[_i].rule, spans[_i].at,
                  span.offset);
    if (spans[_i].end) {
        ck_assert_str_eq(instant_text(span.end_s), instant_text(instant(spans[_i].end)));
    } else {
        ck_assert_int_eq(span.end_s, INT64_MAX);
    }
}
END_TEST

/* Whatever a rule says: spans follow each other, and hold one offset all through. */
static const char *const odd_rules[] = {
    "AAA0BBB,J364/167,J365/167",
    "AAA0BBB,J365/167,J364/167",
    "AAA0BBB,0/-167,1/-167",
    "AAA0BBB,J100,J100",
    "AAA0BBB0,J100,J200",
    "AAA24:59:59BBB,J1/0,J1/1",
    "AAA-24:59:59BBB24:59:59,J1,J365",
    "AAA0BBB,J365/0,J1/0",
    "AAA0BBB,0/0,J365/25",
    "AAA0BBB,M12.5.6/167,M1.1.0/-167",
};

START_TEST(odd_rules_have_whole_spans)
{
    struct zone_rule rule;
    uint64_t random = 1;

    ck_assert(zone_rule_parse(str_from_c(odd_rules[_i]), &rule));
    for (int64_t at = instant("1995-12-15"); at < instant("2030-01-01");) {
        struct zone_span span = zone_rule_span(&rule, at);
        ck_assert_int_gt(span.end_s, at);
        if (span.end_s == INT64_MAX) {
            break;
        }
        for (int i = 0; i < 8; i++) {
            int64_t inside = instant_between(&random, at, span.end_s);
            struct zone_span again = zone_rule_span(&rule, inside);
            ck_assert_msg(again.offset == span.offset && again.end_s == span.end_s, "%s at %s",
                          odd_rules[_i], instant_text(inside));
        }
        at = span.end_s;
    }
}
END_TEST

Suite *zone_rule_suite(void)
{
    Suite *suite = suite_create("zone_rule");
    TCase *tests = tcase_create("zone_rule");

    tcase_add_loop_test(tests, refuses_what_is_no_rule, 0, COUNT(bad_rules));
    tcase_add_test(tests, refuses_a_rule_that_is_cut);
    tcase_add_loop_test(tests, gives_offset_and_end, 0, COUNT(spans));
    tcase_add_loop_test(tests, odd_rules_have_whole_spans, 0, COUNT(odd_rules));
    suite_add_tcase(suite, tests);
    return suite;
}
