#include "spoe/cursor.h"
#include "tests/unit/spoe/suites.h"

static const uint8_t bytes[] = {0x01, 0x00, 0x00, 0x01, 0x02, 0x03, 'a', 'b', 'c', 0xf0, 0x00};

static struct spoe_cursor over(size_t length)
{
    return spoe_cursor_over((struct spoe_bytes){bytes, length});
}

START_TEST(reads_in_order)
{
    struct spoe_cursor cursor = over(sizeof(bytes));

    ck_assert_uint_eq(spoe_cursor_u8(&cursor), 1);
    ck_assert_uint_eq(spoe_cursor_u32(&cursor), 0x00000102);
    struct spoe_bytes text = spoe_cursor_string(&cursor);
    ck_assert_uint_eq(text.length, 3);
    ck_assert_ptr_eq(text.data, bytes + 6);
    ck_assert_uint_eq(spoe_cursor_varint(&cursor), 240);
    ck_assert_uint_eq(spoe_cursor_left(&cursor), 0);
    ck_assert(!cursor.is_failed);
}
END_TEST

START_TEST(fails_at_every_cut)
{
    for (size_t length = 0; length < sizeof(bytes); length++) {
        struct spoe_cursor cursor = over(length);
        spoe_cursor_u8(&cursor);
        spoe_cursor_u32(&cursor);
        spoe_cursor_string(&cursor);
        spoe_cursor_varint(&cursor);
        ck_assert(cursor.is_failed);
    }
}
END_TEST

START_TEST(after_a_failure_everything_is_zero_and_stays_failed)
{
    struct spoe_cursor cursor = over(sizeof(bytes));

    struct spoe_bytes missing = spoe_cursor_bytes(&cursor, sizeof(bytes) + 1);
    ck_assert_uint_eq(missing.length, 0);
    ck_assert(cursor.is_failed);
    ck_assert_uint_eq(spoe_cursor_u8(&cursor), 0);
    ck_assert_uint_eq(spoe_cursor_u32(&cursor), 0);
    ck_assert_uint_eq(spoe_cursor_varint(&cursor), 0);
    ck_assert_uint_eq(spoe_cursor_string(&cursor).length, 0);
    ck_assert_uint_eq(spoe_cursor_bytes(&cursor, 0).length, 0);
    ck_assert(cursor.is_failed);
    ck_assert_uint_eq(spoe_cursor_left(&cursor), 0);
}
END_TEST

static const uint64_t huge[] = {
    sizeof(bytes) + 1,  UINT32_MAX,     UINT64_C(1) << 32, UINT64_C(1) << 63,
    0xfffffffffffff000, UINT64_MAX - 1, UINT64_MAX,
};

START_TEST(case_72_lengths_that_wrap_a_pointer_fail)
{
    struct spoe_cursor cursor = over(sizeof(bytes));

    spoe_cursor_u8(&cursor);
    ck_assert_ptr_null(spoe_cursor_bytes(&cursor, huge[_i]).data);
    ck_assert(cursor.is_failed);
}
END_TEST

START_TEST(nothing_is_read_from_nothing)
{
    struct spoe_cursor cursor = spoe_cursor_over((struct spoe_bytes){NULL, 0});

    ck_assert_uint_eq(spoe_cursor_left(&cursor), 0);
    ck_assert_uint_eq(spoe_cursor_bytes(&cursor, 0).length, 0);
    ck_assert(!cursor.is_failed);
    spoe_cursor_varint(&cursor);
    ck_assert(cursor.is_failed);
}
END_TEST

Suite *suite_cursor(void)
{
    Suite *suite = suite_create("cursor");
    TCase *tcase = tcase_create("cursor");

    tcase_add_test(tcase, fails_at_every_cut);
    tcase_add_test(tcase, after_a_failure_everything_is_zero_and_stays_failed);
    tcase_add_loop_test(tcase, case_72_lengths_that_wrap_a_pointer_fail, 0,
                        (int)(sizeof(huge) / sizeof(huge[0])));
    tcase_add_test(tcase, nothing_is_read_from_nothing);
    tcase_add_test(tcase, reads_in_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
