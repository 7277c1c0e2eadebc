#include "agent/audit/entry.h"

#include <stdlib.h>

#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define ROOM 8192

static size_t pack(const struct audit_record *record, uint8_t out[ROOM])
{
    struct audit_entry entry = {.type = STR("decision"), .record = record};

    return audit_entry_pack(&entry, out, ROOM);
}

/* Reads all fields; true when the entry is whole. */
static bool unpack(const uint8_t *bytes, size_t length,
                   struct audit_value values[AUDIT_FIELD_COUNT], struct audit_entry_reader *reader)
{
    audit_entry_read(bytes, length, reader);
    for (int i = 0; i < AUDIT_FIELD_COUNT; i++) {
        if (!audit_entry_next(reader, (enum audit_field)i, &values[i])) {
            values[i].kind = AUDIT_ABSENT;
        }
    }
    return audit_entry_is_whole(reader);
}

static bool is_entry(const uint8_t *bytes, size_t length)
{
    struct audit_value values[AUDIT_FIELD_COUNT];
    struct audit_entry_reader reader;
    /* A copy of the exact size, so that a read beyond it is found. */
    uint8_t *copy = malloc(length ? length : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, length);
    bool is_whole = unpack(copy, length, values, &reader);
    free(copy);
    return is_whole;
}

START_TEST(rejects_an_entry_cut_anywhere)
{
    struct audit_record record = sample_record(1);
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);

    ck_assert_uint_gt(length, 100);
    for (size_t cut = 0; cut < length; cut++) {
        ck_assert_msg(!is_entry(bytes, cut), "cut at %zu", cut);
    }
    ck_assert(is_entry(bytes, length));
}
END_TEST

START_TEST(rejects_bytes_after_the_entry)
{
    struct audit_record record = sample_record(1);
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);

    bytes[length] = 0xc0;
    ck_assert(!is_entry(bytes, length + 1));
}
END_TEST

static const struct {
    const char *name;
    uint8_t bytes[12];
    size_t length;
} bad_entries[] = {
    {"nothing", {0}, 0},
    {"no array", {0xa1, 'x'}, 2},
    {"empty array", {0x90}, 1},
    {"flags missing", {0x91}, 1},
    {"flags are text", {0x92, 0xa0, 0xa1, 'x'}, 4},
    {"a map where a text should be", {0x92, 0x00, 0x80}, 3},
    {"an array in the array", {0x92, 0x00, 0x91, 0xc0}, 4},
    {"an array of four billion", {0xdd, 0xff, 0xff, 0xff, 0xff, 0x00}, 6},
    {"a number where a text should be", {0x92, 0x00, 0x05}, 3},
    {"a text where a time should be", {0x93, 0x00, 0xa1, 'x', 0xa1, 'y'}, 6},
    {"a text longer than what is there", {0x92, 0x00, 0xda, 0xff, 0xff, 'x'}, 6},
    {"a text of 4 GiB", {0x92, 0x00, 0xdb, 0xff, 0xff, 0xff, 0xff}, 7},
    {"a negative time", {0x93, 0x00, 0xa1, 'x', 0xff}, 5},
    {"a time above 2^63", {0x93, 0, 0xa1, 'x', 0xcf, 0x80, 0, 0, 0, 0, 0, 0}, 12},
    {"the reserved byte", {0x92, 0x00, 0xc1}, 3},
};

START_TEST(rejects_what_is_no_entry)
{
    ck_assert_msg(!is_entry(bad_entries[_i].bytes, bad_entries[_i].length), "%s",
                  bad_entries[_i].name);
}
END_TEST

START_TEST(rejects_an_address_of_another_length)
{
    struct audit_record record = sample_record(1);
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);
    uint8_t *address = memmem(bytes, length, "\xc4\x04", 2);

    ck_assert_ptr_nonnull(address);
    address[1] = 3;
    address[5] = 0xc0; /* the fourth byte becomes the next value */
    ck_assert(!is_entry(bytes, length));
}
END_TEST

START_TEST(packs_nothing_where_there_is_no_room)
{
    struct audit_record record = sample_record(1);
    struct audit_entry entry = {.type = STR("decision"), .record = &record};
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);

    for (size_t room = 0; room < length; room++) {
        uint8_t *exact = malloc(room ? room : 1);

        ck_assert_ptr_nonnull(exact);
        ck_assert_uint_eq(audit_entry_pack(&entry, exact, room), 0);
        free(exact);
    }
    ck_assert_uint_eq(audit_entry_pack(&entry, bytes, length), length);
}
END_TEST

