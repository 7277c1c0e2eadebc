#include "agent/audit/line.h"

#include <stdlib.h>

#include "agent/base/enc.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/json.h"
#include "tests/unit/audit/suites.h"

#define BOOT "0123456789abcdef0123456789abcdef"

struct printed {
    char text[AUDIT_LINE_ROOM];
    size_t length; /* without the line feed */
};

static struct audit_ring_birth birth(const char *agent)
{
    struct audit_ring_birth birth = {.worker = 3, .boot = BOOT};

    memcpy(birth.agent, agent, strlen(agent));
    return birth;
}

static size_t print_from(const struct audit_ring_birth *who, const struct audit_record *record,
                         bool is_redelivered, char *out)
{
    struct audit_entry entry = {.type = STR("decision"), .record = record};
    struct audit_line_clock clock = {0};
    struct audit_line_origin origin;
    uint8_t bytes[8192];
    struct audit_ring_record packed = {.sequence = 17, .data = bytes};

    packed.length = audit_entry_pack(&entry, bytes, sizeof(bytes));
    if (packed.length == 0) {
        ck_abort_msg("the record does not fit");
    }
    audit_line_origin(who, &origin);
    return audit_line_print(&origin, &clock, &packed, is_redelivered, out);
}

static void print(const struct audit_record *record, struct printed *out)
{
    struct audit_ring_birth who = birth("gw1");

    out->length = print_from(&who, record, false, out->text);
    if (out->length == 0 || out->length > AUDIT_LINE_MAX ||
        memchr(out->text, '\n', out->length) != out->text + out->length - 1 ||
        !json_is_object(out->text, --out->length)) {
        ck_abort_msg("not one JSON line: %.*s", (int)out->length, out->text);
    }
}

static void assert_member(const struct printed *line, const char *name, const char *want)
{
    static char value[AUDIT_LINE_ROOM];

    ck_assert_msg(json_member(line->text, line->length, name, value, sizeof(value)),
                  "no %s in %.*s", name, (int)line->length, line->text);
    ck_assert_str_eq(value, want);
}

static bool has_member(const struct printed *line, const char *name)
{
    char value[16];

    return json_member(line->text, line->length, name, value, sizeof(value));
}

START_TEST(prints_every_field_under_its_name)
{
    struct audit_record record = sample_record(1);
    struct printed line;

    record.shadow = STR("deny no_rule");
    record.limits = STR("daily:1:99,burst:1:0");
    record.limit = STR("burst");
    record.fault = STR("src: missing");
    record.supersedes = 16;
    record.is_tls = true;
    record.config = STR("00112233aabbccdd");
    record.config_before = STR("ddccbbaa33221100");
    record.event = STR("start");
    print(&record, &line);
    line.text[line.length] = '\0';
    ck_assert_str_eq(
        line.text,
        "{\"v\":1,\"type\":\"decision\",\"time\":\"2023-11-14T22:13:20.123457Z\",\"agent\":\"gw1\","
        "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":17,\"id\":\"" BOOT
        "-3-17\",\"rid\":\"r1\",\"gate\":\"public-api\","
        "\"frontend\":\"public-api\",\"src\":\"192.0.2.7\",\"host\":\"api.example.com\","
        "\"method\":\"GET\",\"path\":\"/v1/orders/42\",\"user\":\"alice\",\"team\":\"blue\","
        "\"credential\":\"key:AbCdEfGhIj\",\"roles\":\"reader,writer\",\"verdict\":\"allow\","
        "\"status\":200,\"reason\":\"ok\",\"rule\":\"reader/10\",\"shadow\":\"deny no_rule\","
        "\"fault\":\"src: missing\",\"data\":\"cache\",\"duration_us\":12,\"mono_us\":5000001,"
        "\"limits\":\"daily:1:99,burst:1:0\",\"limit\":\"burst\","
        "\"supersedes\":16,\"tls\":true,\"config\":\"00112233aabbccdd\","
        "\"config_before\":\"ddccbbaa33221100\",\"event\":\"start\"}");
}
END_TEST

