/* Who gives way to whom. */
#include "agent/shield/table.h"

#include "tests/support/failing_alloc.h"
#include "tests/unit/shield/suites.h"

#define ROOM 64

static struct shield_table table;

static void setup(void)
{
    ck_assert_int_eq(shield_table_init(&table, ROOM), ERR_OK);
}

static void teardown(void)
{
    shield_table_fini(&table);
}

/* Hashes are odd; this one is as good as random. */
static uint64_t hash_of(uint64_t number)
{
    uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15);

    return (x ^ x >> 29) | 1;
}

/* All in one set. */
static uint64_t twin(uint64_t number)
{
    return number << 32 | 1;
}

static void set(struct shield_entry *entry, int64_t clear_us, int64_t until_us)
{
    ck_assert_ptr_nonnull(entry);
    entry->count = (struct shield_count){.clear_us = clear_us, .until_us = until_us};
    shield_table_note(&table, entry);
}

START_TEST(finds_what_it_took)
{
    ck_assert_ptr_null(shield_table_find(&table, hash_of(1)));
    struct shield_entry *entry = shield_table_take(&table, hash_of(1), 0);
    ck_assert_ptr_nonnull(entry);
    ck_assert_ptr_eq(shield_table_find(&table, hash_of(1)), entry);
    ck_assert_ptr_eq(shield_table_take(&table, hash_of(1), 0), entry);
    ck_assert_ptr_null(shield_table_find(&table, hash_of(2)));
}
END_TEST

START_TEST(has_the_room_that_was_asked_for)
{
    ck_assert_uint_ge(shield_table_places(&table), ROOM);
    shield_table_fini(&table);
    ck_assert_int_eq(shield_table_init(&table, 16384), ERR_OK);
    ck_assert_uint_eq(shield_table_places(&table), 16384);
    unsigned kept = 0;
    for (uint64_t i = 1; i <= 8192; i++) {
        set(shield_table_take(&table, hash_of(i), 0), 100, 0);
    }
    for (uint64_t i = 1; i <= 8192; i++) {
        kept += shield_table_find(&table, hash_of(i)) != NULL;
    }
    ck_assert_uint_gt(kept, 8192 * 95 / 100);
}
END_TEST

START_TEST(who_is_forgotten_first_gives_way)
{
    for (uint64_t i = 1; i <= 8; i++) {
        set(shield_table_take(&table, twin(i), 0), i == 5 ? 50 : 100, 0);
    }
    set(shield_table_take(&table, twin(9), 0), 100, 0);
    ck_assert_ptr_null(shield_table_find(&table, twin(5)));
    ck_assert_ptr_nonnull(shield_table_find(&table, twin(9)));
}
END_TEST

START_TEST(who_waits_stays_whoever_comes)
{
    set(shield_table_take(&table, twin(1), 0), 20, 10);
    for (uint64_t i = 2; i <= 100000; i++) {
        set(shield_table_take(&table, twin(i), 5), 1000, 0);
    }
    ck_assert_ptr_nonnull(shield_table_find(&table, twin(1)));
    ck_assert_int_eq(shield_table_find(&table, twin(1))->count.until_us, 10);
    ck_assert_uint_eq(table.refused, 0);
}
END_TEST

START_TEST(where_all_wait_there_is_no_place)
{
    for (uint64_t i = 1; i <= 8; i++) {
        set(shield_table_take(&table, twin(i), 0), 20, 10);
    }
    ck_assert_ptr_null(shield_table_take(&table, twin(9), 9));
    ck_assert_uint_eq(table.refused, 1);
    ck_assert_ptr_nonnull(shield_table_take(&table, twin(9), 10));
}
END_TEST

START_TEST(knows_until_when_anybody_waits)
{
    ck_assert_int_eq(table.waits_until_us, 0);
    set(shield_table_take(&table, twin(1), 0), 20, 10);
    set(shield_table_take(&table, twin(2), 0), 20, 7);
    ck_assert_int_eq(table.waits_until_us, 10);
}
END_TEST

START_TEST(without_memory_there_is_no_table)
{
    struct shield_table other;

    failing_alloc_start(1);
    enum err e = shield_table_init(&other, ROOM);
    ck_assert(failing_alloc_stop());
    ck_assert_int_eq(e, ERR_MEMORY);
    shield_table_fini(&other);
}
END_TEST

Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("table");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, finds_what_it_took);
    tcase_add_test(tests, has_the_room_that_was_asked_for);
    tcase_add_test(tests, who_is_forgotten_first_gives_way);
    tcase_add_test(tests, who_waits_stays_whoever_comes);
    tcase_add_test(tests, where_all_wait_there_is_no_place);
    tcase_add_test(tests, knows_until_when_anybody_waits);
    tcase_add_test(tests, without_memory_there_is_no_table);
    suite_add_tcase(suite, tests);
    return suite;
}
