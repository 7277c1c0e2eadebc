/* What the arguments' values may be. */
#include "tests/unit/request/message.h"
#include "tests/unit/request/suites.h"

START_TEST(a_message_without_arguments_is_a_bad_request)
{
    message_put(NULL, 0);
    message_expect_fault("v: missing");
    ck_assert_int_eq(request.host_count, -1);
    ck_assert_int_eq(request.authorization_count, -1);
    ck_assert_int_eq(request.apikey_count, -1);
    ck_assert_int_eq(request.cert_verify, -1);
    ck_assert_int_eq(request.version, 0);
}
END_TEST

/* The second one has no value, so nothing but its name can be what is wrong. */
START_TEST(a_doubled_argument_is_a_bad_request)
{
    struct arg args[WHOLE_COUNT + 1];

    memcpy(args, whole, sizeof(whole));
    args[WHOLE_COUNT] = (struct arg)NOTHING(whole[_i].name);
    message_put(args, WHOLE_COUNT + 1);
    message_expect_fault_of(whole[_i].name, "doubled");

    message_start();
    args[_i] = (struct arg)NOTHING(whole[_i].name);
    args[WHOLE_COUNT] = whole[_i];
    message_put(args, WHOLE_COUNT + 1);
    message_expect_fault_of(whole[_i].name, "doubled");
}
END_TEST

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const required[] = {"v", "src", "method", "path"};
static const char *const hosts[] = {"host", "host_n"};

/* NULL, or left out: the same. */
static void expect_absence_of(const char *name)
{
    if (is_one_of(name, required, COUNT(required))) {
        message_expect_fault_of(name, "missing");
    } else if (is_one_of(name, hosts, COUNT(hosts))) {
        message_expect_fault("host: not exactly one");
    } else {
        ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
        ck_assert_msg(request.fault == REASON_OK, "%s: %s", name, request.fault_text);
    }
}

START_TEST(an_argument_that_is_null_is_absent)
{
    const struct arg nothing = NOTHING(whole[_i].name);

    message_put_changed(&nothing, 1);
    expect_absence_of(nothing.name);
}
END_TEST

START_TEST(an_argument_left_out_is_absent)
{
    struct arg args[WHOLE_COUNT];

    memcpy(args, whole, sizeof(whole));
    args[_i] = args[WHOLE_COUNT - 1];
    message_put(args, WHOLE_COUNT - 1);
    expect_absence_of(whole[_i].name);
}
END_TEST

START_TEST(what_is_absent_has_its_own_value)
{
    static const struct arg nothing[] = {
        NOTHING("rid"),    NOTHING("fe"),       NOTHING("tls"),      NOTHING("host"),
        NOTHING("host_n"), NOTHING("authz"),    NOTHING("authz_n"),  NOTHING("apikey"),
        NOTHING("c_used"), NOTHING("apikey_n"), NOTHING("c_verify"), NOTHING("c_sha256"),
        NOTHING("c_dn"),   NOTHING("c_idn"),
    };

    message_put_changed(nothing, COUNT(nothing));
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    ck_assert_int_eq(request.fault, REASON_OK);
    ck_assert(str_is_absent(request.rid) && str_is_absent(request.frontend));
    ck_assert(str_is_absent(request.host) && str_is_absent(request.authorization));
    ck_assert(str_is_absent(request.apikey) && str_is_absent(request.cert_sha256));
    ck_assert(str_is_absent(request.cert_subject) && str_is_absent(request.cert_issuer));
    ck_assert(!request.is_tls && !request.cert_used);
    ck_assert_int_eq(request.host_count, -1);
    ck_assert_int_eq(request.authorization_count, -1);
    ck_assert_int_eq(request.apikey_count, -1);
    ck_assert_int_eq(request.cert_verify, -1);
}
END_TEST

static bool takes(unsigned own, unsigned type)
{
    bool are_integers =
        own >= SPOE_INT32 && own <= SPOE_UINT64 && type >= SPOE_INT32 && type <= SPOE_UINT64;
    bool are_addresses =
        (own == SPOE_IPV4 || own == SPOE_IPV6) && (type == SPOE_IPV4 || type == SPOE_IPV6);

    return own == type || are_integers || are_addresses;
}

/* Every argument as every type; the value is one that its own type could carry. */
START_TEST(an_argument_of_the_wrong_kind_is_a_bad_request)
{
    for (unsigned type = SPOE_BOOL; type <= SPOE_BINARY; type++) {
        const struct arg *own = &whole[_i];
        struct arg changed = {own->name, type, own->number, "0123456789abcdef", 16};
        if (takes(own->type, type)) {
            continue;
        }
        message_start();
        message_put_changed(&changed, 1);
        message_expect_fault_of(own->name, "wrong kind");
    }
}
END_TEST

