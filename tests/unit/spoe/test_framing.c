/* Conformance cases 1 to 22: how the stream of bytes is cut into frames. */
#include <stdlib.h>
#include <string.h>

#include "spoe/session.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"
#include "tests/unit/spoe/transcript.h"

#define LIMIT 16380

static uint8_t memory[64 * 1024];

static void put_hello(struct spop_out *out)
{
    spop_put_hello(out, &spop_hello_haproxy);
}

static void put_notify(struct spop_out *out, uint64_t stream_id)
{
    size_t begin = spop_frame_begin(out, SPOP_NOTIFY, SPOP_FIN, stream_id, 1);

    spop_put_message(out, "m", 0);
    spop_frame_end(out, begin);
}

/* A NOTIFY whose length field says `size`. */
static void put_notify_of(struct spop_out *out, size_t size)
{
    static const char filler[LIMIT];
    size_t begin = spop_frame_begin(out, SPOP_NOTIFY, SPOP_FIN, 1, 1);

    spop_put_message(out, "m", 1);
    /* Before the filler come an empty name, a type and a length of two or three bytes. */
    size_t left = size - (out->length - begin - 4) - 2;
    size_t length = left - 2 < 2288 ? left - 2 : left - 3;
    spop_put_string_bytes(out, "", filler, length);
    spop_frame_end(out, begin);
    ck_assert_uint_eq(out->length - begin - 4, size);
}

static void put_bare_length(struct spop_out *out, uint32_t length)
{
    put_hello(out);
    spop_put_u32(out, length);
    spop_put_raw(out, "\0\0\0\0\0\0\0", 7);
}

#define LENGTH_CASE(value)                                                                         \
    static void length_##value(struct spop_out *out)                                               \
    {                                                                                              \
        put_bare_length(out, value);                                                               \
    }
LENGTH_CASE(0)
LENGTH_CASE(1)
LENGTH_CASE(6)
LENGTH_CASE(16381)
LENGTH_CASE(0xffffffff)

static void length_0_first(struct spop_out *out)
{
    spop_put_u32(out, 0);
}

static void hello_too_long(struct spop_out *out)
{
    spop_put_u32(out, SPOE_HELLO_FRAME_MAX + 1);
}

static void limit_exactly(struct spop_out *out)
{
    put_hello(out);
    put_notify_of(out, LIMIT);
}

static void limit_256_exactly(struct spop_out *out)
{
    const struct spop_hello hello = {
        .versions = "2.0", .max_frame_size = 256, .capabilities = "pipelining"};

    spop_put_hello(out, &hello);
    put_notify_of(out, 256);
}

static void limit_256_and_one(struct spop_out *out)
{
    const struct spop_hello hello = {
        .versions = "2.0", .max_frame_size = 256, .capabilities = "pipelining"};

    spop_put_hello(out, &hello);
    put_notify_of(out, 257);
}

static void http(struct spop_out *out)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    spop_put_raw(out, text, strlen(text));
}

static void tls(struct spop_out *out)
{
    static const uint8_t client_hello[] = {0x16, 0x03, 0x01, 0x00, 0xa5, 0x01,
                                           0x00, 0x00, 0xa1, 0x03, 0x03};

    spop_put_raw(out, client_hello, sizeof(client_hello));
}

static void fifty_frames(struct spop_out *out)
{
    put_hello(out);
    for (uint64_t i = 0; i < 50; i++) {
        put_notify(out, i);
    }
}

static void three_and_a_half(struct spop_out *out)
{
    put_hello(out);
    for (uint64_t i = 1; i <= 4; i++) {
        put_notify(out, i);
    }
    out->length -= 6;
}

static void boundary(struct spop_out *out)
{
    put_hello(out);
    put_notify(out, 1);
}

static void inside(struct spop_out *out)
{
    boundary(out);
    out->length -= 1;
}

static void largest_id(struct spop_out *out)
{
    put_hello(out);
    put_notify(out, UINT64_MAX);
}

