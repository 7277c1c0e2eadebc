/* The parts alone: table, eviction list, fingerprint. */
#include <stdlib.h>

#include "agent/directory/print.h"
#include "agent/directory/sieve.h"
#include "agent/directory/table.h"
#include "tests/unit/directory/suites.h"

#define SLOTS 5000

static struct slot *new_slot(uint32_t number)
{
    struct slot *slot = calloc(1, sizeof(*slot) + sizeof(number));

    memcpy(slot_name(slot), &number, sizeof(number));
    slot->name_length = sizeof(number);
    slot->kind = (uint8_t)(number % RECORD_KIND_COUNT);
    /* Few different hashes, so that chains grow and names decide. */
    slot->hash = number % 977;
    return slot;
}

static struct slot *find(const struct table *table, uint32_t number)
{
    return table_find(table, number % 977, number % RECORD_KIND_COUNT,
                      str_make((const char *)&number, sizeof(number)));
}

static void count_slot(void *context, struct slot *slot)
{
    (*(size_t *)context)++;
    free(slot);
}

/* Checked at every size, so also in the middle of every growth. */
START_TEST(table_finds_exactly_what_was_added)
{
    struct table table;
    size_t visited = 0;

    ck_assert_int_eq(table_init(&table), ERR_OK);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = new_slot(i);
        table_add(&table, slot);
        ck_assert_ptr_eq(find(&table, i), slot);
        ck_assert_ptr_nonnull(find(&table, i / 2));
        ck_assert_ptr_null(find(&table, i + 1));
    }
    for (uint32_t i = 0; i < SLOTS; i += 2) {
        struct slot *slot = find(&table, i);
        table_remove(&table, slot);
        free(slot);
        ck_assert_ptr_null(find(&table, i));
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        ck_assert_int_eq(find(&table, i) != NULL, i % 2 == 1);
    }
    ck_assert_uint_eq(table.count, SLOTS / 2);
    table_each(&table, count_slot, &visited);
    ck_assert_uint_eq(visited, SLOTS / 2);
    table_fini(&table);
}
END_TEST

START_TEST(table_gives_back_what_it_holds_in_the_middle_of_growing)
{
    struct table table;
    size_t visited = 0;
    uint32_t count = 0;

    ck_assert_int_eq(table_init(&table), ERR_OK);
    while (!table.old) {
        table_add(&table, new_slot(count++));
    }
    struct slot *slot = find(&table, count / 2);
    ck_assert_ptr_nonnull(slot);
    table_remove(&table, slot);
    free(slot);
    table_each(&table, count_slot, &visited);
    ck_assert_uint_eq(visited, count - 1);
    table_fini(&table);
}
END_TEST

START_TEST(table_tells_kinds_apart)
{
    struct table table;
    struct slot *user = new_slot(RECORD_USER);

    ck_assert_int_eq(table_init(&table), ERR_OK);
    table_add(&table, user);
    struct str name = str_make(slot_name(user), user->name_length);
    ck_assert_ptr_eq(table_find(&table, user->hash, RECORD_USER, name), user);
    ck_assert_ptr_null(table_find(&table, user->hash, RECORD_KEY, name));
    ck_assert_ptr_null(table_find(&table, user->hash + 1, RECORD_USER, name));
    free(user);
    table_fini(&table);
}
END_TEST

static struct slot slots[2 * SIEVE_STEPS_MAX];

static struct sieve sieve_of(size_t count)
{
    struct sieve sieve = {.max = count};

    for (size_t i = 0; i < count; i++) {
        ck_assert(!sieve_is_full(&sieve));
        sieve_add(&sieve, &slots[i]);
    }
    ck_assert(sieve_is_full(&sieve));
    return sieve;
}

START_TEST(sieve_gives_up_the_oldest_that_was_not_used)
{
    struct sieve sieve = sieve_of(4);

    slots[0].is_visited = true;
    slots[2].is_visited = true;
    ck_assert_ptr_eq(sieve_evict(&sieve), &slots[1]);
    /* The hand goes on where it stood; 0 has lost its bit, but its turn is over. */
    ck_assert_ptr_eq(sieve_evict(&sieve), &slots[3]);
    ck_assert_ptr_eq(sieve_evict(&sieve), &slots[0]);
    ck_assert_ptr_eq(sieve_evict(&sieve), &slots[2]);
    ck_assert_uint_eq(sieve.count, 0);
}
END_TEST

