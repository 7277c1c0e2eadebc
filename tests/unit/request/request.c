#include "tests/unit/request/message.h"
#include "tests/unit/request/suites.h"

START_TEST(a_payload_cut_anywhere_is_malformed)
{
    message_put_changed(NULL, 0);
    size_t whole_length = out.length;
    for (out.length = 1; out.length < whole_length; out.length++) {
        ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);
        ck_assert_int_eq(request.fault, REASON_BAD_REQUEST);
    }
}
END_TEST

START_TEST(a_count_of_arguments_that_is_wrong_is_malformed)
{
    spop_put_message(&out, "reeve-check", WHOLE_COUNT + 1);
    for (size_t i = 0; i < WHOLE_COUNT; i++) {
        message_put_arg(whole[i]);
    }
    ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);

    const size_t count_at = 1 + strlen("reeve-check");
    out.data[count_at] = WHOLE_COUNT - 1;
    ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);
}
END_TEST

START_TEST(a_reserved_type_is_malformed)
{
    for (unsigned type = 10; type < 16; type++) {
        message_start();
        message_put_changed(NULL, 0);
        spop_put_message(&out, "other", 1);
        spop_put_text(&out, "x");
        spop_put_u8(&out, type);
        ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);
    }
}
END_TEST

START_TEST(a_length_beyond_the_payload_is_malformed)
{
    static const uint64_t lengths[] = {
        5, 240, 1u << 20, INT64_MAX, 1ull << 63, 0xfffffffffffff000u, UINT64_MAX};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        message_start();
        spop_put_message(&out, "reeve-check", 1);
        spop_put_text(&out, "path");
        spop_put_u8(&out, SPOE_STRING);
        spop_put_varint(&out, lengths[i]);
        spop_put_raw(&out, "/abc", 4);
        ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);
    }
}
END_TEST

START_TEST(garbage_behind_the_message_is_malformed)
{
    message_put_changed(NULL, 0);
    spop_put_u8(&out, 200);
    ck_assert_int_eq(message_parse(NULL), REQUEST_MALFORMED);
}
END_TEST

START_TEST(a_frame_without_our_message_is_unknown)
{
    ck_assert_int_eq(message_parse(NULL), REQUEST_UNKNOWN);

    static const char *const names[] = {"other", "reeve-chec", "reeve-check2", "REEVE-CHECK", "r"};
    for (size_t i = 0; i < COUNT(names); i++) {
        message_start();
        spop_put_message(&out, names[i], 1);
        message_put_arg(whole[0]);
        ck_assert_int_eq(message_parse(NULL), REQUEST_UNKNOWN);
    }
}
END_TEST

START_TEST(a_second_message_of_ours_is_a_bad_request)
{
    const struct arg other = TEXT("path", "/admin");

    message_put_changed(NULL, 0);
    message_put_changed(&other, 1);
    message_expect_fault("reeve-check: doubled");
    ck_assert(str_equal(request.path, STR("/v1/orders")));
}
END_TEST

START_TEST(messages_of_others_around_ours_change_nothing)
{
    const struct arg other = TEXT("path", "/admin");

    spop_put_message(&out, "before", 1);
    message_put_arg(other);
    message_put_changed(NULL, 0);
    spop_put_message(&out, "behind", 1);
    message_put_arg(other);
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    message_expect_whole();
}
END_TEST

START_TEST(reads_what_haproxy_sends)
{
    message_put_changed(NULL, 0);
    ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
    message_expect_whole();
}
END_TEST

START_TEST(the_order_of_arguments_does_not_matter)
{
    struct request_layout layout = {{0}};
    struct arg args[WHOLE_COUNT];

    for (size_t shift = 0; shift < WHOLE_COUNT; shift++) {
        for (size_t i = 0; i < WHOLE_COUNT; i++) {
            args[i] = whole[(i * 7 + shift) % WHOLE_COUNT];
        }
        message_start();
        message_put(args, WHOLE_COUNT);
        ck_assert_int_eq(message_parse(NULL), REQUEST_PARSED);
        message_expect_whole();
        /* The layout remembers another order each time. */
        ck_assert_int_eq(message_parse(&layout), REQUEST_PARSED);
        message_expect_whole();
        ck_assert_int_eq(message_parse(&layout), REQUEST_PARSED);
        message_expect_whole();
    }
}
END_TEST

START_TEST(a_layout_remembers_where_arguments_stood)
{
    struct request_layout layout = {{0}};

    message_put_changed(NULL, 0);
    ck_assert_int_eq(message_parse(&layout), REQUEST_PARSED);
    for (size_t i = 0; i < REQUEST_ARGS_MAX; i++) {
        ck_assert_int_eq(layout.argument_of[i] != 0, i < WHOLE_COUNT);
    }
}
END_TEST

START_TEST(arguments_of_others_are_ignored)
{
    struct request_layout layout = {{0}};
    struct arg args[255];

    for (size_t i = 0; i < COUNT(args); i++) {
        static const struct arg others[] = {TEXT("", "unnamed"), TEXT("pat", "/admin"),
                                            TEXT("path2", "/admin"), NOTHING(""),
                                            TEXT("PATH", "/admin")};
        args[i] = others[i % COUNT(others)];
    }
    /* Beyond what a layout remembers. */
    memcpy(&args[255 - WHOLE_COUNT], whole, sizeof(whole));
    message_put(args, COUNT(args));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(message_parse(&layout), REQUEST_PARSED);
        message_expect_whole();
    }
}
END_TEST

Suite *request_suite(void)
{
    Suite *suite = suite_create("request");
    TCase *tests = tcase_create("request");

    tcase_add_checked_fixture(tests, message_start, NULL);
    tcase_add_test(tests, a_payload_cut_anywhere_is_malformed);
    tcase_add_test(tests, a_count_of_arguments_that_is_wrong_is_malformed);
    tcase_add_test(tests, a_reserved_type_is_malformed);
    tcase_add_test(tests, a_length_beyond_the_payload_is_malformed);
    tcase_add_test(tests, garbage_behind_the_message_is_malformed);
    tcase_add_test(tests, a_frame_without_our_message_is_unknown);
    tcase_add_test(tests, a_second_message_of_ours_is_a_bad_request);
    tcase_add_test(tests, messages_of_others_around_ours_change_nothing);
    tcase_add_test(tests, reads_what_haproxy_sends);
    tcase_add_test(tests, the_order_of_arguments_does_not_matter);
    tcase_add_test(tests, a_layout_remembers_where_arguments_stood);
    tcase_add_test(tests, arguments_of_others_are_ignored);
    suite_add_tcase(suite, tests);
    return suite;
}