/* A NOTIFY with these bytes where its ids stand. */
static void put_ids(struct spop_out *out, const void *ids, size_t length)
{
    put_hello(out);
    spop_put_u32(out, (uint32_t)(5 + length));
    spop_put_u8(out, SPOP_NOTIFY);
    spop_put_u32(out, SPOP_FIN);
    spop_put_raw(out, ids, length);
}

static void id_of_11_bytes(struct spop_out *out)
{
    put_ids(out, "\xf0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x01", 12);
}

static void id_above_64_bits(struct spop_out *out)
{
    put_ids(out, "\xf0\x80\x80\x80\x80\x80\x80\x80\x80\x10\x01", 11);
}

static void id_cut_by_the_end(struct spop_out *out)
{
    put_ids(out, "\x01\xf0", 2);
}

static void id_missing(struct spop_out *out)
{
    put_ids(out, "\xf0\x00", 2);
}

static void put_typed(struct spop_out *out, unsigned type, uint32_t flags)
{
    size_t begin = spop_frame_begin(out, type, flags, 1, 1);

    spop_frame_end(out, begin);
}

static void reserved_flags(struct spop_out *out)
{
    put_hello(out);
    put_typed(out, SPOP_NOTIFY, 0x81);
    put_typed(out, SPOP_NOTIFY, 0xfffffffd);
}

static void unknown_types(struct spop_out *out)
{
    put_hello(out);
    put_typed(out, 4, SPOP_FIN);
    put_typed(out, 100, 0);
    put_typed(out, 104, SPOP_ABORT);
    put_typed(out, 255, SPOP_FIN);
    put_notify(out, 1);
}

static void unknown_type_before_hello(struct spop_out *out)
{
    put_typed(out, 4, SPOP_FIN);
    put_hello(out);
}

#define TYPE_CASE(type)                                                                            \
    static void type_##type(struct spop_out *out)                                                  \
    {                                                                                              \
        put_hello(out);                                                                            \
        put_typed(out, type, SPOP_FIN);                                                            \
    }                                                                                              \
    static void type_##type##_first(struct spop_out *out)                                          \
    {                                                                                              \
        put_typed(out, type, SPOP_FIN);                                                            \
    }
TYPE_CASE(101)
TYPE_CASE(102)
TYPE_CASE(103)

static const struct {
    const char *name;
    void (*build)(struct spop_out *out);
    const char *expected;
} cases[] = {
    {"1: frame length 0", length_0, "hello 16380 pipelining; D 4"},
    {"1: frame length 0 before HELLO", length_0_first, "D 4"},
    {"2: length 1", length_1, "hello 16380 pipelining; D 4"},
    {"2: length 6", length_6, "hello 16380 pipelining; D 4"},
    {"3: length = limit of 256", limit_256_exactly, "hello 256 pipelining; ack 1/1 m:1"},
    {"4: length = limit of 256 + 1", limit_256_and_one, "hello 256 pipelining; D 3"},
    {"4: length = limit + 1", length_16381, "hello 16380 pipelining; D 3"},
    {"4: HELLO longer than taken before it", hello_too_long, "D 3"},
    {"5: length 0xffffffff", length_0xffffffff, "hello 16380 pipelining; D 3"},
    {"6: HTTP on the port", http, "D 3"},
    {"7: TLS on the port", tls, "D 3"},
    {"11: 3.5 frames", three_and_a_half,
     "hello 16380 pipelining; ack 1/1 m:0; ack 2/1 m:0; ack 3/1 m:0; ..."},
    {"12: end at a frame boundary", boundary, "hello 16380 pipelining; ack 1/1 m:0"},
    {"13: end inside a frame", inside, "hello 16380 pipelining; ..."},
    {"15: stream id 2^64-1", largest_id, "hello 16380 pipelining; ack 18446744073709551615/1 m:0"},
    {"16: id of 11 bytes", id_of_11_bytes, "hello 16380 pipelining; D 4"},
    {"17: id above 64 bits", id_above_64_bits, "hello 16380 pipelining; D 4"},
    {"18: id cut by the frame's end", id_cut_by_the_end, "hello 16380 pipelining; D 4"},
    {"18: frame id missing", id_missing, "hello 16380 pipelining; D 4"},
    {"20: reserved flags", reserved_flags, "hello 16380 pipelining; ack 1/1; ack 1/1"},
    {"21: unknown types", unknown_types,
     "hello 16380 pipelining; skip; skip; skip; skip; ack 1/1 m:0"},
    {"21: unknown type before HELLO", unknown_type_before_hello, "skip; hello 16380 pipelining"},
    {"22: AGENT-HELLO", type_101, "hello 16380 pipelining; D 4"},
    {"22: AGENT-DISCONNECT", type_102, "hello 16380 pipelining; D 4"},
    {"22: ACK", type_103, "hello 16380 pipelining; D 4"},
    {"22: AGENT-HELLO first", type_101_first, "D 4"},
    {"22: AGENT-DISCONNECT first", type_102_first, "D 4"},
    {"22: ACK first", type_103_first, "D 4"},
};

