/* Each option of the settings table: its default, its bounds, what it refuses. */
#include "agent/config/setting.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define NAME64 "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijklmnop"

/* Up to four accepted and four refused values for each; extremes first. */
static const struct cases {
    const char *name;
    const char *good[4];
    const char *bad[4];
} cases[] = {
    {"agent_id", {"a", NAME64, "edge-1.example@dc_2"}, {"", NAME64 "x", "a b", "a/b"}},
    {"prefix", {"r", NAME64, "reeve:prod:"}, {"", NAME64 ":", "reeve:{a}:", "re*ve:"}},
    {"listen",
     {"tcp://127.0.0.1:9600", "tcp://[::]:1", "unix:///run/x.sock"},
     {"", "9600", "tcp://localhost:9600", "unix://x"}},
    {"socket_mode", {"0000", "0600", "0777"}, {"660", "0888", "1777", "00660"}},
    {"socket_owner", {"reeve", "haproxy"}, {"", "a b", "a:b"}},
    {"socket_group", {"reeve", "haproxy"}, {"", "a b", "a:b"}},
    {"workers", {"1", "64"}, {"0", "65", "-1", "two"}},
    {"max_frame_size", {"256", "1048576"}, {"255", "1048577", "64KiB"}},
    {"max_connections", {"1", "1000000"}, {"0", "1000001"}},
    {"max_in_flight", {"1", "1000000"}, {"0", "1000001"}},
    {"max_in_flight_connection", {"1", "1000000"}, {"0", "1000001"}},
    {"hello_timeout", {"100ms", "60s"}, {"99999us", "60001ms", "5"}},
    {"frame_timeout", {"100ms", "60s"}, {"99999us", "60001ms", "5"}},
    {"write_timeout", {"100ms", "60s"}, {"99999us", "60001ms", "5"}},
    {"idle_timeout", {"0", "1d"}, {"86401s", "-1s"}},
    {"deadline", {"110ms", "10s"}, {"9999us", "10001ms", "150"}},
    {"deadline_slow", {"10ms", "10s"}, {"9999us", "10001ms", "150"}},
    {"drain_timeout", {"4001ms", "10m"}, {"99ms", "601s"}},
    {"drain_delay", {"0", "9999ms"}, {"60001ms", "4"}},
    {"redis",
     {"redis://127.0.0.1", "unix:///run/redis.sock?db=1"},
     {"", "127.0.0.1:6379", "rediss://h", "redis://h/x"}},
    {"redis_password_file", {"password"}, {"", "a\tb"}},
    {"sentinels",
     {"tcp://s-1.example:26379", "tcp://[::1]:1,tcp://127.0.0.1:65535"},
     {"", "s:1", "tcp://s", "unix:///run/s.sock"}},
    {"sentinel_primary", {"a", NAME64}, {"", "a b", NAME64 "x"}},
    {"sentinel_user", {"a", "ann@example", NAME64 NAME64}, {"", "a b", NAME64 NAME64 "x"}},
    {"sentinel_password_file", {"password"}, {"", "a\tb"}},
    {"store_timeout", {"1ms", "149ms"}, {"999us", "10001ms", "100"}},
    {"store_connect_timeout", {"1ms", "60s"}, {"999us", "60001ms"}},
    {"max_age", {"10ms", "10m"}, {"9ms", "0", "601s"}},
    {"max_stale", {"0", "24h"}, {"-1s", "86401s"}},
    {"directory_max_records", {"16", "100000000"}, {"15", "100000001"}},
    {"directory_max_absent", {"16", "10000000"}, {"15", "10000001"}},
    {"directory_max_source_misses", {"1", "1000000"}, {"0", "1000001"}},
    {"max_leases", {"16", "100000000"}, {"15", "100000001"}},
    {"grant_replicas", {"0", "16"}, {"-1", "17"}},
    {"password_threads", {"1", "64"}, {"0", "65"}},
    {"password_queue", {"4", "4096"}, {"3", "4097"}},
    {"max_passwords", {"16", "10000000"}, {"15", "10000001"}},
    {"pepper_file", {"pepper"}, {"", "a\tb"}},
    {"accept_unpeppered", {"true", "false"}, {"yes", "1", "True", ""}},
    {"max_token_size", {"1KiB", "32KiB", "1024"}, {"1023", "32769", "8KB"}},
    {"max_tokens", {"16", "10000000"}, {"15", "10000001"}},
    {"max_failures", {"0", "1000000"}, {"-1", "1000001"}},
    {"max_source_failures", {"0", "1000000"}, {"-1", "1000001"}},
    {"failure_wait", {"10ms", "1h"}, {"9ms", "0", "3601s"}},
    {"failure_wait_max", {"10ms", "24h"}, {"9ms", "0", "86401s"}},
    {"failure_memory", {"1s", "24h"}, {"999ms", "86401s"}},
    {"failure_exempt",
     {"10.0.0.0/8", "2001:db8::/32,192.0.2.1", "0.0.0.0/0"},
     {"", "10.0.0.1/8", "192.0.2", "a"}},
    {"max_failing", {"16", "10000000"}, {"15", "10000001"}},
    {"seen_interval", {"0", "1s", "60s", "1d"}, {"25h", "60", "-1s"}},
    {"seen_ttl", {"60s", "400d", "3650d"}, {"0", "59s", "3651d"}},
    {"audit_file", {"audit.jsonl", "/var/log/a b.jsonl"}, {"", "a\nb"}},
    {"audit_segment_size", {"16KiB", "64GiB"}, {"16383", "65GiB", "0"}},
    {"audit_segment_age", {"0", "1s", "366d"}, {"-1s", "367d"}},
    {"audit_keep_segments", {"0", "1000000"}, {"-1", "1000001"}},
    {"audit_keep_age", {"0", "36600d"}, {"-1s", "36601d"}},
    {"audit_key_file", {"audit.key", "/var/lib/reeve/audit.key"}, {"", "a\nb"}},
    {"audit_mode", {"ordered", "durable"}, {"", "sync", "Durable"}},
    {"audit_addresses", {"full", "truncated"}, {"", "none", "hashed"}},
    {"audit_address_key_file", {"long-password"}, {"", "a\tb", "password"}},
    {"spool_dir", {"spool", "/run/reeve"}, {"", "a\nb"}},
    {"spool_size", {"64KiB", "1GiB", "65536"}, {"65535", "1073741825", "8MB"}},
    {"on_audit_full", {"deny", "count"}, {"", "allow", "Deny"}},
    {"log_level", {"error", "warning", "info", "debug"}, {"", "notice", "INFO"}},
};

