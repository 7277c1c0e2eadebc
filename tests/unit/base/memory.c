#include <stdalign.h>
#include <stdio.h>
#include <time.h>

#include "agent/base/arena.h"
#include "agent/base/clock.h"
#include "agent/base/copy.h"
#include "agent/base/ensure.h"
#include "tests/unit/base/suites.h"

START_TEST(arena_gives_no_more_than_it_has)
{
    alignas(max_align_t) char block[64];
    struct arena arena;

    arena_init(&arena, block, sizeof(block));
    ck_assert_ptr_null(arena_take(&arena, 65));
    ck_assert_ptr_null(arena_take(&arena, SIZE_MAX));
    ck_assert_ptr_nonnull(arena_take(&arena, 64));
    ck_assert_ptr_null(arena_take(&arena, 1));
    ck_assert(str_is_absent(arena_copy(&arena, STR("x"))));
}
END_TEST

START_TEST(arena_aligns_even_in_an_unaligned_block)
{
    alignas(max_align_t) char block[128];
    struct arena arena;

    arena_init(&arena, block + 1, 100);
    for (int i = 0; i < 3; i++) {
        void *taken = arena_take(&arena, 1);

        ck_assert_ptr_nonnull(taken);
        ck_assert_uint_eq((uintptr_t)taken % alignof(max_align_t), 0);
    }
}
END_TEST

START_TEST(arena_wipes_what_was_used)
{
    char block[64], zeroes[64] = {0};
    struct arena arena;

    memset(block, 0, sizeof(block));
    arena_init(&arena, block, sizeof(block));
    struct str copy = arena_copy(&arena, STR("secret"));
    ck_assert(str_equal(copy, STR("secret")));
    arena_reset(&arena);
    ck_assert_mem_eq(block, zeroes, sizeof(block));
    ck_assert_ptr_eq(arena_copy(&arena, STR("again")).ptr, copy.ptr);
    ck_assert(!str_is_absent(arena_copy(&arena, STR(""))));
}
END_TEST

/* Between guards that must stay, for every length around each of the steps. */
START_TEST(copies_every_length_exactly)
{
    char from[96], out[98];

    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (char)('A' + i);
    }
    for (size_t length = 0; length <= sizeof(from); length++) {
        memset(out, '.', sizeof(out));
        ck_assert_ptr_eq(copy_bytes(out + 1, from, length), out + 1 + length);
        ck_assert_mem_eq(out + 1, from, length);
        ck_assert_int_eq(out[0], '.');
        ck_assert_int_eq(out[1 + length], '.');
    }
    ck_assert_ptr_eq(copy_bytes(out, NULL, 0), out);
}
END_TEST

START_TEST(clock_follows_the_system)
{
    struct now a = clock_read(), b = clock_read();

    ck_assert_int_ge(b.mono_us, a.mono_us);
    /* time() reads a coarser clock, which may lag behind. */
    ck_assert_int_le(now_wall_s(a), (int64_t)time(NULL) + 1);
    ck_assert_int_ge(now_wall_s(b) + 5, (int64_t)time(NULL));
}
END_TEST

START_TEST(ensure_aborts_when_the_condition_fails)
{
    ensure(1 + 1 == 2);
    if (freopen("/dev/null", "w", stderr)) {
        ensure(1 + 1 == 3);
    }
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");

    tcase_add_test(tests, arena_gives_no_more_than_it_has);
    tcase_add_test(tests, arena_aligns_even_in_an_unaligned_block);
    tcase_add_test(tests, arena_wipes_what_was_used);
    tcase_add_test(tests, copies_every_length_exactly);
    tcase_add_test(tests, clock_follows_the_system);
    tcase_add_test_raise_signal(tests, ensure_aborts_when_the_condition_fails, 6);
    suite_add_tcase(suite, tests);
    return suite;
}
