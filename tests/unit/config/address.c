#include "agent/config/address.h"

#include <stdlib.h>

#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define LONG_PATH                                                                                  \
    "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "a"                                                                                            \
    "aaaaaaaaaaaaaaaa"

static const char *const bad_listens[] = {
    "",
    "127.0.0.1:9600",
    "tcp:/127.0.0.1:9600",
    "tcp://",
    "tcp://:9600",
    "tcp://*:9600",
    "tcp://localhost:9600",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://127.0.0.1:0",
    "tcp://127.0.0.1:65536",
    "tcp://127.0.0.1:09600",
    "tcp://127.0.0.1:9600/",
    "tcp://::1:9600",
    "tcp://[::1]",
    "tcp://[::1]9600",
    "tcp://[::1:9600",
    "tcp://[127.0.0.1]:9600",
    "tcp://[fe80::1%25lo]:9600",
    "unix:/run/reeve.sock",
    "unix://run/reeve.sock",
    "unix://",
    "unix://" LONG_PATH,
    "TCP://127.0.0.1:9600",
    "http://127.0.0.1:9600",
};

START_TEST(refuses_what_is_no_address_to_listen_on)
{
    struct config_address out = {.port = 77};
    struct diag diag = {""};

    ck_assert_msg(address_parse(str_from_c(bad_listens[_i]), &out, &diag) == ERR_SYNTAX, "'%s'",
                  bad_listens[_i]);
    ck_assert_str_ne(diag.text, "");
    ck_assert_uint_eq(out.port, 77);
}
END_TEST

START_TEST(reads_addresses_to_listen_on)
{
    struct config_address out;
    struct diag diag;

    ck_assert_int_eq(address_parse(STR("tcp://127.0.0.1:9600"), &out, &diag), ERR_OK);
    ck_assert(out.type == CONFIG_ADDRESS_TCP && out.port == 9600);
    ck_assert_str_eq(out.host, "127.0.0.1");
    ck_assert_str_eq(out.text, "tcp://127.0.0.1:9600");
    address_free(&out);
    ck_assert_int_eq(address_parse(STR("tcp://[::1]:1"), &out, &diag), ERR_OK);
    ck_assert_uint_eq(out.port, 1);
    ck_assert_str_eq(out.host, "::1");
    address_free(&out);
    ck_assert_int_eq(address_parse(STR("unix:///run/reeve/spop.sock"), &out, &diag), ERR_OK);
    ck_assert_int_eq(out.type, CONFIG_ADDRESS_UNIX);
    ck_assert_str_eq(out.host, "/run/reeve/spop.sock");
    address_free(&out);
}
END_TEST

static const char *const bad_sentinels[] = {
    "",
    "sentinel:26379",
    "tcp:/sentinel:26379",
    "tcp://",
    "tcp://:26379",
    "tcp://sentinel",
    "tcp://sentinel:",
    "tcp://sentinel:0",
    "tcp://sentinel:65536",
    "tcp://sentinel:026379",
    "tcp://sentinel:26379/",
    "tcp://ann@sentinel:26379",
    "tcp://sen tinel:26379",
    "tcp://-sentinel:26379",
    "tcp://::1:26379",
    "tcp://[::1]",
    "tcp://[sentinel]:26379",
    "redis://sentinel:26379",
    "unix:///run/sentinel.sock",
};

START_TEST(refuses_what_is_no_sentinel)
{
    struct config_address out = {.port = 77};
    struct diag diag = {""};

    ck_assert_msg(address_parse_sentinel(str_from_c(bad_sentinels[_i]), &out, &diag) == ERR_SYNTAX,
                  "'%s'", bad_sentinels[_i]);
    ck_assert_str_ne(diag.text, "");
    ck_assert_uint_eq(out.port, 77);
}
END_TEST

static const struct {
    const char *text, *host;
    unsigned port;
} good_sentinels[] = {
    {"tcp://127.0.0.1:26379", "127.0.0.1", 26379},
    {"tcp://[::1]:1", "::1", 1},
    {"tcp://s-1.example_x:65535", "s-1.example_x", 65535},
};

START_TEST(reads_sentinels_by_address_and_by_name)
{
    struct config_address out;
    struct diag diag = {""};
    enum err e = address_parse_sentinel(str_from_c(good_sentinels[_i].text), &out, &diag);

    ck_assert_msg(e == ERR_OK, "%s: %s", good_sentinels[_i].text, diag.text);
    ck_assert_int_eq(out.type, CONFIG_ADDRESS_TCP);
    ck_assert_str_eq(out.host, good_sentinels[_i].host);
    ck_assert_uint_eq(out.port, good_sentinels[_i].port);
    ck_assert_str_eq(out.text, good_sentinels[_i].text);
    address_free(&out);
}
END_TEST

