#include "tests/unit/store/world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int answer_count;

static void add_field(char *out, size_t capacity, const struct store_field *field)
{
    size_t at = strlen(out);

    snprintf(out + at, capacity - at, "%.*s=%.*s;", STR_ARG(field->name), STR_ARG(field->value));
}

void asker_cb(void *context, const struct store_reply *reply)
{
    struct asker *asker = context;

    asker->count++;
    asker->order = ++answer_count;
    asker->status = reply->status;
    asker->fields[0] = '\0';
    for (size_t i = 0; i < reply->field_count && i < 8; i++) {
        add_field(asker->fields, sizeof(asker->fields), &reply->fields[i]);
    }
    if (asker->again) {
        struct world *world = asker->again;
        asker->again = NULL;
        asker->again_err = world_ask(world, asker);
    }
}

static bool answer(void *context, struct fake_redis_client *client, const struct str *parts,
                   size_t count)
{
    const struct world *world = context;

    if (world->greeting && str_equal(parts[0], str_from_c(world->greeting))) {
        fake_redis_send_text(client, world->greeting_reply ? world->greeting_reply : "");
        return true;
    }
    if (count != 2 || !str_equal(parts[0], STR("HGETALL"))) {
        return false;
    }
    if (!str_is_absent(world->answer)) {
        fake_redis_send(client, world->answer.ptr, world->answer.len);
    }
    return true;
}

void world_init(struct world *world)
{
    *world = (struct world){.loop = ev_loop_new(EVFLAG_AUTO)};
    ck_assert_ptr_nonnull(world->loop);
    world->server = fake_redis_new(world->loop, 0, NULL);
    fake_redis_set_handler(world->server, answer, world);
    snprintf(world->host, sizeof(world->host), "127.0.0.1");
    world->address.address = (struct config_address){
        .type = CONFIG_ADDRESS_TCP, .host = world->host, .port = fake_redis_port(world->server)};
    world->settings = (struct store_redis_settings){.address = &world->address,
                                                    .connect_timeout_us = 60 * WORLD_SECOND_US,
                                                    .command_timeout_us = 60 * WORLD_SECOND_US,
                                                    .max_in_flight = 16};
}

void world_fini(struct world *world)
{
    world_stop(world);
    fake_redis_free(world->server);
    ev_loop_destroy(world->loop);
}

void world_start(struct world *world)
{
    world->store = store_redis_new(world->loop, &world->settings);
    ck_assert_ptr_nonnull(world->store);
}

void world_start_up(struct world *world)
{
    world_start(world);
    WORLD_UNTIL(world, world_is_up(world));
}

void world_stop(struct world *world)
{
    store_free(world->store);
    world->store = NULL;
}

void world_kill_server(struct world *world)
{
    fake_redis_free(world->server);
    world->server = NULL;
}

void world_revive_server(struct world *world)
{
    world->server = fake_redis_new(world->loop, world->address.address.port, NULL);
    fake_redis_set_handler(world->server, answer, world);
}

enum err world_ask(struct world *world, struct asker *asker)
{
    return store_get_hash(world->store, STR("reeve:key:a"), asker_cb, asker);
}

void world_ask_to_the_end(struct world *world, struct asker *asker)
{
    int before = asker->count;

    ck_assert_int_eq(world_ask(world, asker), ERR_OK);
    ck_assert_int_eq(asker->count, before);
    WORLD_UNTIL(world, asker->count > before);
}

bool world_is_up(const struct world *world)
{
    return store_is_up(world->store);
}

/* Comes last among those that the server accepts, and leaves when it was heard. */
static void visit(struct world *world, struct fake_redis *server)
{
    static const char words[] = "*1\r\n$5\r\nVISIT\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(fake_redis_port(server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(send(fd, words, sizeof(words) - 1, MSG_NOSIGNAL), sizeof(words) - 1);
    WORLD_UNTIL(world, strstr(fake_redis_log(server), "VISIT\n"));
    close(fd);
}

void world_wait_until_left(struct world *world, struct fake_redis *server)
{
    visit(world, server);
    WORLD_UNTIL(world, fake_redis_clients(server) == 0);
}

static void note_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)events;
    *(bool *)watcher->data = true;
}

void world_pass(struct world *world, int64_t us)
{
    bool is_over = false;
    ev_timer timer;

    ev_now_update(world->loop);
    ev_timer_init(&timer, note_cb, (double)us / 1e6, 0.);
    timer.data = &is_over;
    ev_timer_start(world->loop, &timer);
    WORLD_UNTIL(world, is_over);
}

static struct {
    int saved;
    int file;
    char text[4096];
} captured;

void world_log_start(void)
{
    captured.file = memfd_create("log", MFD_CLOEXEC);
    captured.saved = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(captured.file, STDERR_FILENO), 0);
}

const char *world_log_end(void)
{
    ssize_t length = pread(captured.file, captured.text, sizeof(captured.text) - 1, 0);

    dup2(captured.saved, STDERR_FILENO);
    close(captured.saved);
    close(captured.file);
    captured.text[length > 0 ? length : 0] = '\0';
    return captured.text;
}
