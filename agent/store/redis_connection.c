#include "agent/store/redis_connection.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/store/socket.h"

/* hiredis keeps what it can not parse yet: the parts of one string. */
static size_t unparsed_bytes(const struct redis_connection *connection)
{
    const redisReader *reader = connection->context->c.reader;

    return reader->len - reader->pos;
}

static void forget_context(struct redis_connection *connection)
{
    ev_io_stop(connection->loop, &connection->readable);
    ev_io_stop(connection->loop, &connection->writable);
    connection->context = NULL;
    connection->is_connected = false;
    connection->due_count = 0;
    connection->reply.is_due = false;
}

static void lose(struct redis_connection *connection, enum redis_loss loss, const char *why)
{
    redis_connection_close(connection);
    connection->events->lost(connection->owner, loss, why);
}

/* After hiredis had its turn: tells what became of the connection. */
static void settle(struct redis_connection *connection)
{
    if (connection->is_connected) {
        connection->is_connected = false;
        connection->events->connected(connection->owner);
    }
    if (connection->is_lost) {
        lose(connection, REDIS_LOSS_BROKEN, connection->why);
    } else if (connection->context && connection->is_broken) {
        lose(connection, REDIS_LOSS_BROKEN, "out of memory");
    } else if (connection->context && unparsed_bytes(connection) > STORE_REPLY_BYTES_MAX) {
        lose(connection, REDIS_LOSS_OVERSIZED, "a string beyond the bound");
    }
}

static void readable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct redis_connection *connection = watcher->data;

    (void)loop;
    if ((events & EV_READ) != 0) {
        redisAsyncHandleRead(connection->context);
    }
    settle(connection);
}

static void writable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct redis_connection *connection = watcher->data;

    (void)loop;
    (void)events;
    redisAsyncHandleWrite(connection->context);
    settle(connection);
}

/* What hiredis calls to be told of readiness. */

static void add_read(void *data)
{
    struct redis_connection *connection = data;

    ev_io_start(connection->loop, &connection->readable);
}

static void delete_read(void *data)
{
    struct redis_connection *connection = data;

    ev_io_stop(connection->loop, &connection->readable);
}

static void add_write(void *data)
{
    struct redis_connection *connection = data;

    ev_io_start(connection->loop, &connection->writable);
}

static void delete_write(void *data)
{
    struct redis_connection *connection = data;

    ev_io_stop(connection->loop, &connection->writable);
}

static void cleanup(void *data)
{
    delete_read(data);
    delete_write(data);
}

/* What hiredis tells. A context we have closed carries no data, and concerns nobody. */

static void note_loss(struct redis_connection *connection, const redisAsyncContext *context)
{
    const char *refusal = connection->reply.refusal;

    snprintf(connection->why, sizeof(connection->why), "%s", refusal ? refusal : context->c.errstr);
    forget_context(connection);
    connection->is_lost = true;
}

/* Only noted: hiredis 0.14 goes on to use a context that is freed in here. */
static void connect_cb(const redisAsyncContext *context, int status)
{
    struct redis_connection *connection = context->data;

    if (!connection) {
        return;
    }
    if (status != REDIS_OK) {
        note_loss(connection, context);
        return;
    }
    connection->is_connected = true;
}

static void disconnect_cb(const redisAsyncContext *context, int status)
{
    struct redis_connection *connection = context->data;

    (void)status;
    if (connection) {
        note_loss(connection, context);
    }
}

static void reply_cb(redisAsyncContext *context, void *object, void *data)
{
    struct redis_connection *connection = context->data;

    (void)data;
    /* NULL: the connection ends, disconnect_cb() follows. */
    if (!connection || !object) {
        return;
    }
    connection->due_count--;
    connection->reply.is_due = connection->due_count > 0;
    connection->events->replied(connection->owner, object);
}

void redis_connection_init(struct redis_connection *connection, struct ev_loop *loop,
                           const struct redis_connection_events *events, void *owner)
{
    *connection = (struct redis_connection){.loop = loop, .events = events, .owner = owner};
    redis_reply_init(&connection->reply);
    ev_init(&connection->readable, readable_cb);
    ev_init(&connection->writable, writable_cb);
    connection->readable.data = connection;
    connection->writable.data = connection;
}

void redis_connection_fini(struct redis_connection *connection)
{
    redis_connection_close(connection);
    redis_reply_fini(&connection->reply);
}

static void attach(struct redis_connection *connection, redisAsyncContext *context)
{
    socket_prepare(context->c.fd);
    ev_io_set(&connection->readable, context->c.fd, EV_READ);
    ev_io_set(&connection->writable, context->c.fd, EV_WRITE);
    redis_reply_attach(&connection->reply, context->c.reader);
    context->data = connection;
    context->ev.data = connection;
    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    context->ev.cleanup = cleanup;
    redisAsyncSetConnectCallback(context, connect_cb);
    redisAsyncSetDisconnectCallback(context, disconnect_cb);
    connection->context = context;
}

enum err redis_connection_open(struct redis_connection *connection, const char *host, uint16_t port)
{
    redisAsyncContext *context;

    ensure(!connection->context);
    context = port == 0 ? redisAsyncConnectUnix(host) : redisAsyncConnect(host, port);
    if (!context) {
        return ERR_MEMORY;
    }
    if (context->err != 0) {
        snprintf(connection->why, sizeof(connection->why), "%s", context->errstr);
        redisAsyncFree(context);
        return ERR_IO;
    }
    connection->is_broken = false;
    attach(connection, context);
    return ERR_OK;
}

/* The context may be in the middle of a callback: then hiredis frees it when that returns. */
void redis_connection_close(struct redis_connection *connection)
{
    redisAsyncContext *context = connection->context;

    connection->is_lost = false;
    if (!context) {
        return;
    }
    forget_context(connection);
    context->data = NULL;
    memset(&context->ev, 0, sizeof(context->ev));
    redisAsyncFree(context);
}

/* hiredis says ERR_OK when it could not note who waits, or could not append the bytes. Going on
 * would give one command the reply of another. */
static bool is_queued(const redisAsyncContext *context, const redisCallback *last_before)
{
    return context->c.err == 0 && context->replies.tail && context->replies.tail != last_before;
}

enum err redis_connection_send(struct redis_connection *connection, const struct str *parts,
                               size_t count)
{
    redisAsyncContext *context = connection->context;
    const char *texts[REDIS_COMMAND_PARTS_MAX];
    size_t lengths[REDIS_COMMAND_PARTS_MAX];

    ensure(context && count <= REDIS_COMMAND_PARTS_MAX);
    if (connection->is_broken) {
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = parts[i].ptr;
        lengths[i] = parts[i].len;
    }
    const redisCallback *last = context->replies.tail;
    if (redisAsyncCommandArgv(context, reply_cb, NULL, (int)count, texts, lengths) != REDIS_OK ||
        !is_queued(context, last)) {
        connection->is_broken = true;
        ev_feed_event(connection->loop, &connection->readable, EV_CUSTOM);
        return ERR_MEMORY;
    }
    connection->due_count++;
    connection->reply.is_due = true;
    return ERR_OK;
}