/* RFC 4231 has no such text: from `openssl dgst -sha256 -mac HMAC`. */
START_TEST(shows_of_addresses_what_it_is_told)
{
    static const struct {
        enum audit_addresses addresses;
        const char *text, *counted;
    } cases[] = {
        {AUDIT_ADDRESS_FULL, "192.0.2.7", "192.0.2.0/24"},
        {AUDIT_ADDRESS_TRUNCATED, "192.0.2.0/24", "192.0.2.0/24"},
        {AUDIT_ADDRESS_HASHED, "hmac:cd2b7e7450633a092f97e4b1359e689f",
         "hmac:c9cf9328d9bdde0f37db1985318c8b62"},
    };
    ck_assert_int_eq(crypto_start(), ERR_OK);
    struct ip ip = {4, {192, 0, 2, 7}}, six = {16, {0x20, 1, 0xd, 0xb8, 1, 2, 3}};
    char out[AUDIT_ADDRESS_TEXT_MAX + 1];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct audit_privacy privacy;

        ck_assert_int_eq(audit_privacy_init(&privacy, cases[i].addresses, STR("sixteen-or-more!")),
                         ERR_OK);
        out[audit_privacy_print(&privacy, ip, false, out)] = '\0';
        ck_assert_str_eq(out, cases[i].text);
        out[audit_privacy_print(&privacy, audit_privacy_prefix(ip), true, out)] = '\0';
        ck_assert_str_eq(out, cases[i].counted);
        out[audit_privacy_print(&privacy, six, false, out)] = '\0';
        ck_assert_int_eq(strcmp(out, "2001:db8:102::/48") == 0,
                         cases[i].addresses == AUDIT_ADDRESS_TRUNCATED);
        audit_privacy_fini(&privacy);
    }
}
END_TEST

START_TEST(refuses_a_short_key_of_addresses)
{
    struct audit_privacy privacy;

    ck_assert_int_eq(audit_privacy_init(&privacy, AUDIT_ADDRESS_HASHED, STR("fifteen-chars..")),
                     ERR_RANGE);
}
END_TEST

START_TEST(leaves_out_what_is_absent)
{
    struct audit_record record = stranger_record(1);
    struct printed line;

    record.rid = record.host = STR_ABSENT;
    record.mono_us = 0;
    print(&record, &line);
    for (const char *const *name =
             (const char *const[]){"user", "team", "rid", "host", "roles", "rule", "shadow",
                                   "mono_us", "count", "truncated", "redelivered", "tls", "config",
                                   "event", "supersedes", NULL};
         *name; name++) {
        ck_assert_msg(!has_member(&line, *name), "%s", *name);
    }
    assert_member(&line, "src", "10.0.1.1");
    assert_member(&line, "reason", "bad_credential");
}
END_TEST

START_TEST(marks_what_may_be_there_twice)
{
    struct audit_record record = sample_record(1);
    struct audit_ring_birth who = birth("gw1");
    struct printed line;

    line.length = print_from(&who, &record, true, line.text) - 1;
    ck_assert(json_is_object(line.text, line.length));
    assert_member(&line, "redelivered", "true");
}
END_TEST

START_TEST(names_a_raw_path_otherwise)
{
    struct audit_record record = sample_record(1);
    struct printed line;

    record.path = STR("/a/../b");
    record.path_is_raw = true;
    print(&record, &line);
    ck_assert(!has_member(&line, "path"));
    assert_member(&line, "path_raw", "/a/../b");
}
END_TEST

