/* Conformance cases 91 to 97, and which status codes can be sent at all. */
#include <stdio.h>
#include <string.h>

#include "spoe/disconnect.h"
#include "spoe/session.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"
#include "tests/unit/spoe/transcript.h"

#define OPEN "hello 16380 pipelining; "

static uint8_t memory[16384];

static const uint64_t codes[] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 77, 99, UINT64_C(1) << 32, UINT64_MAX};

START_TEST(cases_91_to_94_every_code_is_answered_with_0)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    char expected[128];

    spop_put_hello(&out, &spop_hello_haproxy);
    spop_put_disconnect(&out, codes[_i], "bye");
    snprintf(expected, sizeof(expected), OPEN "left %llu \"bye\"; D 0",
             (unsigned long long)codes[_i]);
    transcript_check("91-94", (struct spoe_bytes){memory, out.length}, expected);
}
END_TEST

static void nothing(struct spop_out *out)
{
    (void)out;
}

static void message_only(struct spop_out *out)
{
    spop_put_string(out, "message", "bye");
}

static void status_only(struct spop_out *out)
{
    spop_put_integer(out, "status-code", 3, 2);
}

static void wrong_types(struct spop_out *out)
{
    spop_put_string(out, "status-code", "2");
    spop_put_integer(out, "message", 3, 2);
}

static void cut_behind_status(struct spop_out *out)
{
    spop_put_integer(out, "status-code", 3, 2);
    spop_put_text(out, "message");
}

static void garbage(struct spop_out *out)
{
    spop_put_raw(out, "\xff\xff\xff\xff\xff\xff\xff", 7);
}

static void unknown_keys(struct spop_out *out)
{
    spop_put_null(out, "x");
    spop_put_integer(out, "status-code", 4, 2);
}

static const struct {
    const char *name;
    void (*put)(struct spop_out *out);
    const char *expected;
} payloads[] = {
    {"95: neither", nothing, OPEN "left 99 \"\"; D 0"},
    {"95: no status-code", message_only, OPEN "left 99 \"bye\"; D 0"},
    {"95: no message", status_only, OPEN "left 2 \"\"; D 0"},
    {"95: wrong types", wrong_types, OPEN "left 99 \"\"; D 0"},
    {"95: cut", cut_behind_status, OPEN "left 2 \"\"; D 0"},
    {"95: garbage", garbage, OPEN "left 99 \"\"; D 0"},
    {"95: unknown keys", unknown_keys, OPEN "left 2 \"\"; D 0"},
};

START_TEST(case_95_whatever_stands_in_it)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_hello(&out, &spop_hello_haproxy);
    size_t begin = spop_frame_begin(&out, SPOP_DISCONNECT, SPOP_FIN, 0, 0);
    payloads[_i].put(&out);
    spop_frame_end(&out, begin);
    transcript_check(payloads[_i].name, (struct spoe_bytes){memory, out.length},
                     payloads[_i].expected);
}
END_TEST

START_TEST(case_95_message_of_4_KiB)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    char message[4097];
    static char words[TRANSCRIPT_MAX];

    memset(message, 'x', 4096);
    message[4096] = '\0';
    spop_put_hello(&out, &spop_hello_haproxy);
    spop_put_disconnect(&out, 0, message);
    transcript((struct spoe_bytes){memory, out.length}, 1000, 1000, words);
    ck_assert_uint_eq(strlen(words), strlen(OPEN "left 0 \"\"; D 0") + 4096);
}
END_TEST

START_TEST(case_97_bytes_after_it_are_ignored)
{
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_hello(&out, &spop_hello_haproxy);
    spop_put_disconnect(&out, 0, "bye");
    spop_put_hello(&out, &spop_hello_haproxy);
    garbage(&out);
    transcript_check("97", (struct spoe_bytes){memory, out.length}, OPEN "left 0 \"bye\"; D 0");
}
END_TEST

static uint64_t sent_code(enum spoe_status status)
{
    uint8_t out[SPOE_REPLY_MAX];
    struct spoe_session session;
    struct spop_frame frame;
    struct spop_value code, message;
    size_t used;

    spoe_session_init(&session, 16380);
    size_t length = spoe_session_write_disconnect(&session, status, out, sizeof(out));
    ck_assert_int_eq(spop_get_frame(out, length, &frame, &used), SPOP_WHOLE);
    ck_assert_uint_eq(used, length);
    ck_assert_uint_eq(frame.type, SPOP_AGENT_DISCONNECT);
    ck_assert(spop_get_pair(frame.payload, "status-code", &code));
    ck_assert_uint_eq(code.type, 3);
    ck_assert(spop_get_pair(frame.payload, "message", &message));
    ck_assert_uint_lt(message.bytes.length, 256);
    return code.number;
}

/* HAProxy <= 3.0 crashes on a check answered with 14..98. */
START_TEST(only_0_and_2_to_13_and_99_can_be_sent)
{
    for (int status = -1000; status <= 70000; status++) {
        uint64_t sent = sent_code((enum spoe_status)status);
        bool is_itself = status == 0 || (status >= 2 && status <= 13);
        ck_assert_uint_eq(sent, is_itself ? (uint64_t)status : 99);
    }
    ck_assert_uint_eq(sent_code((enum spoe_status)0x7fffffff), 99);
}
END_TEST

START_TEST(case_39_every_disconnect_fits_the_smallest_frame)
{
    uint8_t out[SPOE_REPLY_MAX];

    for (int status = 0; status <= 99; status++) {
        size_t length = spoe_disconnect_write((enum spoe_status)status, out, sizeof(out));
        ck_assert(length > 0 && length <= 4 + SPOE_MAX_FRAME_SIZE_MIN);
        for (size_t room = 0; room < length; room++) {
            ck_assert_uint_eq(spoe_disconnect_write((enum spoe_status)status, out, room), 0);
        }
        ck_assert_uint_eq(spoe_disconnect_write((enum spoe_status)status, out, length), length);
    }
}
END_TEST

START_TEST(cases_93_94_every_code_has_a_text)
{
    static const char *const unknown = "unknown code";

    for (uint64_t code = 0; code <= 1000; code++) {
        bool is_known = code <= 13 || code == 99;
        const char *text = spoe_status_text(code);
        ck_assert_msg((strcmp(text, unknown) != 0) == is_known, "%u: %s", (unsigned)code, text);
    }
    ck_assert_str_eq(spoe_status_text(UINT64_MAX), unknown);
    ck_assert_str_eq(spoe_status_text(UINT64_C(1) << 32), unknown);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_disconnect(void)
{
    Suite *suite = suite_create("disconnect");
    TCase *tcase = tcase_create("disconnect");

    tcase_set_timeout(tcase, 280);
    tcase_add_test(tcase, only_0_and_2_to_13_and_99_can_be_sent);
    tcase_add_test(tcase, case_39_every_disconnect_fits_the_smallest_frame);
    tcase_add_loop_test(tcase, cases_91_to_94_every_code_is_answered_with_0, 0, COUNT(codes));
    tcase_add_loop_test(tcase, case_95_whatever_stands_in_it, 0, COUNT(payloads));
    tcase_add_test(tcase, case_95_message_of_4_KiB);
    tcase_add_test(tcase, case_97_bytes_after_it_are_ignored);
    tcase_add_test(tcase, cases_93_94_every_code_has_a_text);
    suite_add_tcase(suite, tcase);
    return suite;
}
