#include "tests/unit/shield/world.h"

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"

static struct shield *new_shield(struct world *world)
{
    struct shield *shield = shield_new(&world->config, &world->fake->store);

    ensure(shield);
    return shield;
}

void world_open(struct world *world)
{
    static char prefix[] = "p:";

    *world = (struct world){
        .config = {.prefix = prefix,
                   .max_failures = 10,
                   .max_source_failures = 100,
                   .failure_wait_us = SECOND,
                   .failure_wait_max_us = 900 * SECOND,
                   .failure_memory_us = 900 * SECOND,
                   .max_failing = 1024},
        .now = {.mono_us = 1000 * SECOND, .wall_us = 1800000000 * SECOND},
        .failures = {.now_us = 1800000000 * SECOND},
    };
    ensure(crypto_start() == ERR_OK && shield_start() == ERR_OK);
    world->fake = fake_store_new();
    world->fake->script_cb = fake_failures_script;
    world->fake->script_context = &world->failures;
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        world->shields[i] = new_shield(world);
    }
    world_turn(world);
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        shield_free(world->shields[i]);
    }
    store_free(&world->fake->store);
    crypto_stop();
}

void world_restart(struct world *world, unsigned worker)
{
    shield_free(world->shields[worker]);
    world->shields[worker] = new_shield(world);
    world_turn(world);
}

void world_turn(struct world *world)
{
    for (int turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < WORLD_WORKERS; i++) {
            shield_tick(world->shields[i], world->now);
        }
        fake_store_step(world->fake);
    }
}

void world_pass(struct world *world, int64_t us)
{
    world->now.mono_us += us;
    world->now.wall_us += us;
    world->failures.now_us += us;
    world_turn(world);
}

static struct ip address(const char *text)
{
    struct ip_prefix prefix;

    ensure(ip_prefix_parse(str_from_c(text), &prefix));
    return prefix.base;
}

static struct shield_attempt attempt_of(struct world_try tried, const struct ip *source)
{
    return (struct shield_attempt){.kind = CREDENTIAL_APIKEY,
                                   .credential = str_from_c(tried.credential),
                                   .text = str_from_c(tried.text),
                                   .source = source};
}

int64_t world_wait(struct world *world, unsigned worker, struct world_try tried,
                   enum shield_cause *cause)
{
    const struct ip source = address(tried.source);
    const struct shield_attempt attempt = attempt_of(tried, &source);

    return shield_wait_us(world->shields[worker], &attempt, world->now, cause);
}

int64_t world_fail(struct world *world, unsigned worker, struct world_try tried)
{
    const struct ip source = address(tried.source);
    const struct shield_attempt attempt = attempt_of(tried, &source);
    enum shield_cause cause;
    int64_t wait_us = shield_wait_us(world->shields[worker], &attempt, world->now, &cause);

    if (wait_us == 0) {
        shield_failed(world->shields[worker], &attempt, world->now);
    }
    return wait_us;
}

void world_change(struct world *world, unsigned worker, const char *credential)
{
    shield_changed(world->shields[worker], CREDENTIAL_APIKEY, str_from_c(credential));
}

void world_succeed(struct world *world, unsigned worker, struct world_try tried)
{
    const struct ip source = address(tried.source);
    const struct shield_attempt attempt = attempt_of(tried, &source);

    shield_succeeded(world->shields[worker], &attempt, world->now);
}

unsigned world_storm(struct world *world, unsigned worker, struct world_try tried, unsigned times)
{
    unsigned judged = 0;

    for (unsigned i = 0; i < times; i++) {
        judged += world_fail(world, worker, tried) == 0;
    }
    world_turn(world);
    return judged;
}

struct shield_counters world_counters(const struct world *world, unsigned worker)
{
    struct shield_counters out;

    shield_counters(world->shields[worker], &out);
    return out;
}
