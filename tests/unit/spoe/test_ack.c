/* ACK, and conformance case 89: what does not fit is left out whole. */
#include <string.h>

#include "spoe/ack.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"

#define NO_LIMIT 16380

static struct spoe_bytes text(const char *string)
{
    return (struct spoe_bytes){(const uint8_t *)string, strlen(string)};
}

static struct spop_frame parse(const uint8_t *bytes, size_t length)
{
    struct spop_frame frame;
    size_t used;

    ck_assert_int_eq(spop_get_frame(bytes, length, &frame, &used), SPOP_WHOLE);
    ck_assert_uint_eq(used, length);
    ck_assert_uint_eq(frame.type, SPOP_ACK);
    ck_assert_uint_eq(frame.flags, SPOP_FIN);
    return frame;
}

static bool put_all(struct spoe_ack *ack)
{
    bool is_whole = true;

    is_whole &= spoe_ack_set_string(ack, SPOE_SCOPE_TXN, text("verdict"), text("allow"));
    is_whole &= spoe_ack_set_int(ack, SPOE_SCOPE_REQ, text("status"), 200);
    is_whole &= spoe_ack_set_int(ack, SPOE_SCOPE_RES, text("low"), -1);
    is_whole &= spoe_ack_set_bool(ack, SPOE_SCOPE_SESS, text("yes"), true);
    is_whole &= spoe_ack_set_bool(ack, SPOE_SCOPE_PROC, text("no"), false);
    is_whole &= spoe_ack_set_string(ack, SPOE_SCOPE_TXN, text("empty"), (struct spoe_bytes){0});
    is_whole &= spoe_ack_unset(ack, SPOE_SCOPE_TXN, text("old"));
    return is_whole;
}

static void expect_action(struct spop_bytes *payload, unsigned type, unsigned scope,
                          const char *name, unsigned value_type, uint64_t number)
{
    struct spop_action action;

    ck_assert_int_eq(spop_get_action(payload, &action), SPOP_WHOLE);
    ck_assert_uint_eq(action.type, type);
    ck_assert_uint_eq(action.scope, scope);
    ck_assert(spop_is_text(action.name, name));
    ck_assert_uint_eq(action.value.type, value_type);
    ck_assert_uint_eq(action.value.number, number);
}

START_TEST(sets_variables_of_every_type_in_every_scope)
{
    uint8_t out[512];
    struct spoe_ack ack;
    struct spop_action action;
    struct spop_value verdict;

    ck_assert(spoe_ack_begin(&ack, out, sizeof(out), NO_LIMIT, 5, 1));
    ck_assert(put_all(&ack));
    struct spop_frame frame = parse(out, spoe_ack_end(&ack));
    ck_assert(frame.stream_id == 5 && frame.frame_id == 1);
    ck_assert(spop_get_var(&frame, "verdict", &verdict));
    ck_assert(verdict.type == 8 && spop_is_text(verdict.bytes, "allow"));
    struct spop_bytes payload = frame.payload;
    expect_action(&payload, 1, 2, "verdict", 8, 0);
    expect_action(&payload, 1, 3, "status", 4, 200);
    expect_action(&payload, 1, 4, "low", 4, UINT64_MAX);
    expect_action(&payload, 1, 1, "yes", 1, 1);
    expect_action(&payload, 1, 0, "no", 1, 0);
    expect_action(&payload, 1, 2, "empty", 8, 0);
    expect_action(&payload, 2, 2, "old", 0, 0);
    ck_assert_int_eq(spop_get_action(&payload, &action), SPOP_MORE);
}
END_TEST

