/*
 * An agent that allows everything: the least that an agent on spoe/ can cost, against which Reeve
 * is measured, and an example of how to put a socket around the library.
 *
 *     noop_agent tcp://127.0.0.1:9600        (or unix:///path)
 *
 * One thread. Each wake-up reads what is there, answers all of it, and writes once.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "spoe/spoe.h"
#include "tests/bench/endpoint.h"

#define BUFFER_BYTES   65536
#define MAX_FRAME_SIZE 16380
#define EVENTS         64

struct connection {
    int fd;
    bool is_blocked; /* the peer takes no bytes: read no more until it does */
    bool is_over;    /* close when the output is sent */
    struct spoe_session session;
    size_t in_length;
    size_t out_begin;
    size_t out_end;
    uint8_t in[BUFFER_BYTES];
    uint8_t out[BUFFER_BYTES];
};

static size_t disconnect(struct connection *connection, enum spoe_status status, uint8_t *out,
                         size_t room)
{
    connection->is_over = true;
    return spoe_session_write_disconnect(&connection->session, status, out, room);
}

static size_t allow(struct connection *connection, const struct spoe_event *event, uint8_t *out,
                    size_t room)
{
    static const struct spoe_bytes name = {(const uint8_t *)"verdict", 7};
    static const struct spoe_bytes value = {(const uint8_t *)"allow", 5};
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;
    struct spoe_ack ack;

    spoe_messages_begin(&list, event->notify.payload);
    while (spoe_messages_next(&list, &message)) {
        while (spoe_message_next_arg(&list, &arg)) {
        }
    }
    if (spoe_messages_failed(&list) ||
        !spoe_ack_begin(&ack, out, room, connection->session.max_frame_size,
                        event->notify.stream_id, event->notify.frame_id)) {
        return disconnect(connection, SPOE_STATUS_INVALID_FRAME, out, room);
    }
    spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, name, value);
    return spoe_ack_end(&ack);
}

static size_t answer(struct connection *connection, const struct spoe_event *event, uint8_t *out,
                     size_t room)
{
    switch (event->type) {
    case SPOE_EVENT_NOTIFY:
        return allow(connection, event, out, room);
    case SPOE_EVENT_CHECK:
        connection->is_over = true;
        return spoe_session_write_hello(&connection->session, out, room);
    case SPOE_EVENT_HELLO:
        return spoe_session_write_hello(&connection->session, out, room);
    case SPOE_EVENT_DISCONNECT:
        return disconnect(connection, SPOE_STATUS_NORMAL, out, room);
    case SPOE_EVENT_FAULT:
        return disconnect(connection, event->fault.status, out, room);
    default:
        return 0;
    }
}

/* False: there may be more frames than the output had room for. */
static bool answer_all(struct connection *connection)
{
    struct spoe_event event = {.type = SPOE_EVENT_IGNORED};
    size_t used = 0;

    while (event.type != SPOE_EVENT_MORE && !connection->is_over &&
           BUFFER_BYTES - connection->out_end >= SPOE_REPLY_MAX) {
        used += spoe_session_next(&connection->session, connection->in + used,
                                  connection->in_length - used, &event);
        connection->out_end += answer(connection, &event, connection->out + connection->out_end,
                                      BUFFER_BYTES - connection->out_end);
    }
    connection->in_length -= used;
    memmove(connection->in, connection->in + used, connection->in_length);
    return event.type == SPOE_EVENT_MORE || connection->is_over;
}

/* False: the connection is to be closed. */
static bool flush(struct connection *connection)
{
    size_t length = connection->out_end - connection->out_begin;

    connection->is_blocked = false;
    if (length > 0) {
        ssize_t sent =
            send(connection->fd, connection->out + connection->out_begin, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return false;
        }
        connection->out_begin += sent > 0 ? (size_t)sent : 0;
        connection->is_blocked = connection->out_begin < connection->out_end;
    }
    if (!connection->is_blocked) {
        connection->out_begin = 0;
        connection->out_end = 0;
    }
    return connection->is_blocked || !connection->is_over;
}

static bool receive(struct connection *connection)
{
    ssize_t got = read(connection->fd, connection->in + connection->in_length,
                       BUFFER_BYTES - connection->in_length);

    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    connection->in_length += (size_t)got;
    return true;
}

/* False: the connection is to be closed. */
static bool serve(struct connection *connection)
{
    bool is_done = false;

    if (connection->is_blocked ? !flush(connection) : !receive(connection)) {
        return false;
    }
    while (!connection->is_blocked && !is_done) {
        is_done = answer_all(connection);
        if (!flush(connection)) {
            return false;
        }
    }
    return true;
}

static void handle(int epoll, struct connection *connection)
{
    bool was_blocked = connection->is_blocked;

    if (!serve(connection)) {
        close(connection->fd);
        free(connection);
    } else if (connection->is_blocked != was_blocked) {
        struct epoll_event interest = {.events = connection->is_blocked ? EPOLLOUT : EPOLLIN,
                                       .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &interest);
    }
}

static void accept_all(int epoll, int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = malloc(sizeof(*connection));
        if (!connection) {
            close(fd);
            return;
        }
        connection->fd = fd;
        connection->is_blocked = false;
        connection->is_over = false;
        connection->in_length = 0;
        connection->out_begin = 0;
        connection->out_end = 0;
        spoe_session_init(&connection->session, MAX_FRAME_SIZE);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
    }
}

int main(int argc, char **argv)
{
    struct endpoint endpoint;
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.ptr = NULL}};

    if (argc != 2 || !endpoint_parse(argv[1], &endpoint)) {
        fprintf(stderr, "usage: noop_agent tcp://host:port | unix:///path\n");
        return EXIT_FAILURE;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = endpoint_listen(&endpoint);
    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events) != 0) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                handle(epoll, events[i].data.ptr);
            } else {
                accept_all(epoll, listener);
            }
        }
    }
}
