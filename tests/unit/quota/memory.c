/* Every allocation of a history fails once: nobody is left waiting, nothing leaks or is admitted
 * twice, and afterwards all goes on. */
#include "agent/base/ensure.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/world.h"

static struct world world;

static void history(const struct limit_record *limit, const struct limit_record *other)
{
    struct asker first, second;

    asker_init(&first, &world, 0, limit, 1);
    asker_init(&second, &world, 0, other, 1);
    second.claim.name = STR("y");
    for (int i = 0; i < 5; i++) {
        asker_ask_through(&first);
        asker_ask_through(&second);
        world_pass(&world, SECOND);
        world_turn(&world);
    }
    ensure(!first.waiter.next && !second.waiter.next); /* ck_assert() allocates */
}

START_TEST(any_allocation_may_fail)
{
    struct limit_record quota = limit_quota(100, LIMIT_PER_DAY), rate = limit_rate(5, 5);
    bool has_failed = true;

    for (int n = 1; has_failed; n++) {
        ck_assert_int_lt(n, 1000);
        world_open(&world, 1);
        failing_alloc_start(n);
        history(&quota, &rate);
        has_failed = failing_alloc_stop();
        world_pass(&world, SECOND);
        struct asker asker;
        asker_init(&asker, &world, 0, &quota, 1);
        ck_assert_int_eq(asker_ask_through(&asker), QUOTA_ENOUGH);
        ck_assert_int_le(world_used(&world)->used, 8);
        world_close(&world);
    }
}
END_TEST

START_TEST(a_new_quota_needs_its_memory)
{
    const struct quota_settings settings = {
        .prefix = STR("reeve:"), .holder = STR("a"), .max_leases = 4, .worker_count = 1};
    struct fake_store *fake = fake_store_new();
    struct quota *quota = NULL;

    for (int n = 1; !quota; n++) {
        failing_alloc_start(n);
        quota = quota_new(&fake->store, &settings);
        ck_assert_int_eq(failing_alloc_stop(), quota == NULL);
    }
    quota_free(quota);
    quota_free(NULL);
    store_free(&fake->store);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");

    tcase_add_test(tests, any_allocation_may_fail);
    tcase_add_test(tests, a_new_quota_needs_its_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