START_TEST(bytes_on_the_wire_are_those_of_the_specification)
{
    static const uint8_t expected[] = {0, 0, 0,   21,  103, 0, 0, 0,   1,   1,   2,   1, 3,
                                       2, 3, 'v', 'a', 'r', 8, 4, 'd', 'e', 'n', 'y', 2};
    uint8_t out[64];
    struct spoe_ack ack;

    ck_assert(spoe_ack_begin(&ack, out, sizeof(out), NO_LIMIT, 1, 2));
    ck_assert(spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, text("var"), text("deny")));
    size_t length = spoe_ack_end(&ack);
    ck_assert_uint_eq(length, 24);
    ck_assert_uint_eq(out[3], 20);
    ck_assert_mem_eq(out + 4, expected + 4, 20);
}
END_TEST

START_TEST(case_15_ids_come_back_exactly)
{
    static const uint64_t ids[] = {0, 1, 239, 240, UINT64_C(1) << 32, UINT64_MAX};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        uint8_t out[64];
        struct spoe_ack ack;
        ck_assert(spoe_ack_begin(&ack, out, sizeof(out), NO_LIMIT, ids[i], UINT64_MAX - ids[i]));
        struct spop_frame frame = parse(out, spoe_ack_end(&ack));
        ck_assert(frame.stream_id == ids[i] && frame.frame_id == UINT64_MAX - ids[i]);
        ck_assert_uint_eq(frame.payload.length, 0);
    }
}
END_TEST

/* An action that fits partly must not be there partly: HAProxy takes what it can read. */
START_TEST(in_every_room_too_small_the_frame_stays_valid)
{
    uint8_t whole[512];
    struct spoe_ack ack;

    ck_assert(spoe_ack_begin(&ack, whole, sizeof(whole), NO_LIMIT, 5, 1));
    put_all(&ack);
    size_t length = spoe_ack_end(&ack);
    for (size_t room = 11; room < length; room++) {
        uint8_t out[512];
        struct spop_action action;
        enum spop_result result;
        memset(out, 0xaa, sizeof(out));
        ck_assert(spoe_ack_begin(&ack, out, room, NO_LIMIT, 5, 1));
        ck_assert(!put_all(&ack));
        struct spop_frame frame = parse(out, spoe_ack_end(&ack));
        while ((result = spop_get_action(&frame.payload, &action)) == SPOP_WHOLE) {
        }
        ck_assert_int_eq(result, SPOP_MORE);
        for (size_t i = room; i < sizeof(out); i++) {
            ck_assert_uint_eq(out[i], 0xaa);
        }
    }
}
END_TEST

START_TEST(no_frame_where_not_even_an_empty_one_fits)
{
    uint8_t out[64];
    struct spoe_ack ack;

    for (size_t room = 0; room < 11; room++) {
        ck_assert(!spoe_ack_begin(&ack, out, room, NO_LIMIT, 5, 1));
    }
    for (uint32_t limit = 0; limit < 7; limit++) {
        ck_assert(!spoe_ack_begin(&ack, out, sizeof(out), limit, 5, 1));
    }
    ck_assert(spoe_ack_begin(&ack, out, 11, 7, 5, 1));
    ck_assert_uint_eq(spoe_ack_end(&ack), 11);
}
END_TEST

START_TEST(case_89_a_shorter_value_still_fits_after_a_longer_one_did_not)
{
    uint8_t out[1024];
    uint8_t value[250];
    struct spoe_ack ack;
    struct spop_value got;

    memset(value, 'x', sizeof(value));
    ck_assert(spoe_ack_begin(&ack, out, sizeof(out), 256, 1, 1));
    ck_assert(spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, text("verdict"), text("deny")));
    ck_assert(!spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, text("roles"),
                                   (struct spoe_bytes){value, sizeof(value)}));
    ck_assert(spoe_ack_set_int(&ack, SPOE_SCOPE_TXN, text("status"), 403));
    size_t length = spoe_ack_end(&ack);
    ck_assert_uint_le(length, 4 + 256);
    struct spop_frame frame = parse(out, length);
    ck_assert(spop_get_var(&frame, "verdict", &got) && spop_is_text(got.bytes, "deny"));
    ck_assert(spop_get_var(&frame, "status", &got) && got.number == 403);
    ck_assert(!spop_get_var(&frame, "roles", &got));
}
END_TEST