START_TEST(an_integer_may_come_as_any_integer_type)
{
    for (unsigned type = SPOE_INT32; type <= SPOE_UINT64; type++) {
        struct arg args[WHOLE_COUNT];
        memcpy(args, whole, sizeof(whole));
        for (size_t i = 0; i < WHOLE_COUNT; i++) {
            args[i].type = args[i].type == SPOE_INT64 ? type : args[i].type;
        }
        message_start();
        message_put(args, WHOLE_COUNT);
        ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
        message_expect_whole();
    }
}
END_TEST

START_TEST(an_integer_out_of_range_is_a_bad_request)
{
    static const char *const names[] = {"v", "host_n", "authz_n", "apikey_n", "c_verify"};
    static const uint64_t values[] = {UINT64_MAX, (uint64_t)INT64_MIN, INT64_MAX,
                                      1u << 31,   UINT32_MAX,          (1ull << 32) + 1};

    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t v = 0; v < COUNT(values); v++) {
            for (unsigned type = SPOE_INT32; type <= SPOE_UINT64; type++) {
                const struct arg changed = {names[i], type, values[v], NULL, 0};
                message_start();
                message_put_changed(&changed, 1);
                message_expect_fault_of(names[i], "out of range");
            }
        }
    }
}
END_TEST

START_TEST(a_digest_of_another_length_is_a_bad_request)
{
    static const size_t lengths[] = {0, 20, 31, 33, 64};
    static const char zeroes[64];

    for (size_t i = 0; i < COUNT(lengths); i++) {
        const struct arg changed = {"c_sha256", SPOE_BINARY, 0, zeroes, lengths[i]};
        message_start();
        message_put_changed(&changed, 1);
        message_expect_fault("c_sha256: out of range");
    }
}
END_TEST