START_TEST(gives_back_what_was_packed)
{
    struct audit_record record = sample_record(77);
    struct audit_value values[AUDIT_FIELD_COUNT];
    struct audit_entry_reader reader;
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);

    ck_assert(unpack(bytes, length, values, &reader));
    ck_assert(!reader.is_truncated && !reader.path_is_raw && !reader.is_counted);
    ck_assert(str_equal(values[AUDIT_FIELD_TYPE].bytes, STR("decision")));
    ck_assert(str_equal(values[AUDIT_FIELD_RID].bytes, STR("r77")));
    ck_assert(str_equal(values[AUDIT_FIELD_REASON].bytes, STR("ok")));
    ck_assert(str_equal(values[AUDIT_FIELD_SOURCE].bytes, str_make("\xc0\x00\x02\x07", 4)));
    ck_assert_int_eq(values[AUDIT_FIELD_TIME].integer, record.wall_us);
    ck_assert_int_eq(values[AUDIT_FIELD_STATUS].integer, 200);
    ck_assert_int_eq(values[AUDIT_FIELD_SHADOW].kind, AUDIT_ABSENT);
    ck_assert_int_eq(values[AUDIT_FIELD_REQUESTS].kind, AUDIT_ABSENT);
}
END_TEST

START_TEST(leaves_out_what_is_absent)
{
    struct audit_record record = {.status = -1, .duration_us = -1};
    struct audit_value values[AUDIT_FIELD_COUNT];
    struct audit_entry_reader reader;
    uint8_t bytes[ROOM];
    size_t length = pack(&record, bytes);

    ck_assert(unpack(bytes, length, values, &reader));
    for (int i = AUDIT_FIELD_TYPE + 1; i < AUDIT_FIELD_COUNT; i++) {
        ck_assert_msg(values[i].kind == AUDIT_ABSENT, "field %d", i);
    }
}
END_TEST

START_TEST(cuts_long_texts_and_says_so)
{
    static char path[8192];
    struct audit_record record = sample_record(1);
    struct audit_value values[AUDIT_FIELD_COUNT];
    struct audit_entry_reader reader;
    uint8_t bytes[ROOM];

    memset(path, 'a', sizeof(path));
    record.path = str_make(path, sizeof(path));
    size_t length = pack(&record, bytes);
    ck_assert(unpack(bytes, length, values, &reader));
    ck_assert(reader.is_truncated);
    ck_assert_uint_eq(values[AUDIT_FIELD_PATH].bytes.len, 2048);
}
END_TEST

START_TEST(fits_one_record_with_every_text_at_its_bound)
{
    static char text[8192];
    uint8_t bytes[ROOM];
    struct str all = {text, sizeof(text)};
    struct audit_record record = {.wall_us = INT64_MAX,
                                  .mono_us = INT64_MAX,
                                  .duration_us = INT64_MAX,
                                  .rid = all,
                                  .gate = all,
                                  .frontend = all,
                                  .host = all,
                                  .method = all,
                                  .path = all,
                                  .user = all,
                                  .team = all,
                                  .credential = all,
                                  .roles = all,
                                  .verdict = all,
                                  .rule = all,
                                  .shadow = all,
                                  .fault = all,
                                  .data = all,
                                  .source = {16, {0}},
                                  .status = INT32_MAX,
                                  .reason = REASON_AUDIT_BLOCKED};

    memset(text, '"', sizeof(text));
    size_t length = pack(&record, bytes);
    ck_assert_uint_gt(length, 4000);
    ck_assert(is_entry(bytes, length));
}
END_TEST

START_TEST(never_cuts_inside_a_character)
{
    /* "a", then characters of 2, 3 and 4 bytes */
    struct str text = STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t bound = 0; bound < sizeof(want) / sizeof(want[0]); bound++) {
        ck_assert_uint_eq(audit_text_cut(text, bound).len, want[bound]);
    }
}
END_TEST

START_TEST(reads_entries_of_earlier_and_later_versions)
{
    static const uint8_t earlier[] = {0x92, 0x00, 0xa1, 'x'};
    uint8_t later[3 + 1 + 2 + 300] = {0xdc, 0x01, 0x00, 0x00, 0xa1, 'x'};

    memset(later + 6, 0xc0, 0x100 - 2);
    ck_assert(is_entry(earlier, sizeof(earlier)));
    ck_assert(is_entry(later, 6 + 0x100 - 2));
}
END_TEST

Suite *entry_suite(void)
{
    Suite *suite = suite_create("entry");
    TCase *tcase = tcase_create("entry");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, rejects_an_entry_cut_anywhere);
    tcase_add_test(tcase, rejects_bytes_after_the_entry);
    tcase_add_loop_test(tcase, rejects_what_is_no_entry, 0, COUNT(bad_entries));
    tcase_add_test(tcase, rejects_an_address_of_another_length);
    tcase_add_test(tcase, packs_nothing_where_there_is_no_room);
    tcase_add_test(tcase, gives_back_what_was_packed);
    tcase_add_test(tcase, leaves_out_what_is_absent);
    tcase_add_test(tcase, cuts_long_texts_and_says_so);
    tcase_add_test(tcase, fits_one_record_with_every_text_at_its_bound);
    tcase_add_test(tcase, never_cuts_inside_a_character);
    tcase_add_test(tcase, reads_entries_of_earlier_and_later_versions);
    suite_add_tcase(suite, tcase);
    return suite;
}
