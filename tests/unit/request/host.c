#include "agent/request/host.h"

#include <stdlib.h>

#include "tests/unit/request/suites.h"

#define RAW(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    const char *name;
    struct str raw;
} refused[] = {
    {"empty", RAW("")},
    {"port alone", RAW(":80")},
    {"dot alone", RAW(".")},
    {"dot and port", RAW(".:80")},
    {"two final dots", RAW("example.com..")},
    {"two final dots and port", RAW("example.com..:80")},
    {"leading dot", RAW(".example.com")},
    {"empty label", RAW("a..example.com")},
    {"empty port", RAW("example.com:")},
    {"port 0", RAW("example.com:0")},
    {"port above 65535", RAW("example.com:65536")},
    {"port of six digits", RAW("example.com:100000")},
    {"port beyond 64 bits", RAW("example.com:18446744073709551696")},
    {"port with a leading zero", RAW("example.com:080")},
    {"negative port", RAW("example.com:-80")},
    {"signed port", RAW("example.com:+80")},
    {"port in hex", RAW("example.com:0x50")},
    {"named port", RAW("example.com:http")},
    {"blank before the port", RAW("example.com: 80")},
    {"blank after the port", RAW("example.com:80 ")},
    {"dot after the port", RAW("example.com:80.")},
    {"two ports", RAW("example.com:80:80")},
    {"port, then a path", RAW("example.com:80/admin")},
    {"two hosts", RAW("a.example.com,b.example.com")},
    {"two hosts and a blank", RAW("a.example.com, b.example.com")},
    {"comma at the end", RAW("example.com,")},
    {"blank inside", RAW("a b")},
    {"blank before", RAW(" example.com")},
    {"blank after", RAW("example.com ")},
    {"tab", RAW("example.com\t")},
    {"userinfo", RAW("user@example.com")},
    {"userinfo with password", RAW("user:pass@example.com")},
    {"forged userinfo", RAW("good.example:80@evil.example")},
    {"NUL inside", RAW("good.example\0.evil.example")},
    {"NUL at the end", RAW("example.com\0")},
    {"line feed", RAW("example.com\n")},
    {"carriage return and a header", RAW("example.com\r\nX: y")},
    {"DEL", RAW("example.com\x7f")},
    {"raw non-ASCII", RAW("ex\xc3\xa4mple.com")},
    {"fullwidth dot", RAW("example\xef\xbc\x8e"
                          "com")},
    {"encoded dot", RAW("example%2ecom")},
    {"slash", RAW("example.com/admin")},
    {"backslash", RAW("example.com\\evil")},
    {"question mark", RAW("example.com?x")},
    {"number sign", RAW("example.com#x")},
    {"scheme", RAW("http://example.com")},
    {"star", RAW("*")},
    {"wildcard name", RAW("*.example.com")},
    {"semicolon", RAW("example.com;x")},
    {"quote", RAW("\"example.com\"")},
    {"pipe", RAW("example.com|x")},
    {"IPv6 without brackets", RAW("::1")},
    {"IPv6 without brackets, with hex", RAW("2001:db8::1")},
    {"opening bracket alone", RAW("[")},
    {"empty brackets", RAW("[]")},
    {"bracket not closed", RAW("[::1")},
    {"bracket not opened", RAW("::1]")},
    {"brackets around a name", RAW("[example.com]")},
    {"brackets around IPv4", RAW("[127.0.0.1]")},
    {"name after the literal", RAW("[::1]evil.example")},
    {"dot after the literal", RAW("[::1].")},
    {"empty port after the literal", RAW("[::1]:")},
    {"bad port after the literal", RAW("[::1]:99999")},
    {"two literals", RAW("[::1][::1]")},
    {"nested brackets", RAW("[[::1]]")},
    {"zone id", RAW("[fe80::1%25eth0]")},
    {"raw zone id", RAW("[fe80::1%eth0]")},
    {"IPvFuture", RAW("[v1.x]")},
    {"NUL in the literal", RAW("[::1\0]")},
    {"blank in the literal", RAW("[ ::1]")},
    {"nine groups", RAW("[1:2:3:4:5:6:7:8:9]")},
    {"literal too long", RAW("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]")},
    {"name before a literal", RAW("a[::1]")},
};