START_TEST(sieve_survives_the_removal_of_any_slot)
{
    for (size_t removed = 0; removed < 4; removed++) {
        for (size_t hand = 0; hand < 4; hand++) {
            struct sieve sieve = sieve_of(4);
            sieve.hand = &slots[hand];
            sieve_remove(&sieve, &slots[removed]);
            for (size_t left = 3; left > 0; left--) {
                ck_assert_ptr_ne(sieve_evict(&sieve), &slots[removed]);
            }
            ck_assert_ptr_null(sieve.newest);
            ck_assert_ptr_null(sieve.oldest);
        }
    }
}
END_TEST

START_TEST(sieve_ends_where_all_were_used)
{
    struct sieve sieve = sieve_of(2 * SIEVE_STEPS_MAX);

    for (size_t i = 0; i < 2 * SIEVE_STEPS_MAX; i++) {
        slots[i].is_visited = true;
    }
    ck_assert_ptr_eq(sieve_evict(&sieve), &slots[SIEVE_STEPS_MAX]);
    ck_assert(!slots[0].is_visited && slots[SIEVE_STEPS_MAX + 1].is_visited);

    struct sieve one = sieve_of(1);
    slots[0].is_visited = true;
    ck_assert_ptr_eq(sieve_evict(&one), &slots[0]);
}
END_TEST

#define SCAN_SLOTS  4096
#define SCAN_BUSY   3686 /* nine of ten */
#define SCAN_LENGTH 40000

/* The hand must pass many busy slots in a row, more than its steps, to come to those that a scan left;
 * but only once. */
START_TEST(sieve_gives_up_few_busy_slots_for_a_scan)
{
    static struct slot many[SCAN_SLOTS + SCAN_LENGTH];
    struct sieve sieve = {.max = SCAN_SLOTS};
    size_t lost = 0;

    for (size_t i = 0; i < SCAN_SLOTS; i++) {
        sieve_add(&sieve, &many[i]);
    }
    for (size_t scanned = 0; scanned < SCAN_LENGTH; scanned++) {
        for (size_t i = 0; scanned % 50 == 0 && i < SCAN_BUSY; i++) {
            many[i].is_visited = true;
        }
        struct slot *gone = sieve_evict(&sieve);
        sieve_add(&sieve, gone < &many[SCAN_BUSY] ? gone : &many[SCAN_SLOTS + scanned]);
        lost += gone < &many[SCAN_BUSY];
    }
    ck_assert_msg(lost <= SCAN_BUSY / 50, "%zu lost", lost);
}
END_TEST

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            value, sizeof(value) - 1                                                               \
        }                                                                                          \
    }

static const struct {
    const char *name;
    struct store_field fields[2];
    size_t count;
    bool is_same;
} print_cases[] = {
    {"the same", {FIELD("a", "1"), FIELD("b", "2")}, 2, true},
    {"another order", {FIELD("b", "2"), FIELD("a", "1")}, 2, true},
    {"another value", {FIELD("a", "1"), FIELD("b", "3")}, 2, false},
    {"another name", {FIELD("a", "1"), FIELD("c", "2")}, 2, false},
    {"values swapped", {FIELD("a", "2"), FIELD("b", "1")}, 2, false},
    {"one less", {FIELD("a", "1")}, 1, false},
    {"bytes moved from value to name", {FIELD("a1", ""), FIELD("b", "2")}, 2, false},
    {"an empty field more", {FIELD("a", "1"), FIELD("", "")}, 2, false},
    {"nothing", {FIELD("", "")}, 0, false},
};

START_TEST(print_tells_whether_anything_changed)
{
    const struct siphash_key key = {1, 2};
    const struct store_field base[] = {FIELD("a", "1"), FIELD("b", "2")};
    struct siphash_digest want = print_fields(&key, base, 2);
    struct siphash_digest got = print_fields(&key, print_cases[_i].fields, print_cases[_i].count);

    ck_assert_msg((want.low == got.low && want.high == got.high) == print_cases[_i].is_same, "%s",
                  print_cases[_i].name);
}
END_TEST

Suite *parts_suite(void)
{
    Suite *suite = suite_create("parts");
    TCase *tcase = tcase_create("parts");

    tcase_add_test(tcase, table_finds_exactly_what_was_added);
    tcase_add_test(tcase, table_gives_back_what_it_holds_in_the_middle_of_growing);
    tcase_add_test(tcase, table_tells_kinds_apart);
    tcase_add_test(tcase, sieve_gives_up_the_oldest_that_was_not_used);
    tcase_add_test(tcase, sieve_survives_the_removal_of_any_slot);
    tcase_add_test(tcase, sieve_ends_where_all_were_used);
    tcase_add_test(tcase, sieve_gives_up_few_busy_slots_for_a_scan);
    tcase_add_loop_test(tcase, print_tells_whether_anything_changed, 0,
                        sizeof(print_cases) / sizeof(print_cases[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
