#include "tests/unit/quota/world.h"

#include <stdio.h>

#include "agent/base/ensure.h"

static int admission_count;

static void open_agent(struct world *world, int index)
{
    struct agent *agent = &world->agents[index];

    agent->fake = fake_store_new();
    agent->fake->script_cb = fake_counter_script;
    agent->fake->script_context = &world->counters;
    snprintf(agent->holder, sizeof(agent->holder), "a%d.0.b", index);
    const struct quota_settings settings = {.prefix = STR("reeve:"),
                                            .holder = str_from_c(agent->holder),
                                            .max_leases = WORLD_LEASES,
                                            .worker_count = 1};
    agent->quota = quota_new(&agent->fake->store, &settings);
    ck_assert_ptr_nonnull(agent->quota);
}

void world_open(struct world *world, int agent_count)
{
    *world = (struct world){.agent_count = agent_count,
                            .now = {.mono_us = 77 * SECOND, .wall_us = WORLD_START_US}};
    world->counters.now_us = WORLD_START_US;
    ck_assert_int_eq(quota_start(), ERR_OK);
    for (int i = 0; i < agent_count; i++) {
        open_agent(world, i);
    }
}

void world_close(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++) {
        quota_free(world->agents[i].quota);
        store_free(&world->agents[i].fake->store);
    }
}

void world_pass(struct world *world, int64_t us)
{
    world->now.mono_us += us;
    world->now.wall_us += us;
    world->counters.now_us += us;
}

void world_tick(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++) {
        quota_tick(world->agents[i].quota, world->now);
    }
}

void world_turn(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++) {
        fake_store_step(world->agents[i].fake);
    }
    world_tick(world);
}

void world_set_mode(struct world *world, enum fake_store_mode mode)
{
    for (int i = 0; i < world->agent_count; i++) {
        fake_store_set_mode(world->agents[i].fake, mode);
    }
}

struct fake_counter *world_used(struct world *world)
{
    return fake_counter_get(&world->counters, "reeve:used:{user:a}:x");
}

struct fake_counter *world_bucket(struct world *world)
{
    return fake_counter_get(&world->counters, "reeve:bucket:{user:a}:x");
}

struct quota_counters agent_counters(const struct agent *agent)
{
    struct quota_counters counters;

    quota_counters(agent->quota, &counters);
    return counters;
}

static void wake_cb(struct waiter *waiter, struct now now)
{
    struct asker *asker = (struct asker *)(void *)waiter;

    (void)now;
    asker->woken_count++;
    asker_ask(asker);
}

void asker_init(struct asker *asker, struct world *world, int agent,
                const struct limit_record *limit, uint64_t cost)
{
    *asker = (struct asker){
        .waiter.wake_cb = wake_cb,
        .world = world,
        .agent = &world->agents[agent],
        .claim = {.name = STR("x"), .limit = limit, .subject = STR("user:a"), .cost = cost}};
}

enum quota_answer asker_ask(struct asker *asker)
{
    struct quota *quota = asker->agent->quota;

    asker->claim.lease = NULL;
    asker->answer = quota_check(quota, &asker->claim, asker->world->now, &asker->waiter);
    ensure((asker->answer == QUOTA_PENDING) ==
           (asker->waiter.next != NULL)); /* allocates nothing */
    if (asker->answer == QUOTA_ENOUGH) {
        quota_spend(quota, &asker->claim, 1, asker->world->now);
        asker->admitted_count++;
        asker->order = ++admission_count;
    }
    return asker->answer;
}

enum quota_answer asker_ask_through(struct asker *asker)
{
    asker_ask(asker);
    world_tick(asker->world);
    for (int i = 0; i < 8 && asker->answer == QUOTA_PENDING; i++) {
        world_turn(asker->world);
    }
    return asker->answer;
}

int asker_admitted(struct asker *asker, int count)
{
    int before = asker->admitted_count;

    for (int i = 0; i < count; i++) {
        asker_ask_through(asker);
        ck_assert_int_ne(asker->answer, QUOTA_PENDING);
    }
    return asker->admitted_count - before;
}

struct limit_record limit_quota(uint64_t units, enum limit_per per)
{
    return (struct limit_record){.kind = LIMIT_QUOTA, .units = units, .per = per};
}

struct limit_record limit_rate(uint64_t units, uint64_t burst)
{
    return (struct limit_record){
        .kind = LIMIT_RATE, .units = units, .period_us = SECOND, .burst = burst};
}