static const struct {
    const char *name;
    struct str text;
    const char *want;
} hostile[] = {
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
    {"line feed", TEXT("a\nb"), "a\nb"},
    {"carriage return", TEXT("a\rb"), "a\rb"},
    {"escape", TEXT("\x1b[2J"), "\x1b[2J"},
    {"line separator", TEXT("\xe2\x80\xa8"), "\xe2\x80\xa8"},
    {"bidi override", TEXT("\xe2\x80\xae"), "\xe2\x80\xae"},
    {"markup", TEXT("</script>"), "</script>"},
    {"quote and comma", TEXT("\",\"user\":\"root"), "\",\"user\":\"root"},
    {"backslash before the quote", TEXT("\\"), "\\"},
    {"our own line", TEXT(",\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":99,"),
     ",\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":99,"},
#undef TEXT
};

static void set_wire_texts(struct audit_record *record, struct str text)
{
    record->rid = record->host = record->method = record->path = text;
}

START_TEST(keeps_hostile_text_inside_its_string)
{
    struct audit_record record = sample_record(1);
    struct audit_ring_birth who = birth("gw1");
    struct audit_line_origin origin;
    struct printed line;

    set_wire_texts(&record, hostile[_i].text);
    record.user = record.fault = record.frontend = hostile[_i].text;
    record.method = STR("GET");
    print(&record, &line);
    assert_member(&line, "rid", hostile[_i].want);
    assert_member(&line, "host", hostile[_i].want);
    assert_member(&line, "path", hostile[_i].want);
    assert_member(&line, "user", hostile[_i].want);
    assert_member(&line, "fault", hostile[_i].want);
    audit_line_origin(&who, &origin);
    ck_assert_uint_eq(audit_line_sequence(&origin, line.text, line.length), 17);
}
END_TEST

START_TEST(keeps_the_bytes_of_text_that_is_not_utf8)
{
    struct audit_record record = sample_record(1);
    struct printed line;

    set_wire_texts(&record, str_make("a\xff\x00z", 4));
    print(&record, &line);
    assert_member(&line, "rid_hex", "61ff007a");
    assert_member(&line, "host_hex", "61ff007a");
    assert_member(&line, "method_hex", "61ff007a");
    assert_member(&line, "path_hex", "61ff007a");
    record.path_is_raw = true;
    print(&record, &line);
    assert_member(&line, "path_raw_hex", "61ff007a");
}
END_TEST

static const struct {
    const char *name;
    char fill;
} fills[] = {{"plain", 'a'}, {"quotes", '"'}, {"NUL", '\0'}, {"not UTF-8", '\xff'}};

START_TEST(stays_below_its_bound_whatever_all_texts_hold)
{
    static char text[8192];
    static struct printed line;
    struct str all = {text, sizeof(text)};
    struct audit_record record = sample_record(1);

    memset(text, fills[_i].fill, sizeof(text));
    set_wire_texts(&record, all);
    record.gate = record.frontend = record.user = record.team = record.credential = all;
    record.roles = record.verdict = record.rule = record.shadow = record.fault = record.data = all;
    print(&record, &line);
    assert_member(&line, "truncated", "true");
}
END_TEST

START_TEST(is_one_json_object_whatever_the_bytes)
{
    struct audit_record record = sample_record(1);
    uint32_t state = 1;
    struct printed line;

    for (int round = 0; round < (is_long_run() ? 20000 : 2000); round++) {
        unsigned char noise[64];

        for (size_t i = 0; i < sizeof(noise); i++) {
            state = state * 1664525u + 1013904223u;
            noise[i] = (unsigned char)(state >> 24);
            /* Half of the rounds from an alphabet that is mostly special. */
            noise[i] = round % 2 ? noise[i]
                                 : (unsigned char)"\"\\\n\xe2\x80\xa8\xae/\x00u\xf0"[noise[i] % 11];
        }
        set_wire_texts(&record, str_make((const char *)noise, 1 + (state >> 8) % sizeof(noise)));
        record.user = record.fault = record.path;
        print(&record, &line);
    }
}
END_TEST

static const struct {
    int64_t wall_us;
    const char *want;
} times[] = {
    {1, "1970-01-01T00:00:00.000001Z"},
    {999999, "1970-01-01T00:00:00.999999Z"},
    {951782400000000, "2000-02-29T00:00:00.000000Z"},
    {2147483648000000, "2038-01-19T03:14:08.000000Z"},
    {4107542400000000, "2100-03-01T00:00:00.000000Z"},
    {INT64_MAX, "9999-12-31T23:59:59.999999Z"},
};

START_TEST(prints_time_as_rfc3339)
{
    struct audit_record record = sample_record(1);
    struct printed line;

    record.wall_us = times[_i].wall_us;
    print(&record, &line);
    assert_member(&line, "time", times[_i].want);
}
END_TEST

START_TEST(escapes_the_agents_name)
{
    struct audit_record record = sample_record(1);
    struct audit_ring_birth who = birth("a\"\n\\b");
    struct audit_line_origin origin;
    struct printed line;

    line.length = print_from(&who, &record, false, line.text) - 1;
    ck_assert(json_is_object(line.text, line.length));
    assert_member(&line, "agent", "a\"\n\\b");
    memset(who.agent, '\n', AUDIT_RING_AGENT_MAX);
    line.length = print_from(&who, &record, false, line.text) - 1;
    ck_assert(json_is_object(line.text, line.length));
    audit_line_origin(&who, &origin);
    ck_assert_uint_eq(audit_line_sequence(&origin, line.text, line.length), 17);
}
END_TEST

START_TEST(prints_nothing_of_what_is_no_entry)
{
    static const uint8_t without_type[] = {0x92, 0x00, 0xc0};
    struct audit_ring_birth who = birth("gw1");
    struct audit_ring_record record = {.sequence = 1, .data = without_type};
    struct audit_line_clock clock = {0};
    struct audit_line_origin origin;
    struct printed line;

    audit_line_origin(&who, &origin);
    for (record.length = 0; record.length <= sizeof(without_type); record.length++) {
        ck_assert_uint_eq(audit_line_print(&origin, &clock, &record, false, line.text), 0);
    }
}
END_TEST

#define HEAD AUDIT_LINE_BEGIN "decision\",\"agent\":\"gw1\","
static const struct {
    const char *line;
    uint64_t want;
} sequences[] = {
    {"", 0},
    {HEAD, 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":", 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":12", 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":x,", 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":99999999999999999999999,", 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":31,\"seq\":12,", 0},
    {HEAD "\"boot\":\"1123456789abcdef0123456789abcdef\",\"worker\":3,\"seq\":12,", 0},
    {"x\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":12,", 0},
    {HEAD "\"boot\":\"" BOOT "\",\"worker\":3,\"seq\":12,", 12},
};

START_TEST(finds_the_sequence_of_its_own_lines_only)
{
    struct audit_ring_birth who = birth("gw1");
    struct audit_line_origin origin;

    audit_line_origin(&who, &origin);
    ck_assert_msg(audit_line_sequence(&origin, sequences[_i].line, strlen(sequences[_i].line)) ==
                      sequences[_i].want,
                  "%s", sequences[_i].line);
}
END_TEST

Suite *line_suite(void)
{
    Suite *suite = suite_create("line");
    TCase *tcase = tcase_create("line");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, prints_nothing_of_what_is_no_entry);
    tcase_add_loop_test(tcase, finds_the_sequence_of_its_own_lines_only, 0, COUNT(sequences));
    tcase_add_loop_test(tcase, keeps_hostile_text_inside_its_string, 0, COUNT(hostile));
    tcase_add_loop_test(tcase, stays_below_its_bound_whatever_all_texts_hold, 0, COUNT(fills));
    tcase_add_test(tcase, is_one_json_object_whatever_the_bytes);
    tcase_add_test(tcase, keeps_the_bytes_of_text_that_is_not_utf8);
    tcase_add_test(tcase, escapes_the_agents_name);
    tcase_add_test(tcase, prints_every_field_under_its_name);
    tcase_add_test(tcase, shows_of_addresses_what_it_is_told);
    tcase_add_test(tcase, refuses_a_short_key_of_addresses);
    tcase_add_test(tcase, leaves_out_what_is_absent);
    tcase_add_test(tcase, marks_what_may_be_there_twice);
    tcase_add_test(tcase, names_a_raw_path_otherwise);
    tcase_add_loop_test(tcase, prints_time_as_rfc3339, 0, COUNT(times));
    suite_add_tcase(suite, tcase);
    return suite;
}
