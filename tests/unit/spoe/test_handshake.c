/* Conformance cases 23 to 53: HELLO, and what may come before it. */
#include <string.h>

#include "spoe/hello.h"
#include "spoe/session.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"
#include "tests/unit/spoe/transcript.h"

#define OPEN    "hello 16380 pipelining"
#define SILENT  "hello 16380"
#define INVALID "D 4"

static uint8_t memory[8192];

static void check(const char *name, const struct spop_out *out, const char *expected)
{
    transcript_check(name, (struct spoe_bytes){out->data, out->length}, expected);
}

/* ---- what a HELLO can say with its ordinary keys ---- */

static const struct {
    const char *name;
    struct spop_hello hello;
    const char *expected;
} offers[] = {
    {"23: what 3.1 sends", {"2.0", 16380, "pipelining", "an-engine", false}, OPEN},
    {"23: size smaller than ours",
     {"2.0", 4096, "pipelining", NULL, false},
     "hello 4096 pipelining"},
    {"24: what 2.6 sends", {"2.0", 16380, "pipelining,async", "an-engine", false}, OPEN},
    {"25: no capabilities offered", {"2.0", 16380, "", NULL, false}, SILENT},
    {"26: spaces and unknown ones", {"2.0", 16380, " pipelining , foo", NULL, false}, OPEN},
    {"26: unknown one first", {"2.0", 16380, "foo,\tpipelining", NULL, false}, OPEN},
    {"26: only like pipelining",
     {"2.0", 16380, "pipelinin,pipelinings,PIPELINING", NULL, false},
     SILENT},
    {"26: commas only", {"2.0", 16380, ",,,", NULL, false}, SILENT},
    {"27: health check", {"2.0", 16380, "", NULL, true}, "check 256"},
    {"27: health check that offers",
     {"2.0", 16380, "pipelining", NULL, true},
     "check 256 pipelining"},
    {"27: health check of a small bufsize", {"2.0", 256, "", NULL, true}, "check 256"},
    {"31: only version 1.0", {"1.0", 16380, "", NULL, false}, "D 8"},
    {"31: only version 3.0", {"3.0", 16380, "", NULL, false}, "D 8"},
    {"32: 3.0 and 2.0", {"3.0, 2.0", 16380, "", NULL, false}, SILENT},
    {"32: 2.0 and 1.5", {"2.0,1.5", 16380, "", NULL, false}, SILENT},
    {"32: blanks around", {" 2.0 ", 16380, "", NULL, false}, SILENT},
    {"33: version 2.1", {"2.1", 16380, "", NULL, false}, SILENT},
    {"33: version 2.10", {"2.10", 16380, "", NULL, false}, SILENT},
    {"34: empty versions", {"", 16380, "", NULL, false}, "D 8"},
    {"34: versions abc", {"abc", 16380, "", NULL, false}, "D 8"},
    {"34: version 2", {"2", 16380, "", NULL, false}, "D 8"},
    {"34: version 2.", {"2.", 16380, "", NULL, false}, "D 8"},
    {"34: version 2.x", {"2.x", 16380, "", NULL, false}, "D 8"},
    {"34: version 2.0 with more", {"2.0-beta", 16380, "", NULL, false}, "D 8"},
    {"34: version 12.0", {"12.0", 16380, "", NULL, false}, "D 8"},
    {"34: version 2 0", {"2 0", 16380, "", NULL, false}, "D 8"},
    {"35: no supported-versions", {NULL, 16380, "", NULL, false}, "D 5"},
    {"36: no max-frame-size", {"2.0", 0, "", NULL, false}, "D 6"},
    {"37: no capabilities", {"2.0", 16380, NULL, NULL, false}, "D 7"},
    {"35, 36, 37: nothing at all", {NULL, 0, NULL, NULL, false}, "D 5"},
    {"38: max-frame-size 255", {"2.0", 255, "", NULL, false}, "D 9"},
    {"38: max-frame-size 255 of a check", {"2.0", 255, "", NULL, true}, "D 9"},
    {"39: max-frame-size 256", {"2.0", 256, "", NULL, false}, "hello 256"},
    {"40: max-frame-size 2^31", {"2.0", UINT64_C(1) << 31, "", NULL, false}, SILENT},
    {"40: max-frame-size 2^32 + 256", {"2.0", (UINT64_C(1) << 32) + 256, "", NULL, false}, SILENT},
    {"40: max-frame-size 2^64-1", {"2.0", UINT64_MAX, "", NULL, false}, SILENT},
    {"49: no engine-id", {"2.0", 16380, "pipelining", NULL, false}, OPEN},
};

