/* Conformance cases 55 to 87: NOTIFY and its fragments. Those about what arguments mean are tested
 * where they are judged; 81 is about reassembling fragments, which are refused (79, 80). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spoe/notify.h"
#include "spoe/session.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"
#include "tests/unit/spoe/transcript.h"

#define OPEN "hello 16380 pipelining; "

static uint8_t memory[16384];

static const struct spop_question question = {
    .rid = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    .frontend = "public-api",
    .source = "192.0.2.1",
    .method = "GET",
    .path = "/v1/orders/42",
    .host = "api.example.com",
    .apikey = "rv_0123456789",
};

/* ---- payloads ---- */

static void normal(struct spop_out *out)
{
    spop_put_message(out, "reeve-check", SPOP_QUESTION_ARGS);
    spop_put_question_args(out, &question);
}

static void empty(struct spop_out *out)
{
    (void)out;
}

static void two_messages(struct spop_out *out)
{
    spop_put_message(out, "other", 1);
    spop_put_int(out, "a", 1);
    spop_put_message(out, "reeve-check", 2);
    spop_put_string(out, "a", "");
    spop_put_null(out, "b");
}

static void no_args(struct spop_out *out)
{
    spop_put_message(out, "m", 0);
}

static void count_too_large(struct spop_out *out)
{
    spop_put_message(out, "m", 3);
    spop_put_int(out, "a", 1);
    spop_put_int(out, "b", 1);
}

static void count_too_small(struct spop_out *out)
{
    spop_put_message(out, "m", 1);
    spop_put_int(out, "a", 1);
    spop_put_int(out, "bcdefghi", 1);
}

static void unnamed_left_over(struct spop_out *out)
{
    spop_put_message(out, "m", 1);
    spop_put_int(out, "a", 1);
    spop_put_null(out, "");
}

static void args_255(struct spop_out *out)
{
    spop_put_message(out, "m", 255);
    for (unsigned i = 0; i < 255; i++) {
        spop_put_int(out, "", i);
    }
}

static void no_count(struct spop_out *out)
{
    spop_put_text(out, "m");
}

static void unnamed_message(struct spop_out *out)
{
    spop_put_message(out, "", 0);
}

static void string_length(struct spop_out *out, uint64_t length)
{
    spop_put_message(out, "m", 1);
    spop_put_text(out, "a");
    spop_put_u8(out, 8);
    spop_put_varint(out, length);
    spop_put_raw(out, "abc", 3);
}

static void string_too_long(struct spop_out *out)
{
    string_length(out, 4);
}

static void string_2_63(struct spop_out *out)
{
    string_length(out, UINT64_C(1) << 63);
}

static void string_wraps(struct spop_out *out)
{
    string_length(out, 0xfffffffffffff000);
}

static void string_length_11_bytes(struct spop_out *out)
{
    spop_put_message(out, "m", 1);
    spop_put_text(out, "a");
    spop_put_u8(out, 8);
    spop_put_raw(out, "\xf0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11);
}

static void name_too_long(struct spop_out *out)
{
    spop_put_message(out, "m", 1);
    spop_put_varint(out, UINT64_MAX);
    spop_put_raw(out, "abc", 3);
}

static void message_name_too_long(struct spop_out *out)
{
    spop_put_varint(out, UINT64_MAX);
    spop_put_raw(out, "abc", 3);
}

static void short_address(struct spop_out *out, unsigned type, size_t length)
{
    spop_put_message(out, "m", 1);
    spop_put_text(out, "a");
    spop_put_u8(out, type);
    spop_put_raw(out, "0123456789abcdef", length);
}

static void ipv4_of_3(struct spop_out *out)
{
    short_address(out, 6, 3);
}

static void ipv6_of_15(struct spop_out *out)
{
    short_address(out, 7, 15);
}

static void reserved_10(struct spop_out *out)
{
    short_address(out, 10, 16);
}

static void reserved_15(struct spop_out *out)
{
    short_address(out, 0xff, 16);
}

static void good_then_bad(struct spop_out *out)
{
    normal(out);
    message_name_too_long(out);
}

static const struct {
    const char *name;
    void (*put)(struct spop_out *out);
    const char *expected;
} payloads[] = {
    {"55: normal", normal, OPEN "ack 7/1 reeve-check:18"},
    {"58: empty payload", empty, OPEN "ack 7/1"},
    {"61: two messages", two_messages, OPEN "ack 7/1 other:1 reeve-check:2"},
    {"62: no arguments", no_args, OPEN "ack 7/1 m:0"},
    {"63: nb-args too large", count_too_large, OPEN "D 4"},
    {"64: nb-args too small", count_too_small, OPEN "D 4"},
    {"64: nb-args too small, an unnamed argument over", unnamed_left_over, OPEN "D 4"},
    {"64: message without nb-args", no_count, OPEN "D 4"},
    {"64: message without name", unnamed_message, OPEN "D 4"},
    {"65, 66: 255 unnamed arguments", args_255, OPEN "ack 7/1 m:255"},
    {"71: string beyond the frame", string_too_long, OPEN "D 4"},
    {"71: name beyond the frame", name_too_long, OPEN "D 4"},
    {"71: message name beyond the frame", message_name_too_long, OPEN "D 4"},
    {"71: bad message behind a good one", good_then_bad, OPEN "D 4"},
    {"72: string length 2^63", string_2_63, OPEN "D 4"},
    {"72: string length wraps a pointer", string_wraps, OPEN "D 4"},
    {"16: string length of 11 bytes", string_length_11_bytes, OPEN "D 4"},
    {"73: IPv4 of 3 bytes", ipv4_of_3, OPEN "D 4"},
    {"73: IPv6 of 15 bytes", ipv6_of_15, OPEN "D 4"},
    {"75: reserved type 10", reserved_10, OPEN "D 4"},
    {"75: reserved type 15 with flags", reserved_15, OPEN "D 4"},
};

START_TEST(cases_55_to_75_payloads)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_hello(&out, &spop_hello_haproxy);
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 7, 1);
    payloads[_i].put(&out);
    spop_frame_end(&out, begin);
    transcript_check(payloads[_i].name, (struct spoe_bytes){memory, out.length},
                     payloads[_i].expected);
}
END_TEST