START_TEST(cases_1_to_22)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    cases[_i].build(&out);
    transcript_check(cases[_i].name, (struct spoe_bytes){memory, out.length}, cases[_i].expected);
}
END_TEST

/* Case 3 at full size, and 10, are too long to be cut at every offset. */
START_TEST(case_3_frame_of_the_limit)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    static char words[TRANSCRIPT_MAX];

    limit_exactly(&out);
    for (size_t step = 97; step <= out.length; step += 4001) {
        transcript((struct spoe_bytes){memory, out.length}, step, step, words);
        ck_assert_str_eq(words, "hello 16380 pipelining; ack 1/1 m:1");
    }
}
END_TEST

START_TEST(case_10_fifty_frames_in_one_segment)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    static char whole[TRANSCRIPT_MAX], cut[TRANSCRIPT_MAX];
    unsigned acks = 0;

    fifty_frames(&out);
    transcript((struct spoe_bytes){memory, out.length}, out.length, 1, whole);
    for (const char *at = whole; (at = strstr(at, "ack ")); at++) {
        acks++;
    }
    ck_assert_uint_eq(acks, 50);
    for (size_t step = 1; step < out.length; step++) {
        transcript((struct spoe_bytes){memory, out.length}, step, step, cut);
        ck_assert_str_eq(cut, whole);
    }
}
END_TEST

START_TEST(cases_4_5_body_of_a_long_frame_is_not_awaited)
{
    struct spoe_session session;
    struct spoe_event event;
    static const uint8_t length[] = {0xff, 0xff, 0xff, 0xff};

    spoe_session_init(&session, LIMIT);
    ck_assert_uint_eq(spoe_session_wanted(&session, length, sizeof(length)),
                      4 + SPOE_HELLO_FRAME_MAX);
    ck_assert_uint_eq(spoe_session_next(&session, length, sizeof(length), &event), 0);
    ck_assert_int_eq(event.type, SPOE_EVENT_FAULT);
    ck_assert_int_eq(event.fault.status, SPOE_STATUS_TOO_BIG);
    ck_assert_int_eq(session.state, SPOE_SESSION_CLOSED);
    ck_assert_uint_eq(spoe_session_wanted(&session, length, sizeof(length)), 4);
}
END_TEST

Suite *suite_framing(void)
{
    Suite *suite = suite_create("framing");
    TCase *tcase = tcase_create("framing");

    tcase_set_timeout(tcase, 280);
    tcase_add_loop_test(tcase, cases_1_to_22, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tcase, case_3_frame_of_the_limit);
    tcase_add_test(tcase, case_10_fifty_frames_in_one_segment);
    tcase_add_test(tcase, cases_4_5_body_of_a_long_frame_is_not_awaited);
    suite_add_tcase(suite, tcase);
    return suite;
}