static const char *const bad_stores[] = {
    "",
    "127.0.0.1",
    "redis:127.0.0.1",
    "redis:///x",
    "redis://:sesame",
    "redis://ann:sesame@:6379",
    "redis://:6379",
    "redis://host:",
    "redis://host:0",
    "redis://host:x",
    "redis://host:65536",
    "redis://host:1:2",
    "redis://ho st",
    "redis://host?db=1",
    "redis://-host",
    "redis://host/x",
    "redis://host/-1",
    "redis://host/65536",
    "redis://host/1/2",
    "redis://host/01",
    "redis://@host",
    "redis://:@host",
    "redis://user:@host",
    "redis://:%@host",
    "redis://:%2@host",
    "redis://:%zz@host",
    "redis://:%00@host",
    "redis://%gg:sesame@host",
    "redis://:ses@ame@host",
    "redis://:ses/ame@host",
    "redis://:ses?ame@host",
    "redis://:ses#ame@host",
    "redis://[::1",
    "redis://[::1]x",
    "redis://[host]",
    "redis://::1",
    "rediss://host",
    "unix://run/redis.sock",
    "unix:///run/redis.sock?db=",
    "unix:///run/redis.sock?db=x",
    "unix://@/run/redis.sock",
    "unix://u:@/run/redis.sock",
    "unix://u:p@run/redis.sock",
    "unix://u:p@",
    "unix://u%zz:p@/run/redis.sock",
    "unix:///run/redis.sock?x=1",
    "unix://" LONG_PATH,
};

START_TEST(refuses_what_is_no_store_and_never_repeats_it)
{
    struct config_store out = {.database = 77};
    struct diag diag = {""};

    ck_assert_msg(address_parse_store(str_from_c(bad_stores[_i]), &out, &diag) == ERR_SYNTAX,
                  "'%s'", bad_stores[_i]);
    ck_assert_str_ne(diag.text, "");
    ck_assert_ptr_null(strstr(diag.text, "ses"));
    ck_assert_uint_eq(out.database, 77);
}
END_TEST

static const struct {
    const char *text, *user, *password, *host;
    unsigned port, database;
    const char *printed;
} good_stores[] = {
    {"redis://host", NULL, NULL, "host", 6379, 0, "redis://host:6379/0"},
    {"redis://host/", NULL, NULL, "host", 6379, 0, "redis://host:6379/0"},
    {"redis://127.0.0.1:6380/15", NULL, NULL, "127.0.0.1", 6380, 15, "redis://127.0.0.1:6380/15"},
    {"redis://:sesame@host", NULL, "sesame", "host", 6379, 0, "redis://host:6379/0"},
    {"redis://ann:sesame@r-1.example_x:1/2", "ann", "sesame", "r-1.example_x", 1, 2,
     "redis://r-1.example_x:1/2"},
    {"redis://a%3ab:%40%2F%25%3a:x@h", "a:b", "@/%::x", "h", 6379, 0, "redis://h:6379/0"},
    {"redis://ann@h", "ann", NULL, "h", 6379, 0, "redis://h:6379/0"},
    {"redis://:p@[::1]:7", NULL, "p", "::1", 7, 0, "redis://[::1]:7/0"},
    {"redis://[::1]", NULL, NULL, "::1", 6379, 0, "redis://[::1]:6379/0"},
    {"redis://", NULL, NULL, "", 0, 0, "redis:///0"},
    {"redis:///3", NULL, NULL, "", 0, 3, "redis:///3"},
    {"redis://ann:sesame@", "ann", "sesame", "", 0, 0, "redis:///0"},
    {"redis://ann:sesame@/3", "ann", "sesame", "", 0, 3, "redis:///3"},
    {"unix:///run/r.sock", NULL, NULL, "/run/r.sock", 0, 0, "unix:///run/r.sock?db=0"},
    {"unix://u:p%40@/run/r@1.sock?db=2", "u", "p@", "/run/r@1.sock", 0, 2,
     "unix:///run/r@1.sock?db=2"},
    {"unix://u@/run/r.sock", "u", NULL, "/run/r.sock", 0, 0, "unix:///run/r.sock?db=0"},
    {"unix:///run/r.sock?db=3", NULL, NULL, "/run/r.sock", 0, 3, "unix:///run/r.sock?db=3"},
};

START_TEST(reads_stores_and_prints_them_without_login)
{
    struct config_store out;
    struct diag diag = {""};
    enum err e = address_parse_store(str_from_c(good_stores[_i].text), &out, &diag);

    ck_assert_msg(e == ERR_OK, "%s: %s", good_stores[_i].text, diag.text);
    ck_assert_pstr_eq(out.user, good_stores[_i].user);
    ck_assert_pstr_eq(out.password, good_stores[_i].password);
    ck_assert_str_eq(out.address.host, good_stores[_i].host);
    ck_assert_uint_eq(out.address.port, good_stores[_i].port);
    ck_assert_uint_eq(out.database, good_stores[_i].database);
    ck_assert_str_eq(out.address.text, good_stores[_i].printed);
    address_free_store(&out);
}
END_TEST

Suite *address_suite(void)
{
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("address");

    tcase_add_loop_test(tests, refuses_what_is_no_address_to_listen_on, 0, COUNT(bad_listens));
    tcase_add_test(tests, reads_addresses_to_listen_on);
    tcase_add_loop_test(tests, refuses_what_is_no_sentinel, 0, COUNT(bad_sentinels));
    tcase_add_loop_test(tests, reads_sentinels_by_address_and_by_name, 0, COUNT(good_sentinels));
    tcase_add_loop_test(tests, refuses_what_is_no_store_and_never_repeats_it, 0, COUNT(bad_stores));
    tcase_add_loop_test(tests, reads_stores_and_prints_them_without_login, 0, COUNT(good_stores));
    suite_add_tcase(suite, tests);
    return suite;
}
