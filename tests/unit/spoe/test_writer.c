#include "spoe/kvlist.h"
#include "spoe/writer.h"
#include "tests/unit/spoe/suites.h"

#define WHOLE 22

static void write_all(struct spoe_writer *writer)
{
    spoe_writer_u8(writer, 7);
    spoe_writer_u32(writer, 0x01020304);
    spoe_writer_varint(writer, 3);
    spoe_writer_varint(writer, 2288);
    spoe_writer_string(writer, (struct spoe_bytes){(const uint8_t *)"abc", 3});
    spoe_writer_string(writer, (struct spoe_bytes){NULL, 0});
    spoe_kvlist_put_uint32(writer, "size", 240);
}

START_TEST(writes_in_order)
{
    static const uint8_t expected[WHOLE] = {7,   1,   2, 3, 4,   3,   0xf0, 0x80, 0x00, 3,   'a',
                                            'b', 'c', 0, 4, 's', 'i', 'z',  'e',  3,    0xf0};
    uint8_t out[WHOLE + 1];
    struct spoe_writer writer = {.at = out, .end = out + sizeof(out)};

    write_all(&writer);
    ck_assert(!writer.is_failed);
    ck_assert_int_eq(writer.at - out, WHOLE);
    ck_assert_mem_eq(out, expected, WHOLE);
}
END_TEST

START_TEST(fails_at_every_room_too_small_and_writes_nothing_behind_it)
{
    for (size_t room = 0; room < WHOLE; room++) {
        uint8_t out[WHOLE + 1];
        struct spoe_writer writer = {.at = out, .end = out + room};
        memset(out, 0xaa, sizeof(out));
        write_all(&writer);
        ck_assert(writer.is_failed);
        for (size_t i = room; i < sizeof(out); i++) {
            ck_assert_uint_eq(out[i], 0xaa);
        }
    }
}
END_TEST

START_TEST(after_a_failure_nothing_is_written)
{
    uint8_t out[4] = {0};
    struct spoe_writer writer = {.at = out, .end = out + sizeof(out)};

    spoe_writer_bytes(&writer, (struct spoe_bytes){(const uint8_t *)"12345", 5});
    ck_assert(writer.is_failed);
    spoe_writer_u8(&writer, 1);
    spoe_writer_varint(&writer, 1);
    ck_assert(writer.is_failed);
    ck_assert_uint_eq(out[0], 0);
}
END_TEST

Suite *suite_writer(void)
{
    Suite *suite = suite_create("writer");
    TCase *tcase = tcase_create("writer");

    tcase_add_test(tcase, fails_at_every_room_too_small_and_writes_nothing_behind_it);
    tcase_add_test(tcase, after_a_failure_nothing_is_written);
    tcase_add_test(tcase, writes_in_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
