#include "tests/support/fake_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/ensure.h"

#define IN_BYTES  65536
#define PARTS_MAX 32

struct fake_redis_client {
    struct fake_redis *server;
    struct fake_redis_client *next;
    ev_io readable;
    ev_io writable;
    char in[IN_BYTES];
    size_t in_count;
    char *out;
    size_t out_count;
    size_t out_sent;
    bool drips;
    enum fake_redis_end end;
};

struct fake_redis {
    struct ev_loop *loop;
    ev_io acceptable;
    uint16_t port;
    char *path;
    fake_redis_cb *handler;
    void *context;
    struct fake_redis_client *clients; /* newest first */
    size_t connection_count;
    char *log;
    size_t log_count;
};

static void free_client(struct fake_redis_client *client)
{
    struct fake_redis_client **link = &client->server->clients;

    while (*link != client) {
        link = &(*link)->next;
    }
    *link = client->next;
    ev_io_stop(client->server->loop, &client->readable);
    ev_io_stop(client->server->loop, &client->writable);
    close(client->readable.fd);
    free(client->out);
    free(client);
}

static void finish(struct fake_redis_client *client)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (client->end == FAKE_REDIS_HALF_CLOSE) {
        shutdown(client->readable.fd, SHUT_WR);
        client->end = 0;
        return;
    }
    if (client->end == FAKE_REDIS_RESET) {
        setsockopt(client->readable.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    free_client(client);
}

static void writable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct fake_redis_client *client = watcher->data;
    size_t left = client->out_count - client->out_sent;

    (void)events;
    if (left > 0) {
        ssize_t sent = send(watcher->fd, client->out + client->out_sent, client->drips ? 1 : left,
                            MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            free_client(client);
            return;
        }
        client->out_sent += sent > 0 ? (size_t)sent : 0;
    }
    if (client->out_sent == client->out_count) {
        client->out_sent = client->out_count = 0;
        ev_io_stop(loop, watcher);
        if (client->end != 0) {
            finish(client);
        }
    }
}

void fake_redis_send(struct fake_redis_client *client, const void *bytes, size_t length)
{
    client->out = realloc(client->out, client->out_count + length + 1);
    ensure(client->out != NULL);
    memcpy(client->out + client->out_count, bytes, length);
    client->out_count += length;
    ev_io_start(client->server->loop, &client->writable);
}

void fake_redis_send_text(struct fake_redis_client *client, const char *text)
{
    fake_redis_send(client, text, strlen(text));
}

void fake_redis_drip(struct fake_redis_client *client)
{
    client->drips = true;
}

void fake_redis_end(struct fake_redis_client *client, enum fake_redis_end end)
{
    client->end = end;
    ev_io_start(client->server->loop, &client->writable);
}

static void log_bytes(struct fake_redis *server, const char *bytes, size_t length)
{
    server->log = realloc(server->log, server->log_count + length + 1);
    ensure(server->log != NULL);
    memcpy(server->log + server->log_count, bytes, length);
    server->log_count += length;
    server->log[server->log_count] = '\0';
}

static void handle(struct fake_redis_client *client, const struct str *parts, size_t count)
{
    struct fake_redis *server = client->server;

    for (size_t i = 0; i < count; i++) {
        log_bytes(server, parts[i].ptr, parts[i].len);
        log_bytes(server, i + 1 < count ? " " : "\n", 1);
    }
    if (server->handler && server->handler(server->context, client, parts, count)) {
        return;
    }
    if (str_equal(parts[0], STR("PING"))) {
        fake_redis_send_text(client, "+PONG\r\n");
    } else if (str_equal(parts[0], STR("AUTH")) || str_equal(parts[0], STR("SELECT")) ||
               str_equal(parts[0], STR("CLIENT"))) {
        fake_redis_send_text(client, "+OK\r\n");
    } else {
        fake_redis_send_text(client, "-ERR unknown command\r\n");
    }
}