START_TEST(cases_23_to_49)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_hello(&out, &offers[_i].hello);
    check(offers[_i].name, &out, offers[_i].expected);
}
END_TEST

/* ---- one key more, or another type ---- */

static void healthcheck_false(struct spop_out *out)
{
    spop_put_bool(out, "healthcheck", false);
}

static void healthcheck_string(struct spop_out *out)
{
    spop_put_string(out, "healthcheck", "true");
}

static void healthcheck_null(struct spop_out *out)
{
    spop_put_null(out, "healthcheck");
}

static void engine_id_binary(struct spop_out *out)
{
    spop_put_binary(out, "engine-id", "abc", 3);
}

static void unknown_of_every_type(struct spop_out *out)
{
    static const uint8_t address[16] = {0};

    spop_put_null(out, "x-null");
    spop_put_bool(out, "x-bool", true);
    for (unsigned type = 2; type <= 5; type++) {
        spop_put_integer(out, "x-integer", type, UINT64_MAX);
    }
    spop_put_ipv4(out, "x-ipv4", address);
    spop_put_ipv6(out, "x-ipv6", address);
    spop_put_string(out, "x-string", "");
    spop_put_binary(out, "x-binary", "\0", 1);
    spop_put_string(out, "Capabilities", "another case is another key");
    spop_put_string(out, "max-frame-size2", "so is a longer one");
    spop_put_string(out, "max-frame", "and a shorter one");
}

static void reserved_type_10(struct spop_out *out)
{
    spop_put_text(out, "x");
    spop_put_u8(out, 10);
}

static void reserved_type_15(struct spop_out *out)
{
    spop_put_text(out, "x");
    spop_put_u8(out, 15);
}

static void empty_key(struct spop_out *out)
{
    spop_put_string(out, "", "value");
}

static void second_versions(struct spop_out *out)
{
    spop_put_string(out, "supported-versions", "2.0");
}

static void second_size(struct spop_out *out)
{
    spop_put_integer(out, "max-frame-size", 3, 16380);
}

static void second_capabilities(struct spop_out *out)
{
    spop_put_string(out, "capabilities", "");
}

static void second_healthcheck(struct spop_out *out)
{
    spop_put_bool(out, "healthcheck", false);
    spop_put_bool(out, "healthcheck", true);
}

static void second_engine_id(struct spop_out *out)
{
    spop_put_string(out, "engine-id", "a");
    spop_put_string(out, "engine-id", "a");
}

static void key_without_value(struct spop_out *out)
{
    spop_put_text(out, "x");
}

static void value_cut(struct spop_out *out)
{
    spop_put_text(out, "x");
    spop_put_u8(out, 8);
    spop_put_varint(out, 10);
    spop_put_raw(out, "123456789", 9);
}

static void value_of_a_huge_length(struct spop_out *out)
{
    spop_put_text(out, "x");
    spop_put_u8(out, 8);
    spop_put_varint(out, 0xfffffffffffff000);
}

static const struct {
    const char *name;
    void (*put)(struct spop_out *out);
    const char *expected;
} additions[] = {
    {"28: healthcheck false", healthcheck_false, OPEN},
    {"30: healthcheck as STRING", healthcheck_string, INVALID},
    {"30: healthcheck as NULL", healthcheck_null, INVALID},
    {"43: unknown keys of every type", unknown_of_every_type, OPEN},
    {"44: reserved type 10", reserved_type_10, INVALID},
    {"44: reserved type 15", reserved_type_15, INVALID},
    {"45: empty key", empty_key, INVALID},
    {"46: supported-versions twice", second_versions, INVALID},
    {"46: max-frame-size twice", second_size, INVALID},
    {"46: capabilities twice", second_capabilities, INVALID},
    {"46: healthcheck twice", second_healthcheck, INVALID},
    {"46: engine-id twice", second_engine_id, INVALID},
    {"50: engine-id as BINARY", engine_id_binary, INVALID},
    {"a key without value", key_without_value, INVALID},
    {"a value cut by the frame's end", value_cut, INVALID},
    {"72: a value of a huge length", value_of_a_huge_length, INVALID},
};

static void put_required(struct spop_out *out)
{
    spop_put_string(out, "supported-versions", "2.0");
    spop_put_integer(out, "max-frame-size", 3, 16380);
    spop_put_string(out, "capabilities", "pipelining");
}