/* What a setting needs beside it. */
static const struct {
    const char *name, *text;
} needs[] = {
    {"sentinels", "sentinel_primary = p\n"},
    {"sentinel_primary", "sentinels = {tcp://s:1}\n"},
    {"sentinel_user",
     "sentinels = {tcp://s:1} sentinel_primary = p sentinel_password_file = password\n"},
    {"sentinel_password_file", "sentinels = {tcp://s:1} sentinel_primary = p\n"},
    {"failure_wait", "failure_wait_max = 1h\n"},
    {"failure_wait_max", "failure_wait = 10ms\n"},
};

static const char *beside(const char *name)
{
    for (int i = 0; i < COUNT(needs); i++) {
        if (strcmp(needs[i].name, name) == 0) {
            return needs[i].text;
        }
    }
    return "";
}

static void open_with_files(void)
{
    box_open();
    box_write("password", "sesame\n", 0600);
    box_write("long-password", "open sesame, and mind the step\n", 0600);
    box_write("other", "poppy\n", 0600);
    box_write("pepper", "p1 000102030405060708090a0b0c0d0e0f\n", 0600);
}

START_TEST(every_setting_has_its_cases)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        int found = 0;

        for (int i = 0; i < COUNT(cases); i++) {
            found += strcmp(cases[i].name, setting->name) == 0;
        }
        ck_assert_msg(found == 1, "%s", setting->name);
        ck_assert_str_ne(setting->help, "");
        ck_assert_ptr_eq(setting_find(setting->name), setting);
    }
    ck_assert_ptr_null(setting_find("nope"));
    ck_assert_ptr_null(setting_find(""));
}
END_TEST

START_TEST(takes_what_is_in_range)
{
    for (int i = 0; i < 4 && cases[_i].good[i]; i++) {
        const struct config_override override = {cases[_i].name, cases[_i].good[i]};
        char text[256];

        snprintf(text, sizeof(text), "%s" GATE, beside(cases[_i].name));
        config_unref(box_load_with(text, &override, 1));
    }
}
END_TEST

START_TEST(refuses_what_is_out_of_range_and_says_what_is_in)
{
    for (int i = 0; i < 4 && cases[_i].bad[i]; i++) {
        const struct config_override override = {cases[_i].name, cases[_i].bad[i]};
        const char *errors = box_errors_with(GATE, &override, 1);
        char begin[128];

        snprintf(begin, sizeof(begin), "command line: %s: ", cases[_i].name);
        ck_assert_msg(strncmp(errors, begin, strlen(begin)) == 0, "%s", errors);
        ck_assert_ptr_eq(strchr(errors, '\n'), errors + strlen(errors) - 1);
    }
}
END_TEST

