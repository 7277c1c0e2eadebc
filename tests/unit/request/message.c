#include "tests/unit/request/message.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

const struct arg whole[WHOLE_COUNT] = {
    INTEGER("v", 1),
    TEXT("rid", "5f0c"),
    TEXT("fe", "api"),
    IPV4("src", "\xc0\x00\x02\x01"),
    BOOLEAN("tls", true),
    TEXT("method", "GET"),
    TEXT("path", "/v1/orders"),
    TEXT("host", "api.example.com:443"),
    INTEGER("host_n", 1),
    TEXT("authz", "Bearer rv_a"),
    INTEGER("authz_n", 1),
    TEXT("apikey", "rv_b"),
    INTEGER("apikey_n", 1),
    BOOLEAN("c_used", true),
    INTEGER("c_verify", 10),
    BINARY("c_sha256", DIGEST),
    TEXT("c_dn", "/CN=client"),
    TEXT("c_idn", "/CN=issuer"),
};

static uint8_t memory[16384];
struct spop_out out;
struct request request;

void message_start(void)
{
    out = spop_out_over(memory, sizeof(memory));
    request = (struct request){.version = 77};
}

void message_put_arg(struct arg arg)
{
    switch (arg.type) {
    case SPOE_NULL:
        spop_put_null(&out, arg.name);
        break;
    case SPOE_BOOL:
        spop_put_bool(&out, arg.name, arg.number != 0);
        break;
    case SPOE_IPV4:
        spop_put_ipv4(&out, arg.name, (const uint8_t *)arg.bytes);
        break;
    case SPOE_IPV6:
        spop_put_ipv6(&out, arg.name, (const uint8_t *)arg.bytes);
        break;
    case SPOE_STRING:
        spop_put_string_bytes(&out, arg.name, arg.bytes, arg.length);
        break;
    case SPOE_BINARY:
        spop_put_binary(&out, arg.name, arg.bytes, arg.length);
        break;
    default:
        spop_put_integer(&out, arg.name, arg.type, arg.number);
        break;
    }
}

void message_put(const struct arg *args, size_t count)
{
    spop_put_message(&out, "reeve-check", (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        message_put_arg(args[i]);
    }
}

static size_t index_of(const char *name)
{
    size_t i = 0;

    while (strcmp(whole[i].name, name) != 0) {
        i++;
        ck_assert_uint_lt(i, WHOLE_COUNT);
    }
    return i;
}

void message_put_changed(const struct arg *changes, size_t change_count)
{
    struct arg args[WHOLE_COUNT];

    memcpy(args, whole, sizeof(args));
    for (size_t i = 0; i < change_count && changes[i].name; i++) {
        args[index_of(changes[i].name)] = changes[i];
    }
    message_put(args, WHOLE_COUNT);
}

/* What `request` borrows lives until the next call. */
enum request_parse message_parse(struct request_layout *layout)
{
    static uint8_t *copy;

    free(copy);
    copy = malloc(out.length > 0 ? out.length : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, out.data, out.length);
    return request_parse((struct spoe_bytes){copy, out.length}, layout, &request);
}

void message_expect_fault(const char *text)
{
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    ck_assert_msg(request.fault == REASON_BAD_REQUEST, "no fault, want '%s'", text);
    ck_assert_str_eq(request.fault_text, text);
}

void message_expect_whole(void)
{
    ck_assert_msg(request.fault == REASON_OK, "%s", request.fault_text);
    ck_assert_ptr_null(request.fault_text);
    ck_assert_int_eq(request.version, 1);
    ck_assert(str_equal(request.rid, STR("5f0c")));
    ck_assert(str_equal(request.frontend, STR("api")));
    ck_assert_uint_eq(request.source.length, 4);
    ck_assert_mem_eq(request.source.bytes, "\xc0\x00\x02\x01", 4);
    ck_assert(request.is_tls);
    ck_assert(str_equal(request.method, STR("GET")));
    ck_assert(str_equal(request.path, STR("/v1/orders")));
    ck_assert(str_equal(request.host, STR("api.example.com:443")));
    ck_assert_int_eq(request.host_count, 1);
    ck_assert(str_equal(request.authorization, STR("Bearer rv_a")));
    ck_assert_int_eq(request.authorization_count, 1);
    ck_assert(str_equal(request.apikey, STR("rv_b")));
    ck_assert_int_eq(request.apikey_count, 1);
    ck_assert(request.cert_used);
    ck_assert_int_eq(request.cert_verify, 10);
    ck_assert(str_equal(request.cert_sha256, STR(DIGEST)));
    ck_assert(str_equal(request.cert_subject, STR("/CN=client")));
    ck_assert(str_equal(request.cert_issuer, STR("/CN=issuer")));
}

void message_expect_fault_of(const char *name, const char *what)
{
    char text[64];

    snprintf(text, sizeof(text), "%s: %s", name, what);
    message_expect_fault(text);
}
