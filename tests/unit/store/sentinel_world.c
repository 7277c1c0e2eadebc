#include "tests/unit/store/sentinel_world.h"

#include <stdio.h>

static bool answer(void *context, struct fake_redis_client *client, const struct str *parts,
                   size_t count)
{
    const struct sentinel_world_item *item = context;

    if (item->greeting && str_equal(parts[0], str_from_c(item->greeting))) {
        fake_redis_send_text(client, item->greeting_reply ? item->greeting_reply : "");
        return true;
    }
    if (!str_equal(parts[0], STR("SENTINEL"))) {
        return false;
    }
    ck_assert_uint_eq(count, 3);
    ck_assert(str_equal(parts[1], STR("GET-MASTER-ADDR-BY-NAME")));
    ck_assert(str_equal(parts[2], STR("reeve")));
    if (!str_is_absent(item->answer)) {
        fake_redis_send(client, item->answer.ptr, item->answer.len);
    }
    return true;
}

void sentinel_world_init(struct sentinel_world *world, struct ev_loop *loop, size_t count)
{
    static char primary[] = "reeve";

    *world = (struct sentinel_world){.loop = loop};
    for (size_t i = 0; i < count; i++) {
        struct sentinel_world_item *item = &world->items[i];
        uint16_t port;

        item->server = fake_redis_new(loop, 0, NULL);
        fake_redis_set_handler(item->server, answer, item);
        port = fake_redis_port(item->server);
        snprintf(item->host, sizeof(item->host), "127.0.0.1");
        snprintf(item->text, sizeof(item->text), "tcp://127.0.0.1:%u", port);
        world->addresses[i] = (struct config_address){
            .type = CONFIG_ADDRESS_TCP, .text = item->text, .host = item->host, .port = port};
    }
    world->settings = (struct config_sentinel){
        .addresses = {.items = world->addresses, .count = count}, .primary = primary};
}

void sentinel_world_fini(struct sentinel_world *world)
{
    for (size_t i = 0; i < SENTINEL_WORLD_MAX; i++) {
        sentinel_world_kill(world, i);
    }
}

void sentinel_world_name(struct sentinel_world *world, size_t index, const char *host,
                         uint16_t port)
{
    struct sentinel_world_item *item = &world->items[index];
    char digits[8];

    snprintf(digits, sizeof(digits), "%u", port);
    snprintf(item->buffer, sizeof(item->buffer), "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(host),
             host, strlen(digits), digits);
    item->answer = str_from_c(item->buffer);
}

void sentinel_world_name_all(struct sentinel_world *world, const char *host, uint16_t port)
{
    for (size_t i = 0; i < world->settings.addresses.count; i++) {
        sentinel_world_name(world, i, host, port);
    }
}

size_t sentinel_world_asked(const struct sentinel_world *world, size_t index)
{
    const struct fake_redis *server = world->items[index].server;

    return server ? fake_redis_connections(server) : 0;
}

size_t sentinel_world_asked_all(const struct sentinel_world *world)
{
    size_t count = 0;

    for (size_t i = 0; i < SENTINEL_WORLD_MAX; i++) {
        count += sentinel_world_asked(world, i);
    }
    return count;
}

void sentinel_world_kill(struct sentinel_world *world, size_t index)
{
    fake_redis_free(world->items[index].server);
    world->items[index].server = NULL;
}