static const struct {
    struct str raw;
    const char *want;
} taken[] = {
    {RAW("example.com"), "example.com"},
    {RAW("EXAMPLE.com"), "example.com"},
    {RAW("Api.Example.COM:8443"), "api.example.com"},
    {RAW("example.com:1"), "example.com"},
    {RAW("example.com:80"), "example.com"},
    {RAW("example.com:65535"), "example.com"},
    {RAW("example.com."), "example.com"},
    {RAW("example.com.:443"), "example.com"},
    {RAW("EXAMPLE.COM.:443"), "example.com"},
    {RAW("localhost"), "localhost"},
    {RAW("a"), "a"},
    {RAW("a."), "a"},
    {RAW("Z"), "z"},
    {RAW("xn--exmple-cua.com"), "xn--exmple-cua.com"},
    {RAW("XN--EXMPLE-CUA.com"), "xn--exmple-cua.com"},
    {RAW("my_service.internal"), "my_service.internal"},
    {RAW("-a.b-"), "-a.b-"},
    {RAW("127.0.0.1"), "127.0.0.1"},
    {RAW("127.0.0.1:8080"), "127.0.0.1"},
    {RAW("0x7f.1"), "0x7f.1"},
    {RAW("[::1]"), "[::1]"},
    {RAW("[::1]:8080"), "[::1]"},
    {RAW("[0:0:0:0:0:0:0:1]"), "[::1]"},
    {RAW("[2001:DB8::A]"), "[2001:db8::a]"},
    {RAW("[2001:0db8:0000:0000:0000:0000:0000:000a]:443"), "[2001:db8::a]"},
    {RAW("[::ffff:192.0.2.1]"), "[::ffff:192.0.2.1]"},
    {RAW("[::FFFF:C000:201]"), "[::ffff:192.0.2.1]"},
    {RAW("[0000:0000:0000:0000:0000:ffff:192.168.100.200]"), "[::ffff:192.168.100.200]"},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* From memory of exactly its length. */
static enum reason normalise(struct str raw, char out[HOST_BYTES_MAX], struct str *host)
{
    static char *copy;

    free(copy);
    copy = malloc(raw.len > 0 ? raw.len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, raw.ptr, raw.len);
    return host_normalise(str_make(copy, raw.len), out, host);
}

START_TEST(refuses_what_is_not_one_host)
{
    char out[HOST_BYTES_MAX];
    struct str host = STR("untouched");

    for (int i = 0; i < COUNT(refused); i++) {
        ck_assert_msg(normalise(refused[i].raw, out, &host) == REASON_BAD_REQUEST, "%s",
                      refused[i].name);
        ck_assert(str_equal(host, STR("untouched")));
    }
}
END_TEST

START_TEST(gives_one_form_of_a_host)
{
    char out[HOST_BYTES_MAX], again[HOST_BYTES_MAX];
    struct str host, second;

    for (int i = 0; i < COUNT(taken); i++) {
        const char *raw = taken[i].raw.ptr;
        ck_assert_msg(normalise(taken[i].raw, out, &host) == REASON_OK, "%s", raw);
        ck_assert_msg(str_equal(host, str_from_c(taken[i].want)), "%s: got %.*s", raw,
                      STR_ARG(host));
        ck_assert_int_eq(host_normalise(host, again, &second), REASON_OK);
        ck_assert(str_equal(host, second));
    }
}
END_TEST

START_TEST(no_cut_of_a_host_reads_beyond_its_bytes)
{
    for (int i = 0; i < COUNT(taken); i++) {
        for (size_t length = 0; length < taken[i].raw.len; length++) {
            char out[HOST_BYTES_MAX];
            struct str host;
            if (normalise(str_make(taken[i].raw.ptr, length), out, &host) == REASON_OK) {
                ck_assert_uint_gt(host.len, 0);
            }
        }
    }
}
END_TEST

START_TEST(a_plain_host_is_not_copied)
{
    struct str raw = STR("api.example.com:443"), host;
    char out[HOST_BYTES_MAX];

    ck_assert_int_eq(host_normalise(raw, out, &host), REASON_OK);
    ck_assert_ptr_eq(host.ptr, raw.ptr);
}
END_TEST

/* The maximum is the name's: port and final dot come on top. */
START_TEST(a_name_ends_at_255_bytes)
{
    char name[HOST_BYTES_MAX + 8], out[HOST_BYTES_MAX];
    struct str host;

    memset(name, 'A', sizeof(name));
    ck_assert_int_eq(normalise(str_make(name, 256), out, &host), REASON_BAD_REQUEST);
    ck_assert_int_eq(normalise(str_make(name, 255), out, &host), REASON_OK);
    ck_assert_uint_eq(host.len, 255);
    memcpy(name + 255, ".:65535", 7);
    ck_assert_int_eq(normalise(str_make(name, 262), out, &host), REASON_OK);
    ck_assert_uint_eq(host.len, 255);
    memcpy(name + 255, "a.:8080", 7);
    ck_assert_int_eq(normalise(str_make(name, 262), out, &host), REASON_BAD_REQUEST);
}
END_TEST

START_TEST(a_name_holds_letters_digits_hyphens_and_underscores_only)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";

    for (int c = 0; c < 256; c++) {
        char raw[] = {'a', (char)c, 'b'}, out[HOST_BYTES_MAX];
        struct str host;
        bool is_allowed = c != 0 && strchr(allowed, c);
        ck_assert_msg((host_normalise(str_make(raw, 3), out, &host) == REASON_OK) == is_allowed,
                      "%02x", (unsigned)c);
    }
}
END_TEST

Suite *host_suite(void)
{
    Suite *suite = suite_create("host");
    TCase *cases = tcase_create("host");

    tcase_add_test(cases, refuses_what_is_not_one_host);
    tcase_add_test(cases, a_name_ends_at_255_bytes);
    tcase_add_test(cases, a_name_holds_letters_digits_hyphens_and_underscores_only);
    tcase_add_test(cases, no_cut_of_a_host_reads_beyond_its_bytes);
    tcase_add_test(cases, gives_one_form_of_a_host);
    tcase_add_test(cases, a_plain_host_is_not_copied);
    suite_add_tcase(suite, cases);
    return suite;
}