START_TEST(cases_28_to_50_one_key_more)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    size_t begin = spop_frame_begin(&out, SPOP_HELLO, SPOP_FIN, 0, 0);

    put_required(&out);
    additions[_i].put(&out);
    spop_frame_end(&out, begin);
    check(additions[_i].name, &out, additions[_i].expected);
}
END_TEST

/* ---- required keys of another type ---- */

static const struct {
    const char *name;
    unsigned type; /* of max-frame-size; 8: STRING */
    uint64_t size;
    const char *expected;
} sizes[] = {
    {"41: as INT32", 2, 8192, "hello 8192"},
    {"41: as UINT32", 3, 8192, "hello 8192"},
    {"41: as INT64", 4, 8192, "hello 8192"},
    {"41: as UINT64", 5, 8192, "hello 8192"},
    {"38: 0", 3, 0, "D 9"},
    {"38: -1 as INT32", 2, UINT64_MAX, "D 9"},
    {"38: -1 as INT64", 4, UINT64_MAX, "D 9"},
    {"42: as STRING", 8, 1, INVALID},
    {"42: as BOOL", 1, 0, INVALID},
    {"42: as NULL", 0, 0, INVALID},
};

START_TEST(cases_38_41_42_types_of_max_frame_size)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    size_t begin = spop_frame_begin(&out, SPOP_HELLO, SPOP_FIN, 0, 0);

    spop_put_string(&out, "supported-versions", "2.0");
    spop_put_text(&out, "max-frame-size");
    spop_put_u8(&out, sizes[_i].type);
    if (sizes[_i].type >= 2 && sizes[_i].type <= 5) {
        spop_put_varint(&out, sizes[_i].size);
    } else if (sizes[_i].type == 8) {
        spop_put_text(&out, "8192");
    }
    spop_put_string(&out, "capabilities", "");
    spop_frame_end(&out, begin);
    check(sizes[_i].name, &out, sizes[_i].expected);
}
END_TEST

START_TEST(versions_and_capabilities_must_be_strings)
{
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        size_t begin = spop_frame_begin(&out, SPOP_HELLO, SPOP_FIN, 0, 0);
        if (wrong == 0) {
            spop_put_binary(&out, "supported-versions", "2.0", 3);
            spop_put_string(&out, "capabilities", "");
        } else {
            spop_put_string(&out, "supported-versions", "2.0");
            spop_put_bool(&out, "capabilities", true);
        }
        spop_put_integer(&out, "max-frame-size", 3, 16380);
        spop_frame_end(&out, begin);
        check("wrong type", &out, INVALID);
    }
}
END_TEST

/* ---- the frame around it ---- */

static void put_hello_frame(struct spop_out *out, uint32_t flags, uint64_t stream, uint64_t frame)
{
    size_t begin = spop_frame_begin(out, SPOP_HELLO, flags, stream, frame);

    put_required(out);
    spop_frame_end(out, begin);
}

static const struct {
    const char *name;
    uint32_t flags;
    uint64_t stream_id;
    uint64_t frame_id;
    const char *expected;
} frames[] = {
    {"20: reserved flags", 0x80000001, 0, 0, OPEN}, {"47: without FIN", 0, 0, 0, "D 10"},
    {"48: stream id 1", SPOP_FIN, 1, 0, INVALID},   {"48: frame id 1", SPOP_FIN, 0, 1, INVALID},
    {"48: both", SPOP_FIN, 1, 1, INVALID},
};

START_TEST(cases_47_48_the_frame_around_hello)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    put_hello_frame(&out, frames[_i].flags, frames[_i].stream_id, frames[_i].frame_id);
    check(frames[_i].name, &out, frames[_i].expected);
}
END_TEST

START_TEST(case_51_second_hello)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    put_hello_frame(&out, SPOP_FIN, 0, 0);
    put_hello_frame(&out, SPOP_FIN, 0, 0);
    check("51", &out, OPEN "; D 4");
}
END_TEST

START_TEST(cases_52_53_before_hello)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_frame_end(&out, spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 1, 1));
    check("52: NOTIFY", &out, INVALID);
    out.length = 0;
    spop_frame_end(&out, spop_frame_begin(&out, SPOP_UNSET, SPOP_FIN, 1, 1));
    check("52: UNSET", &out, INVALID);
    out.length = 0;
    spop_put_disconnect(&out, 0, "normal");
    check("53: DISCONNECT", &out, "left 0 \"normal\"; D 0");
}
END_TEST

/* ---- details ---- */

START_TEST(case_27_every_haproxy_sends_the_same_check)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_check(&out);
    ck_assert_uint_eq(out.length, 82);
    check("27", &out, "check 256");
}
END_TEST

