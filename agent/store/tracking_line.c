#include "agent/store/tracking_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/ensure.h"
#include "agent/store/socket.h"

/* Longest key of a message; hiredis keeps what it can not parse yet. */
#define UNPARSED_BYTES_MAX (1u << 20)
#define PARTS_MAX          32

static void lose(struct tracking_line *line, const char *why)
{
    snprintf(line->why, sizeof(line->why), "%s", why);
    tracking_line_close(line);
    line->events->lost(line->owner, line->why);
}

/* Takes all that is there; false: the line was closed. */
static bool take_replies(struct tracking_line *line)
{
    redisReader *reader = line->context->reader;
    void *object;

    do {
        if (redisReaderGetReply(reader, &object) != REDIS_OK) {
            lose(line, reader->errstr);
            return false;
        }
        if (object) {
            line->events->replied(line->owner, &line->reply);
        }
        if (!line->context || line->context->reader != reader) {
            return false;
        }
    } while (object);
    return true;
}

static void readable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct tracking_line *line = watcher->data;

    (void)loop;
    (void)events;
    if (redisBufferRead(line->context) != REDIS_OK) {
        lose(line, line->context->errstr);
    } else if (take_replies(line) &&
               line->context->reader->len - line->context->reader->pos > UNPARSED_BYTES_MAX) {
        lose(line, "a string beyond the bound");
    }
}

static bool has_connected(struct tracking_line *line)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(line->context->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
        error = errno;
    }
    if (error != 0) {
        lose(line, strerror(error));
        return false;
    }
    return true;
}

static void flush(struct tracking_line *line)
{
    int is_done = 0;

    if (redisBufferWrite(line->context, &is_done) != REDIS_OK) {
        lose(line, line->context->errstr);
    } else if (is_done) {
        ev_io_stop(line->loop, &line->writable);
    }
}

static void writable_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct tracking_line *line = watcher->data;

    (void)loop;
    (void)events;
    if (!line->is_connected) {
        if (!has_connected(line)) {
            return;
        }
        line->is_connected = true;
        ev_io_start(line->loop, &line->readable);
        line->events->connected(line->owner);
    }
    if (line->context) {
        flush(line);
    }
}

void tracking_line_init(struct tracking_line *line, struct ev_loop *loop,
                        const struct tracking_line_events *events,
                        const struct tracking_reply_events *reply_events, void *owner)
{
    *line = (struct tracking_line){
        .loop = loop, .events = events, .reply_events = reply_events, .owner = owner};
    ev_init(&line->readable, readable_cb);
    ev_init(&line->writable, writable_cb);
    /* A change that is here is known before a request of the same turn is decided. */
    ev_set_priority(&line->readable, EV_MAXPRI);
    line->readable.data = line;
    line->writable.data = line;
}

enum err tracking_line_open(struct tracking_line *line, const char *host, uint16_t port)
{
    ensure(!line->context);
    redisContext *context =
        port == 0 ? redisConnectUnixNonBlock(host) : redisConnectNonBlock(host, port);
    if (!context) {
        return ERR_MEMORY;
    }
    if (context->err != 0) {
        snprintf(line->why, sizeof(line->why), "%s", context->errstr);
        redisFree(context);
        return ERR_IO;
    }
    socket_prepare(context->fd);
    tracking_reply_attach(&line->reply, context->reader, line->reply_events, line->owner);
    line->context = context;
    line->is_connected = false;
    ev_io_set(&line->readable, context->fd, EV_READ);
    ev_io_set(&line->writable, context->fd, EV_WRITE);
    ev_io_start(line->loop, &line->writable);
    return ERR_OK;
}

void tracking_line_close(struct tracking_line *line)
{
    if (!line->context) {
        return;
    }
    ev_io_stop(line->loop, &line->readable);
    ev_io_stop(line->loop, &line->writable);
    redisFree(line->context);
    line->context = NULL;
}

enum err tracking_line_send(struct tracking_line *line, const struct str *parts, size_t count)
{
    const char *texts[PARTS_MAX];
    size_t lengths[PARTS_MAX];

    ensure(line->context && count <= PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        texts[i] = parts[i].ptr;
        lengths[i] = parts[i].len;
    }
    if (redisAppendCommandArgv(line->context, (int)count, texts, lengths) != REDIS_OK) {
        return ERR_MEMORY;
    }
    ev_io_start(line->loop, &line->writable);
    return ERR_OK;
}