static const struct {
    const char *name, *value, *want;
} messages[] = {
    {"workers", "65", "workers: expected a number from 1 to 64, got \"65\""},
    {"deadline", "5ms", "deadline: expected a duration from 10ms to 10s, got \"5ms\""},
    {"idle_timeout", "2d", "idle_timeout: expected a duration from 0 to 1d, got \"2d\""},
    {"spool_size", "1", "spool_size: expected a size from 64KiB to 1GiB, got \"1\""},
    {"log_level", "x\ny", "log_level: expected error, warning, info or debug, got \"x\\x0ay\""},
    {"accept_unpeppered", "no", "accept_unpeppered: expected true or false, got \"no\""},
    {"socket_mode", "7", "socket_mode: expected an octal mode from 0000 to 0777, got \"7\""},
    {"redis", "redis://:sesame@h:x", "redis: expected a port from 1 to 65535"},
    {"redis", "sesame",
     "redis: expected redis://[user:password@]HOST[:PORT][/DB] or "
     "unix://[user:password@]/PATH[?db=N]"},
};

START_TEST(messages_say_what_was_expected)
{
    const struct config_override override = {messages[_i].name, messages[_i].value};
    char want[256];

    snprintf(want, sizeof(want), "command line: %s\n", messages[_i].want);
    ck_assert_str_eq(box_errors_with(GATE, &override, 1), want);
}
END_TEST

START_TEST(defaults)
{
    struct config *config = box_load(GATE);

    ck_assert_str_eq(config->prefix, "reeve:");
    ck_assert_uint_eq(config->listen.count, 1);
    ck_assert_str_eq(config->listen.items[0].text, "tcp://127.0.0.1:9600");
    ck_assert_uint_eq(config->socket_mode, 0660);
    ck_assert_ptr_null(config->socket_owner);
    ck_assert_ptr_null(config->socket_group);
    ck_assert_uint_eq(config->workers, 1);
    ck_assert_uint_eq(config->max_frame_size, 65532);
    ck_assert_uint_eq(config->max_connections, 10000);
    ck_assert_uint_eq(config->max_in_flight, 10000);
    ck_assert_uint_eq(config->max_in_flight_connection, 1000);
    ck_assert_int_eq(config->hello_timeout_us, 5000000);
    ck_assert_int_eq(config->frame_timeout_us, 5000000);
    ck_assert_int_eq(config->write_timeout_us, 5000000);
    ck_assert_int_eq(config->idle_timeout_us, 0);
    ck_assert_int_eq(config->deadline_us, 150000);
    ck_assert_int_eq(config->deadline_slow_us, 800000);
    ck_assert_int_eq(config->drain_timeout_us, 10000000);
    ck_assert_int_eq(config->drain_delay_us, 4000000);
    config_unref(config);
}
END_TEST

START_TEST(defaults_of_store_audit_and_credentials)
{
    struct config *config = box_load(GATE);

    ck_assert_str_eq(config->store.address.text, "redis://127.0.0.1:6379/0");
    ck_assert_ptr_null(config->store.password);
    ck_assert_int_eq(config->store_timeout_us, 100000);
    ck_assert_int_eq(config->store_connect_timeout_us, 500000);
    ck_assert_int_eq(config->max_age_us, 1000000);
    ck_assert_uint_eq(config->directory_max_records, 100000);
    ck_assert_uint_eq(config->directory_max_absent, 10000);
    ck_assert_uint_eq(config->directory_max_source_misses, 64);
    ck_assert_ptr_null(config->pepper_file);
    ck_assert_uint_eq(config->peppers.count, 0);
    ck_assert(!config->accept_unpeppered);
    ck_assert_str_eq(config->audit_file, "/var/log/reeve/audit.jsonl");
    ck_assert_uint_eq(config->audit_segment_bytes, 256u << 20);
    ck_assert_int_eq(config->audit_segment_us, INT64_C(86400) * 1000000);
    ck_assert_uint_eq(config->audit_keep_segments, 0);
    ck_assert_int_eq(config->audit_keep_us, 0);
    ck_assert_ptr_null(config->audit_key_file);
    ck_assert_str_eq(config->spool_dir, "/run/reeve/spool");
    ck_assert_uint_eq(config->max_token_bytes, 8192);
    ck_assert_uint_eq(config->max_failures, 10);
    ck_assert_uint_eq(config->max_source_failures, 100);
    ck_assert_int_eq(config->failure_wait_us, 1000000);
    ck_assert_int_eq(config->failure_wait_max_us, 900000000);
    ck_assert_int_eq(config->failure_memory_us, 900000000);
    ck_assert_uint_eq(config->max_failing, 16384);
    ck_assert_uint_eq(config->failure_exempt.count, 0);
    ck_assert_uint_eq(config->password_threads, 2);
    ck_assert_uint_eq(config->password_queue, 32);
    ck_assert_uint_eq(config->max_passwords, 10000);
    ck_assert_uint_eq(config->spool_bytes, 8u << 20);
    ck_assert_int_eq(config->on_audit_full, CONFIG_AUDIT_FULL_DENY);
    ck_assert_int_eq(config->log_level, LOG_INFO);
    config_unref(config);
}
END_TEST

