#include "agent/base/ip.h"

#include <arpa/inet.h>

#include "tests/unit/base/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static struct ip address(const char *text)
{
    bool is_v6 = strchr(text, ':') != NULL;
    unsigned char bytes[16];

    ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, bytes), 1);
    return ip_from_bytes(bytes, is_v6 ? 16 : 4);
}

static const char *const bad_prefixes[] = {
    "",
    "/",
    "10",
    "10.0.0",
    "10.0.0.0.0",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/+8",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    " 10.0.0.0/8",
    "10.0.0.0/8 ",
    "10.0.0.0 /8",
    "010.0.0.0",
    "256.0.0.0",
    "0x0a.0.0.0",
    "::/129",
    "2001:db8::1/32",
    "2001:db8:::",
    "fe80::1%lo",
    "[::1]",
    "::ffff:10.0.0.0/95",
    "::ffff:10.0.0.1/104",
    "1.2.3.4:80",
    "g::",
    "10.0.0.0/255.0.0.0",
    "1111:2222:3333:4444:5555:6666:7777:8888:9999",
};

START_TEST(refuses_what_is_not_a_prefix)
{
    struct ip_prefix out = {.bits = 77};

    ck_assert_msg(!ip_prefix_parse(str_from_c(bad_prefixes[_i]), &out), "'%s'", bad_prefixes[_i]);
    ck_assert_uint_eq(out.bits, 77);
}
END_TEST

START_TEST(refuses_a_nul_inside)
{
    struct ip_prefix out;

    ck_assert(!ip_prefix_parse(str_make("10.0.0.0\0x", 10), &out));
    ck_assert(!ip_prefix_parse(STR_ABSENT, &out));
}
END_TEST

static const struct {
    const char *prefix;
    const char *in; /* first and last address inside */
    const char *last;
    const char *out; /* just outside */
} good_prefixes[] = {
    {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
    {"10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.2"},
    {"10.1.2.3/32", "10.1.2.3", "10.1.2.3", "10.1.2.4"},
    {"192.168.4.0/22", "192.168.4.0", "192.168.7.255", "192.168.8.0"},
    {"128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255"},
    {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::1"},
    {"::/0", "::", "ffff::", "1.2.3.4"},
    {"2001:db8::/33", "2001:db8::", "2001:db8:7fff::1", "2001:db8:8000::"},
    {"2001:DB8::1", "2001:db8::1", "2001:db8::1", "2001:db8::2"},
    {"::ffff:10.0.0.0/104", "10.0.0.0", "::ffff:10.255.255.255", "11.0.0.0"},
    {"::ffff:0:0/96", "0.0.0.0", "255.255.255.255", "::1"},
    {"::ffff:10.1.2.3", "10.1.2.3", "::ffff:10.1.2.3", "10.1.2.4"},
};

START_TEST(holds_what_is_inside_and_nothing_else)
{
    struct ip first = address(good_prefixes[_i].in), last = address(good_prefixes[_i].last);
    struct ip outside = address(good_prefixes[_i].out), none = {0};
    struct ip_prefix prefix;

    ck_assert(ip_prefix_parse(str_from_c(good_prefixes[_i].prefix), &prefix));
    ck_assert(ip_prefix_holds(&prefix, &first));
    ck_assert(ip_prefix_holds(&prefix, &last));
    ck_assert(!ip_prefix_holds(&prefix, &outside));
    ck_assert(!ip_prefix_holds(&prefix, &none));
}
END_TEST

START_TEST(only_4_or_16_bytes_are_an_address)
{
    const unsigned char bytes[17] = {1};

    for (size_t length = 0; length <= sizeof(bytes); length++) {
        struct ip ip = ip_from_bytes(bytes, length);

        ck_assert_uint_eq(ip.length, length == 4 || length == 16 ? length : 0);
    }
}
END_TEST

static const char *const printed[][2] = {
    {"10.0.0.1", "10.0.0.1"},
    {"::ffff:10.0.0.1", "10.0.0.1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"::", "::"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

START_TEST(prints_the_usual_form)
{
    struct ip ip = address(printed[_i][0]);
    char text[IP_TEXT_MAX];

    ck_assert_uint_eq(ip_print(&ip, text), strlen(printed[_i][1]));
    ck_assert_str_eq(text, printed[_i][1]);
}
END_TEST

/* Against the C library's: each number in each place. */
START_TEST(prints_every_byte_in_every_place)
{
    char want[INET_ADDRSTRLEN], got[IP_TEXT_MAX];

    for (int place = 0; place < 4; place++) {
        for (int number = 0; number < 256; number++) {
            unsigned char bytes[4] = {9, 10, 99, 100};

            bytes[place] = (unsigned char)number;
            struct ip ip = ip_from_bytes(bytes, 4);
            ck_assert_ptr_nonnull(inet_ntop(AF_INET, bytes, want, sizeof(want)));
            ck_assert_uint_eq(ip_print(&ip, got), strlen(want));
            ck_assert_str_eq(got, want);
        }
    }
}
END_TEST

START_TEST(prints_nothing_for_no_address)
{
    struct ip none = {0};
    char text[IP_TEXT_MAX] = "x";

    ck_assert_uint_eq(ip_print(&none, text), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

Suite *ip_suite(void)
{
    Suite *suite = suite_create("ip");
    TCase *tests = tcase_create("ip");

    tcase_add_loop_test(tests, refuses_what_is_not_a_prefix, 0, COUNT(bad_prefixes));
    tcase_add_test(tests, refuses_a_nul_inside);
    tcase_add_loop_test(tests, holds_what_is_inside_and_nothing_else, 0, COUNT(good_prefixes));
    tcase_add_test(tests, only_4_or_16_bytes_are_an_address);
    tcase_add_loop_test(tests, prints_the_usual_form, 0, COUNT(printed));
    tcase_add_test(tests, prints_every_byte_in_every_place);
    tcase_add_test(tests, prints_nothing_for_no_address);
    suite_add_tcase(suite, tests);
    return suite;
}