/* "<mark><number>\r\n" at *offset. False: not complete yet. */
static bool read_number(const struct fake_redis_client *client, size_t *offset, char mark,
                        size_t *number)
{
    const char *start = client->in + *offset;
    const char *end = memchr(start, '\n', client->in_count - *offset);

    if (!end) {
        return false;
    }
    ensure(*start == mark);
    *number = strtoul(start + 1, NULL, 10);
    *offset = (size_t)(end + 1 - client->in);
    return true;
}

/* Length of the first command; 0 where it is not complete. */
static size_t read_command(const struct fake_redis_client *client, struct str *parts, size_t *count)
{
    size_t offset = 0;

    if (!read_number(client, &offset, '*', count)) {
        return 0;
    }
    ensure(*count >= 1 && *count <= PARTS_MAX);
    for (size_t i = 0; i < *count; i++) {
        size_t length;
        if (offset == client->in_count || !read_number(client, &offset, '$', &length) ||
            client->in_count - offset < length + 2) {
            return 0;
        }
        parts[i] = str_make(client->in + offset, length);
        offset += length + 2;
    }
    return offset;
}

static void readable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct fake_redis_client *client = watcher->data;
    struct str parts[PARTS_MAX];
    size_t length;
    size_t count;

    (void)loop;
    (void)events;
    ssize_t got = recv(watcher->fd, client->in + client->in_count, IN_BYTES - client->in_count, 0);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        free_client(client);
        return;
    }
    client->in_count += (size_t)got;
    while (client->in_count > 0 && (length = read_command(client, parts, &count)) > 0) {
        handle(client, parts, count);
        client->in_count -= length;
        memmove(client->in, client->in + length, client->in_count);
    }
}

static void acceptable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct fake_redis *server = watcher->data;
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)events;
    if (fd < 0) {
        return;
    }
    struct fake_redis_client *client = calloc(1, sizeof(*client));
    ensure(client != NULL);
    client->server = server;
    client->next = server->clients;
    server->clients = client;
    server->connection_count++;
    ev_io_init(&client->readable, readable_cb, fd, EV_READ);
    ev_io_init(&client->writable, writable_cb, fd, EV_WRITE);
    client->readable.data = client;
    client->writable.data = client;
    ev_io_start(loop, &client->readable);
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    ensure(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    ensure(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    ensure(listen(fd, 16) == 0);
    return fd;
}

static int listen_tcp(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    ensure(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    ensure(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    ensure(listen(fd, 16) == 0);
    ensure(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return fd;
}

struct fake_redis *fake_redis_new(struct ev_loop *loop, uint16_t port, const char *path)
{
    struct fake_redis *server = calloc(1, sizeof(*server));

    ensure(server != NULL);
    server->loop = loop;
    server->port = port;
    server->path = path ? strdup(path) : NULL;
    ev_io_init(&server->acceptable, acceptable_cb,
               path ? listen_unix(path) : listen_tcp(&server->port), EV_READ);
    server->acceptable.data = server;
    ev_io_start(loop, &server->acceptable);
    log_bytes(server, "", 0);
    return server;
}

void fake_redis_free(struct fake_redis *server)
{
    if (!server) {
        return;
    }
    while (server->clients) {
        free_client(server->clients);
    }
    ev_io_stop(server->loop, &server->acceptable);
    close(server->acceptable.fd);
    if (server->path) {
        unlink(server->path);
    }
    free(server->path);
    free(server->log);
    free(server);
}

uint16_t fake_redis_port(const struct fake_redis *server)
{
    return server->port;
}

void fake_redis_set_handler(struct fake_redis *server, fake_redis_cb *handler, void *context)
{
    server->handler = handler;
    server->context = context;
}

const char *fake_redis_log(const struct fake_redis *server)
{
    return server->log;
}

void fake_redis_clear_log(struct fake_redis *server)
{
    server->log_count = 0;
    server->log[0] = '\0';
}

size_t fake_redis_connections(const struct fake_redis *server)
{
    return server->connection_count;
}

size_t fake_redis_clients(const struct fake_redis *server)
{
    size_t count = 0;

    for (const struct fake_redis_client *client = server->clients; client; client = client->next) {
        count++;
    }
    return count;
}

struct fake_redis_client *fake_redis_newest(struct fake_redis *server)
{
    return server->clients;
}
