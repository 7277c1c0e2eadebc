/* The n-th allocation fails, for all n: never FOUND by accident, and all is well afterwards. */
#include "tests/support/failing_alloc.h"
#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define ALLOCATIONS_MAX 200

static struct world world;

static enum directory_answer ask(const char *team, struct waiter *waiter)
{
    struct directory_entry *entry;

    return directory_get(world.directory, RECORD_TEAM, str_from_c(team), STR("source"), world.now,
                         waiter, &entry);
}

/* Asks until there is an answer. Nothing of Check in here: it allocates too. */
static enum directory_answer ask_to_the_end(const char *team)
{
    struct asker asker;
    enum directory_answer answer;

    asker_init(&asker);
    answer = ask(team, &asker.waiter);
    while (answer == DIRECTORY_PENDING) {
        fake_store_step(world.fake);
        directory_tick(world.directory, world.now);
        answer = ask(team, &asker.waiter);
    }
    return answer;
}

START_TEST(a_failing_allocation_is_refused_and_overcome)
{
    bool has_failed = true;
    bool was_refused = false;

    for (long n = 1; has_failed; n++) {
        ck_assert_int_lt(n, ALLOCATIONS_MAX);
        world_init(&world);
        world_team(&world, "ops", "a note");
        failing_alloc_start(n);
        enum directory_answer answer = ask_to_the_end("ops");
        has_failed = failing_alloc_stop();
        was_refused = was_refused || answer != DIRECTORY_FOUND;
        ck_assert(answer == DIRECTORY_FOUND || answer == DIRECTORY_BUSY ||
                  answer == DIRECTORY_DOWN);
        ck_assert(has_failed || answer == DIRECTORY_FOUND);
        world_pass(&world, DIRECTORY_RETRY_US);
        ck_assert_int_eq(ask_to_the_end("ops"), DIRECTORY_FOUND);
        world_fini(&world);
    }
    ck_assert(was_refused);
}
END_TEST

START_TEST(a_new_directory_is_whole_or_none)
{
    const struct directory_settings settings = world_settings();
    struct fake_store *fake = fake_store_new();
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        struct directory *directory = directory_new(&fake->store, &settings);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(directory == NULL, has_failed);
        directory_free(directory);
    }
    store_free(&fake->store);
}
END_TEST

START_TEST(a_hit_allocates_nothing)
{
    struct asker asker;

    world_init(&world);
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(world_fetch(&world, "ops"), DIRECTORY_FOUND);
    ck_assert_int_eq(world_fetch(&world, "nobody"), DIRECTORY_ABSENT);
    asker_init(&asker);
    failing_alloc_start(1);
    enum directory_answer known = ask("ops", &asker.waiter);
    enum directory_answer absent = ask("nobody", &asker.waiter);
    ck_assert(!failing_alloc_stop());
    ck_assert_int_eq(known, DIRECTORY_FOUND);
    ck_assert_int_eq(absent, DIRECTORY_ABSENT);
    world_fini(&world);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");

    tcase_add_test(tcase, a_failing_allocation_is_refused_and_overcome);
    tcase_add_test(tcase, a_new_directory_is_whole_or_none);
    tcase_add_test(tcase, a_hit_allocates_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