START_TEST(case_89_a_frame_may_fill_the_limit_exactly)
{
    uint8_t out[1024];
    uint8_t value[256] = {0};
    struct spoe_ack ack;
    size_t length = 1;

    for (bool has_fitted = true; has_fitted; length++) {
        ck_assert(spoe_ack_begin(&ack, out, sizeof(out), 256, 1, 1));
        has_fitted = spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, text("a"),
                                         (struct spoe_bytes){value, length});
    }
    /* 7 of the header, 5 before the value's type, type and length. */
    ck_assert_uint_eq(length - 2, 256 - 7 - 5 - 3);
}
END_TEST

static const struct spoe_head string_head = SPOE_HEAD_STRING(SPOE_SCOPE_TXN, "verdict");
static const struct spoe_head int_head =
    SPOE_HEAD_INT(SPOE_SCOPE_RES, "a_name_of_twenty_seven_byte");

/* A frame of one string and one number, by setters or by heads. */
static size_t write_both(uint8_t *out, size_t room, bool by_heads, struct spoe_bytes value,
                         int64_t number, unsigned *fitted)
{
    struct spoe_ack ack;

    *fitted = 0;
    if (!spoe_ack_begin(&ack, out, room, NO_LIMIT, 7, 8)) {
        return 0;
    }
    if (by_heads) {
        *fitted |= spoe_ack_put_string(&ack, &string_head, value) ? 1u : 0u;
        *fitted |= spoe_ack_put_int(&ack, &int_head, number) ? 2u : 0u;
    } else {
        *fitted |= spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, text("verdict"), value) ? 1u : 0u;
        *fitted |=
            spoe_ack_set_int(&ack, SPOE_SCOPE_RES, text("a_name_of_twenty_seven_byte"), number)
                ? 2u
                : 0u;
    }
    return spoe_ack_end(&ack);
}

START_TEST(heads_write_what_setters_write_in_every_room)
{
    static const size_t lengths[] = {0, 1, 5, 239, 240, 300};
    static const int64_t numbers[] = {0, 239, 240, 1000000, -1};
    uint8_t bytes[300];

    memset(bytes, 'v', sizeof(bytes));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t room = 0; room <= lengths[i] + 120; room++) {
            uint8_t want[512] = {0}, got[512] = {0};
            struct spoe_bytes value = {lengths[i] > 0 ? bytes : NULL, lengths[i]};
            unsigned want_fitted, got_fitted;
            size_t length = write_both(want, room, false, value, numbers[i % 5], &want_fitted);

            memset(got + room, 0x77, sizeof(got) - room);
            ck_assert_uint_eq(write_both(got, room, true, value, numbers[i % 5], &got_fitted),
                              length);
            ck_assert_uint_eq(got_fitted, want_fitted);
            ck_assert_mem_eq(got, want, length);
            ck_assert_uint_eq(got[room], 0x77);
        }
    }
}
END_TEST

Suite *suite_ack(void)
{
    Suite *suite = suite_create("ack");
    TCase *tcase = tcase_create("ack");

    tcase_add_test(tcase, no_frame_where_not_even_an_empty_one_fits);
    tcase_add_test(tcase, in_every_room_too_small_the_frame_stays_valid);
    tcase_add_test(tcase, case_89_a_shorter_value_still_fits_after_a_longer_one_did_not);
    tcase_add_test(tcase, case_89_a_frame_may_fill_the_limit_exactly);
    tcase_add_test(tcase, case_15_ids_come_back_exactly);
    tcase_add_test(tcase, bytes_on_the_wire_are_those_of_the_specification);
    tcase_add_test(tcase, heads_write_what_setters_write_in_every_room);
    tcase_add_test(tcase, sets_variables_of_every_type_in_every_scope);
    suite_add_tcase(suite, tcase);
    return suite;
}