/* ---- frames ---- */

static const struct {
    const char *name;
    unsigned type;
    uint32_t flags;
    uint64_t stream_id;
    uint64_t frame_id;
    const char *expected;
} frames[] = {
    {"56: first request of 2.6", SPOP_NOTIFY, SPOP_FIN, 0, 1, OPEN "ack 0/1"},
    {"56: both ids 0", SPOP_NOTIFY, SPOP_FIN, 0, 0, OPEN "ack 0/0"},
    {"57: frame id 0 of a stream", SPOP_NOTIFY, SPOP_FIN, 1, 0, OPEN "D 4"},
    {"57: the same, given up", SPOP_NOTIFY, SPOP_FIN | SPOP_ABORT, 1, 0, OPEN "D 4"},
    {"79: without FIN", SPOP_NOTIFY, 0, 1, 1, OPEN "D 10"},
    {"79: without FIN, given up", SPOP_NOTIFY, SPOP_ABORT, 1, 1, OPEN "D 10"},
    {"80: UNSET with nothing pending", SPOP_UNSET, 0, 1, 1, OPEN "D 12"},
    {"80: last UNSET with nothing pending", SPOP_UNSET, SPOP_FIN, 1, 1, OPEN "D 12"},
    {"80: UNSET, given up but not the last", SPOP_UNSET, SPOP_ABORT, 1, 1, OPEN "D 12"},
    {"82: UNSET, given up", SPOP_UNSET, SPOP_FIN | SPOP_ABORT, 1, 1, OPEN "skip"},
    {"83: NOTIFY, given up", SPOP_NOTIFY, SPOP_FIN | SPOP_ABORT, 1, 1, OPEN "skip"},
};

START_TEST(cases_56_to_83_frames)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_hello(&out, &spop_hello_haproxy);
    spop_frame_end(&out, spop_frame_begin(&out, frames[_i].type, frames[_i].flags,
                                          frames[_i].stream_id, frames[_i].frame_id));
    transcript_check(frames[_i].name, (struct spoe_bytes){memory, out.length}, frames[_i].expected);
}
END_TEST

START_TEST(cases_84_86_87_many_are_outstanding)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    const struct spop_hello serial = {
        .versions = "2.0", .max_frame_size = 16380, .capabilities = ""};

    spop_put_hello(&out, &serial);
    for (unsigned i = 0; i < 4; i++) {
        spop_frame_end(&out, spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, i / 2, 1));
    }
    transcript_check("84, 86, 87", (struct spoe_bytes){memory, out.length},
                     "hello 16380; ack 0/1; ack 0/1; ack 1/1; ack 1/1");
}
END_TEST

/* ---- what an argument carries ---- */

static void describe(const struct spoe_value *value, char out[static 128])
{
    switch (value->type) {
    case SPOE_NULL:
        snprintf(out, 128, "null");
        break;
    case SPOE_BOOL:
        snprintf(out, 128, "bool %d", value->boolean);
        break;
    case SPOE_INT64:
        snprintf(out, 128, "int64 %lld", (long long)value->number);
        break;
    case SPOE_IPV4:
        snprintf(out, 128, "ipv4 %u.%u.%u.%u", value->bytes.data[0], value->bytes.data[1],
                 value->bytes.data[2], value->bytes.data[3]);
        break;
    case SPOE_STRING:
        snprintf(out, 128, "string %.*s", (int)value->bytes.length,
                 (const char *)value->bytes.data);
        break;
    default:
        snprintf(out, 128, "type %d", value->type);
        break;
    }
}

