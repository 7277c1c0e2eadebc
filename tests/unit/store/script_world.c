#include "tests/unit/store/script_world.h"

#include <stdio.h>
#include <stdlib.h>

static struct store_script script = {.name = "take",
                                     .text = {SCRIPT_TEXT, sizeof(SCRIPT_TEXT) - 1}};

static void answer_script(struct script_world *world, struct fake_redis_client *client,
                          struct str number)
{
    char text[64];

    if (!str_is_absent(world->answer)) {
        fake_redis_send(client, world->answer.ptr, world->answer.len);
        return;
    }
    snprintf(text, sizeof(text), "*2\r\n$1\r\nn\r\n$%zu\r\n%.*s\r\n", number.len, STR_ARG(number));
    fake_redis_send_text(client, text);
}

static void evalsha(struct script_world *world, struct fake_redis_client *client,
                    const struct str *parts)
{
    world->evalsha_count++;
    ck_assert(str_equal(parts[1], STR(SCRIPT_SHA1)));
    if (world->knows_script) {
        answer_script(world, client, parts[5]);
    } else {
        fake_redis_send_text(client, NOSCRIPT);
    }
}

static void eval(struct script_world *world, struct fake_redis_client *client,
                 const struct str *parts)
{
    world->eval_count++;
    ck_assert(str_equal(parts[1], STR(SCRIPT_TEXT)));
    world->knows_script = !world->is_forgetful;
    answer_script(world, client, parts[5]);
}

static void wait_for_replicas(struct script_world *world, struct fake_redis_client *client,
                              const struct str *parts)
{
    world->wait_count++;
    world->wait_replicas = strtol(parts[1].ptr, NULL, 10);
    world->wait_ms = strtol(parts[2].ptr, NULL, 10);
    fake_redis_send_text(client, world->wait ? world->wait : "");
}

static bool answer(void *context, struct fake_redis_client *client, const struct str *parts,
                   size_t count)
{
    struct script_world *world = context;

    if (str_equal(parts[0], STR("EVALSHA"))) {
        ck_assert_uint_eq(count, 6);
        evalsha(world, client, parts);
    } else if (str_equal(parts[0], STR("EVAL"))) {
        ck_assert_uint_eq(count, 6);
        eval(world, client, parts);
    } else if (str_equal(parts[0], STR("WAIT"))) {
        ck_assert_uint_eq(count, 3);
        wait_for_replicas(world, client, parts);
    } else if (str_equal(parts[0], STR("HGETALL"))) {
        fake_redis_send(client, world->world.answer.ptr, world->world.answer.len);
    } else {
        return false;
    }
    return true;
}

void script_world_init(struct script_world *world)
{
    *world = (struct script_world){.knows_script = true};
    world_init(&world->world);
    world->world.answer = STR("*2\r\n$1\r\nh\r\n$1\r\n1\r\n");
    fake_redis_set_handler(world->world.server, answer, world);
    ck_assert_int_eq(store_script_init(&script), ERR_OK);
}

enum err script_world_run(struct script_world *world, int number, unsigned replicas,
                          struct asker *asker)
{
    char key[] = SCRIPT_KEY;
    char text[16];
    struct str arguments[] = {STR("take"), {text, 0}};
    const struct store_call call = {.script = &script,
                                    .key = str_from_c(key),
                                    .arguments = arguments,
                                    .argument_count = 2,
                                    .replicas = replicas};

    arguments[1].len = (size_t)snprintf(text, sizeof(text), "%d", number);
    enum err e = store_run_script(world->world.store, &call, asker_cb, asker);
    memset(key, 'x', sizeof(key));
    memset(text, 'x', sizeof(text));
    return e;
}

void script_world_run_to_the_end(struct script_world *world, unsigned replicas, struct asker *asker)
{
    int before = asker->count;

    ck_assert_int_eq(script_world_run(world, 5, replicas, asker), ERR_OK);
    ck_assert_int_eq(asker->count, before);
    WORLD_UNTIL(&world->world, asker->count > before);
}

void script_world_say(struct script_world *world, const char *text)
{
    fake_redis_send_text(fake_redis_newest(world->world.server), text);
}