static const struct {
    const char *name;
    struct arg changes[2];
    const char *fault; /* NULL: none */
} cases[] = {
    {"version 0", {INTEGER("v", 0)}, "v: not 1"},
    {"version 2", {INTEGER("v", 2)}, "v: not 1"},
    {"empty path", {TEXT("path", "")}, "path: empty"},
    {"empty method", {TEXT("method", "")}, "method: not a token"},
    {"method with a blank", {TEXT("method", "GET /admin HTTP/1.1")}, "method: not a token"},
    {"method with a line feed", {TEXT("method", "GET\n")}, "method: not a token"},
    {"method with a NUL", {TEXT("method", "GET\0")}, "method: not a token"},
    {"method with a comma", {TEXT("method", "GET,HEAD")}, "method: not a token"},
    {"method with a slash", {TEXT("method", "GET/")}, "method: not a token"},
    {"method above ASCII", {TEXT("method", "G\xc3\x89T")}, "method: not a token"},
    {"method of 33 bytes",
     {TEXT("method", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG")},
     "method: not a token"},
    {"method of 32 bytes", {TEXT("method", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF")}, NULL},
    {"method in lower case", {TEXT("method", "get")}, NULL},
    {"every kind of method byte", {TEXT("method", "Mm09!#$%&'*+-.^_`|~")}, NULL},
    {"two hosts", {INTEGER("host_n", 2)}, "host: not exactly one"},
    {"host counted as none", {INTEGER("host_n", 0)}, "host: not exactly one"},
    {"host counted, not sent", {NOTHING("host")}, "host: not exactly one"},
    {"no host", {NOTHING("host"), INTEGER("host_n", 0)}, NULL},
    {"empty host", {TEXT("host", "")}, NULL},
    {"two API keys are the gate's to judge", {INTEGER("apikey_n", 2)}, NULL},
    {"two Authorizations are the gate's to judge", {INTEGER("authz_n", 2)}, NULL},
    {"largest count", {INTEGER("authz_n", INT32_MAX)}, NULL},
    {"any byte in a path is the path's to judge", {TEXT("path", "a\0\r\n\xff")}, NULL},
    {"any byte in headers", {TEXT("authz", "\0\r\n"), TEXT("apikey", "\xff\0")}, NULL},
    {"IPv6 source", {IPV6("src", "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01")}, NULL},
};

START_TEST(a_value_is_judged_as_its_case_says)
{
    message_put_changed(cases[_i].changes, COUNT(cases[_i].changes));
    if (cases[_i].fault) {
        message_expect_fault(cases[_i].fault);
        return;
    }
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    ck_assert_msg(request.fault == REASON_OK, "%s: %s", cases[_i].name, request.fault_text);
}
END_TEST

START_TEST(every_byte_of_a_method_is_a_token_byte)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789!#$%&'*+-.^_`|~";

    for (int c = 0; c < 256; c++) {
        const char method[] = {'A', (char)c};
        const struct arg changed = {"method", SPOE_STRING, 0, method, sizeof(method)};
        message_start();
        message_put_changed(&changed, 1);
        ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
        ck_assert_int_eq(request.fault == REASON_OK, c != 0 && strchr(allowed, c) != NULL);
    }
}
END_TEST

START_TEST(what_could_be_read_is_filled_in_a_bad_request)
{
    const struct arg changes[] = {INTEGER("v", 2), TEXT("method", "")};

    message_put_changed(changes, COUNT(changes));
    message_expect_fault("v: not 1");
    ck_assert(str_equal(request.rid, STR("5f0c")));
    ck_assert(str_equal(request.path, STR("/v1/orders")));
    ck_assert_uint_eq(request.source.length, 4);
}
END_TEST

START_TEST(a_text_does_not_end_at_a_nul)
{
    const struct arg changed = TEXT("path", "/public\0/admin");

    message_put_changed(&changed, 1);
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    ck_assert_uint_eq(request.path.len, 14);
}
END_TEST

START_TEST(an_empty_text_is_not_absent)
{
    const struct arg changes[] = {TEXT("authz", ""), TEXT("apikey", "")};

    message_put_changed(changes, COUNT(changes));
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    ck_assert(!str_is_absent(request.authorization) && request.authorization.len == 0);
    ck_assert(!str_is_absent(request.apikey) && request.apikey.len == 0);
}
END_TEST

START_TEST(a_mapped_source_is_its_ipv4_address)
{
    const struct arg changed = IPV6("src", "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01");

    message_put_changed(&changed, 1);
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    message_expect_whole();
}
END_TEST

/* SPOE 3.1: the value of a boolean is one bit of its type byte, whatever the others say. */
START_TEST(a_boolean_is_one_bit)
{
    static const struct {
        uint8_t byte;
        bool want;
    } bits[] = {{0x31, true}, {0xf1, true}, {0x21, false}, {0xe1, false}};

    for (size_t i = 0; i < COUNT(bits); i++) {
        message_start();
        spop_put_message(&out, "reeve-check", 1);
        spop_put_text(&out, "c_used");
        spop_put_u8(&out, bits[i].byte);
        ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
        ck_assert_int_eq(request.cert_used, bits[i].want);
    }
}
END_TEST

START_TEST(a_header_is_clear_where_value_and_count_agree)
{
    ck_assert(request_header_is_clear(STR("x"), 1));
    ck_assert(request_header_is_clear(STR(""), 1));
    ck_assert(request_header_is_clear(STR_ABSENT, 0));
    ck_assert(request_header_is_clear(STR_ABSENT, -1));
    ck_assert(!request_header_is_clear(STR_ABSENT, 1));
    ck_assert(!request_header_is_clear(STR("x"), -1));
    ck_assert(!request_header_is_clear(STR("x"), 0));
    ck_assert(!request_header_is_clear(STR("x"), 2));
}
END_TEST

Suite *request_values_suite(void)
{
    Suite *suite = suite_create("request values");
    TCase *tests = tcase_create("request values");

    tcase_add_checked_fixture(tests, message_start, NULL);
    tcase_add_test(tests, a_message_without_arguments_is_a_bad_request);
    tcase_add_loop_test(tests, a_doubled_argument_is_a_bad_request, 0, WHOLE_COUNT);
    tcase_add_loop_test(tests, an_argument_that_is_null_is_absent, 0, WHOLE_COUNT);
    tcase_add_loop_test(tests, an_argument_left_out_is_absent, 0, WHOLE_COUNT);
    tcase_add_test(tests, what_is_absent_has_its_own_value);
    tcase_add_loop_test(tests, an_argument_of_the_wrong_kind_is_a_bad_request, 0, WHOLE_COUNT);
    tcase_add_test(tests, an_integer_may_come_as_any_integer_type);
    tcase_add_test(tests, an_integer_out_of_range_is_a_bad_request);
    tcase_add_test(tests, a_digest_of_another_length_is_a_bad_request);
    tcase_add_loop_test(tests, a_value_is_judged_as_its_case_says, 0, (int)COUNT(cases));
    tcase_add_test(tests, every_byte_of_a_method_is_a_token_byte);
    tcase_add_test(tests, what_could_be_read_is_filled_in_a_bad_request);
    tcase_add_test(tests, a_text_does_not_end_at_a_nul);
    tcase_add_test(tests, an_empty_text_is_not_absent);
    tcase_add_test(tests, a_mapped_source_is_its_ipv4_address);
    tcase_add_test(tests, a_boolean_is_one_bit);
    tcase_add_test(tests, a_header_is_clear_where_value_and_count_agree);
    suite_add_tcase(suite, tests);
    return suite;
}