START_TEST(sentinels_reach_the_store)
{
    struct config *config = box_load("redis = redis://ann@/4 redis_password_file = password\n"
                                     "sentinels = {tcp://s-1.example:26379, tcp://127.0.0.1:1}\n"
                                     "sentinel_primary = reeve sentinel_user = asker\n"
                                     "sentinel_password_file = other\n" GATE);
    const struct config_sentinel *sentinel = config->store.sentinel;

    ck_assert_ptr_eq(sentinel, &config->sentinel);
    ck_assert_uint_eq(sentinel->addresses.count, 2);
    ck_assert_str_eq(sentinel->addresses.items[0].host, "s-1.example");
    ck_assert_uint_eq(sentinel->addresses.items[1].port, 1);
    ck_assert_str_eq(sentinel->primary, "reeve");
    ck_assert_str_eq(sentinel->user, "asker");
    ck_assert_str_eq(sentinel->password, "poppy");
    ck_assert_str_eq(config->store.user, "ann");
    ck_assert_str_eq(config->store.password, "sesame");
    ck_assert_uint_eq(config->store.database, 4);
    config_unref(config);
    config = box_load(GATE);
    ck_assert_ptr_null(config->store.sentinel);
    config_unref(config);
    /* The default of redis is an address, but nobody set it. */
    config = box_load("sentinels = {tcp://s:1} sentinel_primary = p\n" GATE);
    ck_assert_ptr_nonnull(config->store.sentinel);
    ck_assert_ptr_null(config->store.sentinel->password);
    config_unref(config);
}
END_TEST

START_TEST(values_reach_their_fields)
{
    struct config *config =
        box_load("agent_id = edge-1\n"
                 "listen = {\"tcp://127.0.0.1:1\", unix:///run/x}\n"
                 "socket_mode = 0600 socket_owner = haproxy socket_group = adm\n"
                 "workers = 3 deadline = \"200ms\" idle_timeout = 1h\n"
                 "redis = 'redis://h/4' redis_password_file = password\n"
                 "pepper_file = \"pepper\" accept_unpeppered = true\n"
                 "spool_size = 1MiB on_audit_full = count log_level = debug\n" GATE);

    ck_assert_str_eq(config->agent_id, "edge-1");
    ck_assert_uint_eq(config->listen.count, 2);
    ck_assert_str_eq(config->listen.items[1].host, "/run/x");
    ck_assert_uint_eq(config->socket_mode, 0600);
    ck_assert_str_eq(config->socket_owner, "haproxy");
    ck_assert_str_eq(config->socket_group, "adm");
    ck_assert_uint_eq(config->workers, 3);
    ck_assert_int_eq(config->deadline_us, 200000);
    ck_assert_int_eq(config->idle_timeout_us, INT64_C(3600000000));
    ck_assert_uint_eq(config->store.database, 4);
    ck_assert_str_eq(config->store.password, "sesame");
    ck_assert_ptr_nonnull(pepper_find(&config->peppers, STR("p1")));
    ck_assert(config->accept_unpeppered);
    ck_assert_uint_eq(config->spool_bytes, 1u << 20);
    ck_assert_int_eq(config->on_audit_full, CONFIG_AUDIT_FULL_COUNT);
    ck_assert_int_eq(config->log_level, LOG_DEBUG);
    config_unref(config);
}
END_TEST

START_TEST(reference_names_every_option)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    config_print_reference(stream);
    fclose(stream);
    for (const struct setting *setting = settings; setting->name; setting++) {
        ck_assert_msg(strstr(text, setting->name), "%s", setting->name);
        ck_assert(strstr(text, setting->help));
    }
    ck_assert(strstr(text, "\ndeadline = \"150ms\"\n    Takes a duration from 10ms to 10s.\n"));
    ck_assert(strstr(text, "Takes a list of encoded_slash, empty_segment, semicolon or non_utf8."));
    free(text);
}
END_TEST

Suite *settings_suite(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");

    tcase_add_checked_fixture(tests, open_with_files, box_close);
    tcase_add_test(tests, every_setting_has_its_cases);
    tcase_add_loop_test(tests, refuses_what_is_out_of_range_and_says_what_is_in, 0, COUNT(cases));
    tcase_add_loop_test(tests, takes_what_is_in_range, 0, COUNT(cases));
    tcase_add_loop_test(tests, messages_say_what_was_expected, 0, COUNT(messages));
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, defaults_of_store_audit_and_credentials);
    tcase_add_test(tests, sentinels_reach_the_store);
    tcase_add_test(tests, values_reach_their_fields);
    tcase_add_test(tests, reference_names_every_option);
    suite_add_tcase(suite, tests);
    return suite;
}
