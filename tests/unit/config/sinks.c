#include <check.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define SECTION(fields) "gate x { accept = {apikey} }\nsink one { " fields " }\n"
#define TO              "to = \"tcp://h:601\" "
#define WHERE           "reeve.conf:2: sink \"one\": "
#define WANTED_TO                                                                                  \
    "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH for datagrams or unix-stream:///PATH"
#define BAD_TO(text)                                                                               \
    {                                                                                              \
        SECTION("to = \"" text "\""), WHERE "to: expected " WANTED_TO ", got \"" text "\"\n"       \
    }
#define BAD(name, value, wanted)                                                                   \
    {                                                                                              \
        SECTION(TO name " = \"" value "\""),                                                       \
            WHERE name ": expected " wanted ", got \"" value "\"\n"                                \
    }

static const struct {
    const char *text, *want;
} bad_sections[] = {
    {SECTION(""), WHERE "to: set it to " WANTED_TO "\n"},
    BAD_TO(""),
    BAD_TO("h:601"),
    BAD_TO("tls://h:601"),
    BAD_TO("tcp://h"),
    BAD_TO("tcp://:601"),
    BAD_TO("udp://h:601/x"),
    BAD_TO("udp://user@h:601"),
    {SECTION("to = \"tcp://h:0\""), WHERE "to: expected " WANTED_TO ", got \"tcp://h:0\"\n"},
    {SECTION("to = \"unix://dev/log\""),
     WHERE "to: the path of a unix socket must be absolute: unix:///run/...\n"},
    {SECTION(TO "type = kafka"), WHERE "type: expected syslog, got \"kafka\"\n"},
    {SECTION(TO "facility = kern"), WHERE "facility: kern is the kernel's\n"},
    BAD("app_name", "", "1 to 48 printable characters"),
    BAD("app_name", "a b", "1 to 48 printable characters"),
    BAD("app_name", "0123456789012345678901234567890123456789012345678",
        "1 to 48 printable characters"),
    BAD("sd_id", "a=b", "1 to 32 printable characters without = ] \""),
    BAD("sd_id", "a]", "1 to 32 printable characters without = ] \""),
    BAD("sd_id", "012345678901234567890123456789012",
        "1 to 32 printable characters without = ] \""),
    BAD("max_message", "1023", "a size from 1KiB to 65000"),
    BAD("max_message", "64KiB", "a size from 1KiB to 65000"),
    BAD("max_message", "1k", "a size from 1KiB to 65000"),
    BAD("timeout", "99ms", "a duration from 100ms to 10m"),
    BAD("timeout", "11m", "a duration from 100ms to 10m"),
    BAD("timeout", "5", "a duration from 100ms to 10m"),
    BAD("hold", "-1", "a number from 0 to 1000000"),
    BAD("hold", "1000001", "a number from 0 to 1000000"),
    {SECTION(TO "required = true"), "reeve.conf:2: no such option 'required'\n"},
    {"gate x { accept = {apikey} }\nsink \"a/b\" { " TO " }",
     "reeve.conf:2: sink \"a/b\": expected a name of A-Z a-z 0-9 . _ @ -, at most 64\n"},
    {SECTION(TO) "sink one { " TO "}", "reeve.conf:3: found duplicate title 'one'\n"},
};

START_TEST(refuses_and_names_the_line)
{
    ck_assert_str_eq(box_errors(bad_sections[_i].text), bad_sections[_i].want);
}
END_TEST

START_TEST(fields_reach_the_sink)
{
    struct config *config = box_load(SECTION(
        "to = \"udp://[::1]:514\" facility = audit app_name = gate "
        "sd_id = \"x@1\" max_message = 2KiB timeout = 1m hold = 0") "sink two { to = "
                                                                    "\"unix-stream:///run/log\" }");
    const struct sink_policy *one = &config->sinks[0], *two = &config->sinks[1];

    ck_assert_uint_eq(config->sink_count, 2);
    ck_assert_int_eq(one->transport, SINK_UDP);
    ck_assert(str_equal(one->name, STR("one")) && str_equal(one->host, STR("::1")));
    ck_assert_uint_eq(one->port, 514);
    ck_assert_uint_eq(one->facility, 13);
    ck_assert(str_equal(one->app_name, STR("gate")) && str_equal(one->sd_id, STR("x@1")));
    ck_assert_uint_eq(one->message_bytes, 2048);
    ck_assert_int_eq(one->timeout_us, 60000000);
    ck_assert_uint_eq(one->hold_count, 0);
    ck_assert_int_eq(two->transport, SINK_UNIX_STREAM);
    ck_assert(str_equal(two->host, STR("/run/log")));
    ck_assert_uint_eq(two->facility, 16);
    ck_assert(str_equal(two->app_name, STR("reeved")));
    ck_assert(str_equal(two->sd_id, STR("reeve@32473")));
    ck_assert_uint_eq(two->message_bytes, 8192);
    ck_assert_int_eq(two->timeout_us, 5000000);
    ck_assert_uint_eq(two->hold_count, 4);
    config_unref(config);
}
END_TEST

static const struct {
    const char *to;
    enum sink_transport transport;
} ways[] = {
    {"tcp://logs.example.com:601", SINK_TCP},
    {"udp://192.0.2.1:514", SINK_UDP},
    {"unix:///dev/log", SINK_UNIX},
    {"unix-stream:///dev/log", SINK_UNIX_STREAM},
};

START_TEST(knows_the_ways)
{
    char text[160];

    snprintf(text, sizeof(text), SECTION("to = \"%s\""), ways[_i].to);
    struct config *config = box_load(text);
    ck_assert_int_eq(config->sinks[0].transport, ways[_i].transport);
    ck_assert(str_equal(config->sinks[0].to, str_from_c(ways[_i].to)));
    config_unref(config);
}
END_TEST

Suite *sinks_suite(void)
{
    Suite *suite = suite_create("sinks");
    TCase *tests = tcase_create("sinks");

    tcase_add_checked_fixture(tests, box_open, box_close);
    tcase_add_loop_test(tests, refuses_and_names_the_line, 0, COUNT(bad_sections));
    tcase_add_test(tests, fields_reach_the_sink);
    tcase_add_loop_test(tests, knows_the_ways, 0, COUNT(ways));
    suite_add_tcase(suite, tests);
    return suite;
}