START_TEST(case_27_what_follows_a_check_is_ignored)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_check(&out);
    spop_put_disconnect(&out, 0, "normal");
    check("27", &out, "check 256");
}
END_TEST

START_TEST(case_29_a_check_can_be_refused)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct spoe_session session;
    struct spoe_event event;
    uint8_t reply[SPOE_REPLY_MAX];

    spop_put_check(&out);
    spoe_session_init(&session, 16380);
    ck_assert_uint_eq(spoe_session_next(&session, memory, out.length, &event), out.length);
    ck_assert_int_eq(event.type, SPOE_EVENT_CHECK);
    ck_assert_int_eq(session.state, SPOE_SESSION_CHECKED);
    ck_assert_uint_gt(
        spoe_session_write_disconnect(&session, SPOE_STATUS_UNKNOWN, reply, sizeof(reply)), 0);
    ck_assert_int_eq(session.state, SPOE_SESSION_CLOSED);
}
END_TEST

static const struct spoe_session *greeted(struct spoe_session *session, const char *engine_id,
                                          size_t length)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct spoe_event event;
    size_t begin = spop_frame_begin(&out, SPOP_HELLO, SPOP_FIN, 0, 0);

    put_required(&out);
    spop_put_string_bytes(&out, "engine-id", engine_id, length);
    spop_frame_end(&out, begin);
    spoe_session_init(session, 1024);
    ck_assert_uint_eq(spoe_session_next(session, memory, out.length, &event), out.length);
    ck_assert_int_eq(event.type, SPOE_EVENT_HELLO);
    return session;
}

START_TEST(case_50_engine_id_is_cut_and_made_printable)
{
    struct spoe_session session;
    char longest[300];
    char expected[sizeof(session.engine_id)];

    ck_assert_str_eq(greeted(&session, "a\n\x1b\x00\x7f\xff~ b", 9)->engine_id, "a?????~ b");
    memset(longest, 'x', sizeof(longest));
    memset(expected, 'x', sizeof(expected) - 1);
    expected[sizeof(expected) - 1] = '\0';
    ck_assert_str_eq(greeted(&session, longest, sizeof(longest))->engine_id, expected);
    ck_assert_str_eq(greeted(&session, "", 0)->engine_id, "");
}
END_TEST

START_TEST(case_23_sizes_and_capabilities_are_kept)
{
    struct spoe_session session;

    greeted(&session, "e", 1);
    ck_assert_uint_eq(session.max_frame_size, 1024);
    ck_assert(session.is_pipelined);
    ck_assert_int_eq(session.state, SPOE_SESSION_RUNNING);
}
END_TEST

START_TEST(reply_to_hello_needs_room)
{
    struct spoe_session session;
    uint8_t reply[SPOE_REPLY_MAX];

    greeted(&session, "e", 1);
    size_t length = spoe_session_write_hello(&session, reply, sizeof(reply));
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_le(length, SPOE_REPLY_MAX);
    for (size_t room = 0; room < length; room++) {
        ck_assert_uint_eq(spoe_session_write_hello(&session, reply, room), 0);
    }
    ck_assert_uint_eq(spoe_session_write_hello(&session, reply, length), length);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_handshake(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tcase = tcase_create("handshake");

    tcase_set_timeout(tcase, 280);
    tcase_add_loop_test(tcase, cases_23_to_49, 0, COUNT(offers));
    tcase_add_loop_test(tcase, cases_28_to_50_one_key_more, 0, COUNT(additions));
    tcase_add_loop_test(tcase, cases_38_41_42_types_of_max_frame_size, 0, COUNT(sizes));
    tcase_add_test(tcase, versions_and_capabilities_must_be_strings);
    tcase_add_loop_test(tcase, cases_47_48_the_frame_around_hello, 0, COUNT(frames));
    tcase_add_test(tcase, case_51_second_hello);
    tcase_add_test(tcase, cases_52_53_before_hello);
    tcase_add_test(tcase, case_27_every_haproxy_sends_the_same_check);
    tcase_add_test(tcase, case_27_what_follows_a_check_is_ignored);
    tcase_add_test(tcase, case_29_a_check_can_be_refused);
    tcase_add_test(tcase, case_50_engine_id_is_cut_and_made_printable);
    tcase_add_test(tcase, case_23_sizes_and_capabilities_are_kept);
    tcase_add_test(tcase, reply_to_hello_needs_room);
    suite_add_tcase(suite, tcase);
    return suite;
}
