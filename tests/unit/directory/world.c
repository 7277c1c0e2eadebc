#include "tests/unit/directory/world.h"

#include <stdio.h>

static int wake_count;

static void wake_cb(struct waiter *waiter, struct now now)
{
    struct asker *asker = (struct asker *)(void *)waiter;

    (void)now;
    asker->woken_count++;
    asker->order = ++wake_count;
}

void asker_init(struct asker *asker)
{
    *asker = (struct asker){.waiter.wake_cb = wake_cb};
}

struct directory_settings world_settings(void)
{
    return (struct directory_settings){.prefix = STR("reeve:"),
                                       .max_age_us = WORLD_MAX_AGE_US,
                                       .max_records = WORLD_RECORDS,
                                       .max_absent = WORLD_ABSENTS,
                                       .max_source_misses = WORLD_SOURCE,
                                       .max_misses = WORLD_MISSES};
}

void world_init_with(struct world *world, const struct directory_settings *settings)
{
    *world = (struct world){.fake = fake_store_new()};
    world->directory = directory_new(&world->fake->store, settings);
    ck_assert_ptr_nonnull(world->directory);
    world->now = (struct now){.mono_us = 5000000, .wall_us = INT64_C(1700000000000000)};
}

void world_init(struct world *world)
{
    struct directory_settings settings = world_settings();

    world_init_with(world, &settings);
}

void world_fini(struct world *world)
{
    directory_free(world->directory);
    store_free(&world->fake->store);
}

void world_team(struct world *world, const char *name, const char *note)
{
    char key[128];

    snprintf(key, sizeof(key), "reeve:team:%s", name);
    fake_store_set(world->fake, key, "state", "active");
    if (note) {
        fake_store_set(world->fake, key, "note", note);
    }
}

void world_pass(struct world *world, int64_t us)
{
    world->now.mono_us += us;
    world->now.wall_us += us;
}

enum directory_answer world_ask_from(struct world *world, const char *source, const char *team,
                                     struct asker *asker)
{
    struct directory_entry *entry = NULL;
    enum directory_answer answer =
        directory_get(world->directory, RECORD_TEAM, str_from_c(team), str_from_c(source),
                      world->now, &asker->waiter, &entry);

    ck_assert_int_eq(answer == DIRECTORY_FOUND, entry != NULL);
    ck_assert_int_eq(answer == DIRECTORY_PENDING, asker->waiter.next != NULL);
    return answer;
}

enum directory_answer world_ask(struct world *world, const char *team, struct asker *asker)
{
    return world_ask_from(world, "\x0a\x00\x00\x01", team, asker);
}

struct directory_entry *world_entry(struct world *world, const char *team)
{
    struct directory_entry *entry = NULL;
    struct asker asker;

    asker_init(&asker);
    ck_assert_int_eq(directory_get(world->directory, RECORD_TEAM, str_from_c(team), STR("source"),
                                   world->now, &asker.waiter, &entry),
                     DIRECTORY_FOUND);
    return entry;
}

void world_key(struct world *world, const char *label)
{
    static const char hash[] =
        "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fake_store_set(world->fake, WORLD_KEY, "user", "alice");
    fake_store_set(world->fake, WORLD_KEY, "state", "active");
    fake_store_set(world->fake, WORLD_KEY, "hash", hash);
    fake_store_set(world->fake, WORLD_KEY, "hash2", hash);
    fake_store_set(world->fake, WORLD_KEY, "hash2_until", "1900000000");
    fake_store_set(world->fake, WORLD_KEY, "label", label);
}

struct key_record *world_key_record(struct world *world)
{
    struct directory_entry *entry = NULL;
    enum directory_answer answer;
    struct asker asker;

    asker_init(&asker);
    while ((answer = directory_get(world->directory, RECORD_KEY, STR("k"), STR("source"),
                                   world->now, &asker.waiter, &entry)) == DIRECTORY_PENDING) {
        world_turn(world);
    }
    ck_assert_int_eq(answer, DIRECTORY_FOUND);
    return &entry->record->key;
}

void world_tick(struct world *world)
{
    directory_tick(world->directory, world->now);
}

void world_turn(struct world *world)
{
    fake_store_step(world->fake);
    world_tick(world);
}

enum directory_answer world_fetch(struct world *world, const char *team)
{
    struct asker asker;

    asker_init(&asker);
    ck_assert_int_eq(world_ask(world, team, &asker), DIRECTORY_PENDING);
    world_turn(world);
    ck_assert_int_eq(asker.woken_count, 1);
    return world_ask(world, team, &asker);
}

struct directory_counters world_counters(const struct world *world)
{
    struct directory_counters counters;

    directory_counters(world->directory, &counters);
    return counters;
}
