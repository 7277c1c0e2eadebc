/* Lines as syslog messages: RFC 5424, byte for byte, and bounded. */
#include "agent/audit/syslog.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/audit/suites.h"

#define BOOT "0123456789abcdef0123456789abcdef"
#define ORIGIN                                                                                     \
    ",\"agent\":\"gw1\",\"boot\":\"" BOOT "\",\"worker\":0,\"seq\":17,\"id\":\"" BOOT "-0-17\""
#define TIME  "2024-05-06T07:08:09.123456Z"
#define AT(t) ",\"time\":\"" t "\""
#define DATA  " [reeve@32473 agent=\"gw1\" id=\"" BOOT "-0-17\" seq=\"17\"] "
#define BEGIN "{\"v\":1,\"type\":\""
#define HOST  " gw1.example.com reeved 4711 "
#define ALLOW BEGIN "decision\"" AT(TIME) ORIGIN ",\"verdict\":\"allow\"}"
#define DENY  BEGIN "decision\"" AT(TIME) ORIGIN ",\"verdict\":\"deny\"}"
#define SINK  BEGIN "sink\"" AT(TIME) ORIGIN ",\"event\":\"failing\"}"
#define CHECK                                                                                      \
    BEGIN "checkpoint\"" AT(TIME) ",\"agent\":\"gw1\",\"boot\":\"" BOOT                            \
                                  "\",\"segment\":42,\"block\":3,\"hash\":\"00\"}"

static const struct syslog_source source = {.facility = 16,
                                            .host = "gw1.example.com",
                                            .app = "reeved",
                                            .sd_id = "reeve@32473",
                                            .process = 4711};

static size_t print(const char *text, size_t most, char *out)
{
    struct audit_read_line line;

    audit_read_line_parse(str_from_c(text), &line);
    size_t length = syslog_print(&source, &line, most, out);
    out[length] = '\0';
    return length;
}

static const struct {
    const char *line, *message;
} messages[] = {
    {ALLOW, "<134>1 " TIME HOST "decision" DATA ALLOW},
    {DENY, "<133>1 " TIME HOST "decision" DATA DENY},
    {SINK, "<132>1 " TIME HOST "sink" DATA SINK},
    {CHECK, "<134>1 " TIME HOST
            "checkpoint [reeve@32473 agent=\"gw1\" segment=\"42\" block=\"3\"] " CHECK},
    {BEGIN "decision\"" AT("2024-05-06T07:08:09.12345Z") "}",
     "<134>1 -" HOST "decision [reeve@32473] " BEGIN
     "decision\"" AT("2024-05-06T07:08:09.12345Z") "}"},
    {BEGIN "decision\"" AT("2024-05-06 07:08:09.123456Z") "}",
     "<134>1 -" HOST "decision [reeve@32473] " BEGIN
     "decision\"" AT("2024-05-06 07:08:09.123456Z") "}"},
    {BEGIN "a b\",\"n\":1}", "<134>1 -" HOST "- [reeve@32473] " BEGIN "a b\",\"n\":1}"},
    {BEGIN "abcdefghijklmnopqrstuvwxyzabcdefg\",\"n\":1}",
     "<134>1 -" HOST "- [reeve@32473] " BEGIN "abcdefghijklmnopqrstuvwxyzabcdefg\",\"n\":1}"},
    {BEGIN "x\",\"agent\":\"a]b\\\"c\\\\\xc3\xa4\"}",
     "<134>1 -" HOST "x [reeve@32473 agent=\"a\\]b\\\\\\\"c\\\\\\\\??\"] " BEGIN
     "x\",\"agent\":\"a]b\\\"c\\\\\xc3\xa4\"}"},
    {"no line of ours", ""},
    {"", ""},
};

START_TEST(prints_rfc_5424)
{
    char out[SYSLOG_MESSAGE_MAX + 1];

    print(messages[_i].line, SYSLOG_MESSAGE_MAX, out);
    ck_assert_str_eq(out, messages[_i].message);
}
END_TEST

/* Of a line with characters of 1 to 4 bytes, at every length from where the head fits. */
START_TEST(cuts_between_characters_and_says_so)
{
    char line[3000], out[SYSLOG_MESSAGE_MAX + 1], mark[64];
    size_t used = (size_t)snprintf(line, sizeof(line), "%s", BEGIN "decision\",\"path\":\"");
    size_t cut_count = 0;

    while (used < sizeof(line) - 20) {
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s",
                                 "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    }
    snprintf(line + used, sizeof(line) - used, "\"}");
    size_t whole = print(line, SYSLOG_MESSAGE_MAX, out);
    ck_assert_ptr_null(strstr(out, "truncated"));
    snprintf(mark, sizeof(mark), " truncated=\"%zu\"] ", strlen(line));
    for (size_t most = SYSLOG_HEAD_MAX / 2; most < whole; most++, cut_count++) {
        size_t length = print(line, most, out);
        ck_assert_uint_le(length, most);
        ck_assert_uint_gt(length + 4, most);
        const char *begin = strstr(out, mark);
        ck_assert_ptr_nonnull(begin);
        begin += strlen(mark);
        ck_assert_int_eq(strncmp(begin, line, strlen(begin)), 0);
        ck_assert_int_ne((unsigned char)line[strlen(begin)] & 0xc0, 0x80);
    }
    ck_assert_uint_gt(cut_count, 1000);
    ck_assert_uint_eq(print(line, whole, out), whole);
}
END_TEST

/* Whatever a file holds, the part before the line has its bound. */
START_TEST(bounds_what_stands_before_the_line)
{
    char line[2 * SYSLOG_HEAD_MAX], out[SYSLOG_MESSAGE_MAX + 1], filler[1200];

    memset(filler, ']', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    snprintf(line, sizeof(line), BEGIN "x\",\"agent\":\"%s\"" ORIGIN ",\"id\":\"%s\"}", filler,
             filler);
    size_t length = print(line, SYSLOG_MESSAGE_MAX, out);
    ck_assert_uint_lt(length, strlen(line) + SYSLOG_HEAD_MAX / 2);
    ck_assert_uint_le(print(line, SYSLOG_HEAD_MAX / 2, out), SYSLOG_HEAD_MAX / 2);
}
END_TEST

START_TEST(cleans_names_of_hosts)
{
    char name[300];

    snprintf(name, sizeof(name), "a b\x7f\xc3.c");
    syslog_clean(name);
    ck_assert_str_eq(name, "a-b--.c");
    name[0] = '\0';
    syslog_clean(name);
    ck_assert_str_eq(name, "-");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    syslog_clean(name);
    ck_assert_uint_eq(strlen(name), 255);
}
END_TEST

Suite *syslog_suite(void)
{
    Suite *suite = suite_create("audit/syslog");
    TCase *tcase = tcase_create("syslog");

    tcase_add_loop_test(tcase, prints_rfc_5424, 0, COUNT(messages));
    tcase_add_test(tcase, cuts_between_characters_and_says_so);
    tcase_add_test(tcase, bounds_what_stands_before_the_line);
    tcase_add_test(tcase, cleans_names_of_hosts);
    suite_add_tcase(suite, tcase);
    return suite;
}
