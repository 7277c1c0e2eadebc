/* Damaged files: refused, or else a zone as good as any. Bytes lie in memory of their exact length,
 * for ASan. */
#include <stdlib.h>

#include "agent/quota/window.h"
#include "agent/quota/zone_file.h"
#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/tzif.h"

static const char *const names[] = {"Europe/Berlin",  "Europe/Dublin", "Africa/Casablanca",
                                    "Asia/Kathmandu", "Asia/Gaza",     "America/Nuuk",
                                    "Pacific/Apia",   "Etc/GMT+5"};

static struct zone *parse_copy(struct str bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    struct zone *zone = NULL;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes.ptr, length);
    enum err e = zone_file_parse(str_make(copy, length), &zone);
    ck_assert(e == ERR_SYNTAX || e == ERR_OK);
    ck_assert((e == ERR_OK) == (zone != NULL));
    free(copy);
    return zone;
}

static void check_window(enum limit_per per, const struct zone *zone, int64_t unix_s)
{
    struct window window = window_at(per, zone, unix_s * 1000);

    ck_assert(window_holds(&window, unix_s * 1000));
    ck_assert_int_eq(window_at(per, zone, window.start_ms - 1).end_ms, window.start_ms);
    ck_assert_int_eq(window_at(per, zone, window.end_ms).start_ms, window.end_ms);
}

static void check_zone(const struct zone *zone, uint64_t *random)
{
    int64_t at = instant_between(random, 0, ZONE_LAST_S - 40 * 86400);
    int64_t near = instant_between(random, ZONE_FIRST_S, INT64_C(4102444800));

    ck_assert_int_gt(zone_span(zone, at).end_s, at);
    check_window(LIMIT_PER_DAY, zone, at);
    check_window(LIMIT_PER_DAY, zone, near);
    check_window(LIMIT_PER_MONTH, zone, near);
}

START_TEST(refuses_files_cut_at_any_length)
{
    struct str bytes = tzif_of_machine(names[_i]);

    for (size_t length = 0; length < bytes.len; length++) {
        ck_assert_ptr_null(parse_copy(bytes, length));
    }
    struct zone *zone = parse_copy(bytes, bytes.len);
    ck_assert_ptr_nonnull(zone);
    free(zone);
    free((char *)(uintptr_t)bytes.ptr);
}
END_TEST

START_TEST(survives_any_byte_flipped)
{
    struct str bytes = tzif_of_machine(names[_i]);
    uint64_t random = 4711;

    for (size_t i = 0; i < bytes.len; i++) {
        char *byte = (char *)(uintptr_t)&bytes.ptr[i];
        char before = *byte;

        *byte = (char)(before ^ (char)(1 + instant_random(&random) % 255));
        struct zone *zone = parse_copy(bytes, bytes.len);
        if (zone) {
            check_zone(zone, &random);
        }
        free(zone);
        *byte = before;
    }
    free((char *)(uintptr_t)bytes.ptr);
}
END_TEST

/* Sixteen changes to and fro across all offsets, a second or some hours apart. */
START_TEST(clocks_that_jump_have_whole_windows)
{
    struct tzif tzif = {
        .version = '2', .change_count = TZIF_CHANGES_MAX, .type_count = 2, .footer = "\n\n"};
    char bytes[TZIF_BYTES_MAX];
    uint64_t random = 1 + (uint64_t)_i;
    int64_t at = INT64_C(1700000000);

    tzif.offsets[0] = ZONE_OFFSET_MIN;
    tzif.offsets[1] = ZONE_OFFSET_MAX;
    for (int i = 0; i < TZIF_CHANGES_MAX; i++) {
        at += instant_between(&random, 1, _i % 2 ? 10 : 200000);
        tzif.changes[i].at_s = at;
        tzif.changes[i].type = (uint8_t)(i % 2);
    }
    struct str file = tzif_write(&tzif, bytes);
    struct zone *zone = parse_copy(file, file.len);
    for (int i = 0; i < 200; i++) {
        int64_t near = instant_between(&random, tzif.changes[0].at_s - 400000, at + 400000);
        check_window(LIMIT_PER_DAY, zone, near);
        check_window(LIMIT_PER_WEEK, zone, near);
    }
    free(zone);
}
END_TEST

Suite *zone_hostile_suite(void)
{
    Suite *suite = suite_create("zone_hostile");
    TCase *tests = tcase_create("zone_hostile");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, refuses_files_cut_at_any_length, 0, COUNT(names));
    tcase_add_loop_test(tests, survives_any_byte_flipped, 0, COUNT(names));
    tcase_add_loop_test(tests, clocks_that_jump_have_whole_windows, 0, 20);
    suite_add_tcase(suite, tests);
    return suite;
}