static const struct {
    const char *name;
    const char *value;
} expected_args[SPOP_QUESTION_ARGS] = {
    {"v", "int64 1"},
    {"rid", "string 01ARZ3NDEKTSV4RRFFQ69G5FAV"},
    {"fe", "string public-api"},
    {"src", "ipv4 192.0.2.1"},
    {"tls", "bool 0"},
    {"method", "string GET"},
    {"path", "string /v1/orders/42"},
    {"host", "string api.example.com"},
    {"host_n", "int64 1"},
    {"authz", "null"},
    {"authz_n", "int64 0"},
    {"apikey", "string rv_0123456789"},
    {"apikey_n", "int64 1"},
    {"c_used", "null"},
    {"c_verify", "null"},
    {"c_sha256", "null"},
    {"c_dn", "null"},
    {"c_idn", "null"},
};

START_TEST(case_55_arguments_are_read_in_place)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;

    normal(&out);
    spoe_messages_begin(&list, (struct spoe_bytes){memory, out.length});
    ck_assert(spoe_messages_next(&list, &message));
    ck_assert_uint_eq(message.arg_count, SPOP_QUESTION_ARGS);
    for (size_t i = 0; i < SPOP_QUESTION_ARGS; i++) {
        char text[128];
        ck_assert(spoe_message_next_arg(&list, &arg));
        ck_assert_uint_eq(arg.name.length, strlen(expected_args[i].name));
        ck_assert_mem_eq(arg.name.data, expected_args[i].name, arg.name.length);
        ck_assert(arg.name.data > memory && arg.name.data < memory + out.length);
        describe(&arg.value, text);
        ck_assert_str_eq(text, expected_args[i].value);
    }
    ck_assert(!spoe_message_next_arg(&list, &arg));
    ck_assert(!spoe_messages_next(&list, &message));
    ck_assert(!spoe_messages_failed(&list));
}
END_TEST

START_TEST(arguments_not_read_are_skipped_and_checked)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;

    two_messages(&out);
    spoe_messages_begin(&list, (struct spoe_bytes){memory, out.length});
    ck_assert(spoe_messages_next(&list, &message));
    ck_assert(spoe_messages_next(&list, &message));
    ck_assert_uint_eq(message.arg_count, 2);
    ck_assert(spoe_message_next_arg(&list, &arg));
    ck_assert(!spoe_messages_next(&list, &message));
    ck_assert(!spoe_messages_failed(&list));

    spoe_messages_begin(&list, (struct spoe_bytes){memory, out.length - 1});
    while (spoe_messages_next(&list, &message)) {
    }
    ck_assert(spoe_messages_failed(&list));
}
END_TEST

START_TEST(a_payload_cut_anywhere_else_than_between_messages_fails)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    normal(&out);
    size_t first_end = out.length;
    no_args(&out);
    size_t second_end = out.length;
    args_255(&out);
    for (size_t length = 1; length < out.length; length++) {
        /* To the byte, so that a sanitizer sees every read behind it. */
        uint8_t *copy = malloc(length);
        struct spoe_messages list;
        struct spoe_message message;
        memcpy(copy, memory, length);
        spoe_messages_begin(&list, (struct spoe_bytes){copy, length});
        while (spoe_messages_next(&list, &message)) {
        }
        bool is_whole = length == first_end || length == second_end;
        ck_assert_msg(spoe_messages_failed(&list) == !is_whole, "cut at %zu", length);
        ck_assert(!spoe_messages_next(&list, &message));
        free(copy);
    }
}
END_TEST

START_TEST(no_payload_has_no_messages)
{
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;

    spoe_messages_begin(&list, (struct spoe_bytes){NULL, 0});
    ck_assert(!spoe_message_next_arg(&list, &arg));
    ck_assert(!spoe_messages_next(&list, &message));
    ck_assert(!spoe_messages_failed(&list));
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_notify(void)
{
    Suite *suite = suite_create("notify");
    TCase *tcase = tcase_create("notify");

    tcase_set_timeout(tcase, 280);
    tcase_add_loop_test(tcase, cases_55_to_75_payloads, 0, COUNT(payloads));
    tcase_add_loop_test(tcase, cases_56_to_83_frames, 0, COUNT(frames));
    tcase_add_test(tcase, cases_84_86_87_many_are_outstanding);
    tcase_add_test(tcase, a_payload_cut_anywhere_else_than_between_messages_fails);
    tcase_add_test(tcase, arguments_not_read_are_skipped_and_checked);
    tcase_add_test(tcase, no_payload_has_no_messages);
    tcase_add_test(tcase, case_55_arguments_are_read_in_place);
    suite_add_tcase(suite, tcase);
    return suite;
}
