#include "agent/serve/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/serve/worker.h"

/* How long a peer may take to close after our DISCONNECT. */
#define LINGER_US  500000
#define WRITE_VECS 8
/* In durable mode the writer is woken, and what is settled is sent, behind a turn: so turns are short. */
#define DURABLE_READ_BYTES (16 * 1024)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* When something is due on the monotonic clock; -1: nothing. */
static int64_t due_us(const struct connection *connection)
{
    const struct config *config = connection->worker->config;
    const struct peer *peer = &connection->peer;
    int64_t due = -1;

    if (connection->is_lingering) {
        return connection->since_us + LINGER_US;
    }
    if (connection->blocked_us > 0) {
        return connection->blocked_us + config->write_timeout_us;
    }
    if (peer->session.state == SPOE_SESSION_NEW) {
        due = connection->since_us + config->hello_timeout_us;
    }
    if (peer->frame_since_us > 0) {
        due = earlier(due, peer->frame_since_us + config->frame_timeout_us);
    }
    if (config->idle_timeout_us > 0 && peer->parked_count == 0) {
        due = earlier(due, connection->active_us + config->idle_timeout_us);
    }
    return due;
}

static void arm_timer(struct connection *connection)
{
    struct ev_loop *loop = connection->worker->loop;
    int64_t due = due_us(connection);

    if (due < 0 || connection->is_closed) {
        return;
    }
    double delay = (double)(due - connection->worker->engine.now.mono_us) / 1e6;
    delay = delay > 0 ? delay : 0;
    if (ev_is_active(&connection->timer) && ev_timer_remaining(loop, &connection->timer) <= delay) {
        return;
    }
    ev_timer_stop(loop, &connection->timer);
    ev_timer_set(&connection->timer, delay, 0.);
    ev_timer_start(loop, &connection->timer);
}

static bool has_unread(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Every request that came is answered. */
static bool is_at_rest(const struct connection *connection)
{
    const struct peer *peer = &connection->peer;

    return peer->parked_count == 0 && !peer->in && !has_unread(connection->fd);
}

/* HAProxy up to 3.0 goes on using the connections of a server that is down, in turn, so under load
 * none is ever idle. It loses what it asks while we close; the least likely moment is right behind
 * an answer, in the same write: it reads both before it asks again, and it has just put this
 * connection at the end of its list. */
static void take_leave(struct connection *connection)
{
    struct peer *peer = &connection->peer;

    if (connection->worker->is_draining && peer->state == PEER_OPEN && peer->has_answered &&
        peer->out_first && is_at_rest(connection)) {
        peer_disconnect(peer, SPOE_STATUS_NORMAL);
    }
}

/* In a drain the peer is left to close: HAProxy 2.6 overlooks an ACK where the end of the stream is
 * there before it has read it. */
static void linger(struct connection *connection)
{
    if (!connection->worker->is_draining && shutdown(connection->fd, SHUT_WR) != 0) {
        connection_close(connection);
        return;
    }
    connection->is_lingering = true;
    connection->since_us = connection->worker->engine.now.mono_us;
    ev_io_start(connection->worker->loop, &connection->read_io);
}

static void block(struct connection *connection)
{
    if (connection->blocked_us == 0) {
        connection->blocked_us = connection->worker->engine.now.mono_us;
        ev_io_start(connection->worker->loop, &connection->write_io);
    }
    if (!peer_wants_input(&connection->peer)) {
        ev_io_stop(connection->worker->loop, &connection->read_io);
    }
}

static void unblock(struct connection *connection)
{
    if (connection->blocked_us > 0) {
        connection->blocked_us = 0;
        ev_io_stop(connection->worker->loop, &connection->write_io);
        ev_io_start(connection->worker->loop, &connection->read_io);
    }
}

static size_t gather(const struct peer *peer, struct iovec vecs[WRITE_VECS])
{
    size_t count = 0;

    for (struct buffer *buffer = peer->out_first; buffer && count < WRITE_VECS;
         buffer = buffer->next) {
        vecs[count++] = (struct iovec){buffer->data + buffer->begin, buffer_unread(buffer)};
    }
    return count;
}

static void take_sent(struct peer *peer, size_t sent)
{
    const uint8_t *bytes;
    size_t length;

    while (sent > 0 && peer_output(peer, &bytes, &length)) {
        size_t part = sent < length ? sent : length;
        peer_sent(peer, part);
        sent -= part;
    }
}

/* Nearly always one buffer, for which the kernel has less to read. */
static ssize_t send_some(int fd, const struct peer *peer)
{
    const struct buffer *first = peer->out_first;
    struct iovec vecs[WRITE_VECS];

    if (!first->next) {
        return send(fd, first->data + first->begin, buffer_unread(first), MSG_NOSIGNAL);
    }
    struct msghdr message = {.msg_iov = vecs, .msg_iovlen = gather(peer, vecs)};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* False: the socket takes no more for now, or the connection is closed. */
static bool write_output(struct connection *connection)
{
    struct peer *peer = &connection->peer;

    while (peer->out_first) {
        ssize_t sent = send_some(connection->fd, peer);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            block(connection);
            return false;
        }
        if (sent < 0) {
            connection_close(connection);
            return false;
        }
        take_sent(peer, (size_t)sent);
        if (connection->blocked_us > 0) {
            connection->blocked_us = connection->worker->engine.now.mono_us;
        }
    }
    unblock(connection);
    return true;
}

void connection_flush(struct connection *connection)
{
    struct peer *peer = &connection->peer;

    take_leave(connection);
    while (!connection->is_closed && write_output(connection)) {
        if (!peer->is_stalled) {
            break;
        }
        peer_received(peer, 0);
    }
    if (connection->is_closed) {
        return;
    }
    if (peer->state == PEER_BROKEN) {
        connection_close(connection);
    } else if (peer->state == PEER_CLOSING && !peer->out_first && !connection->is_lingering) {
        linger(connection);
    }
    arm_timer(connection);
}

/* Throws away what comes after our DISCONNECT, so that closing does not reset the connection
 * before the peer has read it. */
static void drain_input(struct connection *connection)
{
    char scratch[4096];
    ssize_t got = read(connection->fd, scratch, sizeof(scratch));

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        connection_close(connection);
    }
}

static void end_of_input(struct connection *connection, ssize_t got)
{
    const struct peer *peer = &connection->peer;

    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (peer->frame_since_us > 0) {
        log_info("%s: the peer left in the middle of a frame", peer->name);
    } else {
        log_debug("%s: the peer left", peer->name);
    }
    connection_close(connection);
}

static size_t read_bytes(const struct peer *peer, size_t room)
{
    return peer->engine->is_durable && room > DURABLE_READ_BYTES ? DURABLE_READ_BYTES : room;
}

static void read_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct connection *connection = watcher->data;
    struct peer *peer = &connection->peer;
    uint8_t *room;
    size_t length;

    (void)events;
    if (connection->is_lingering) {
        drain_input(connection);
        return;
    }
    if (!peer_room(peer, &room, &length)) {
        ev_io_stop(loop, watcher);
        connection_flush(connection);
        return;
    }
    ssize_t got = read(connection->fd, room, read_bytes(peer, length));
    if (got <= 0) {
        peer_received(peer, 0);
        end_of_input(connection, got);
        return;
    }
    /* What was read may be newer than the turn, by as much as the process stood still in between. */
    connection->worker->engine.now = clock_read();
    connection->active_us = connection->worker->engine.now.mono_us;
    peer_received(peer, (size_t)got);
    connection_flush(connection);
}

static void write_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    connection_flush(watcher->data);
}

static void timer_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct connection *connection = watcher->data;
    struct peer *peer = &connection->peer;
    int64_t due = due_us(connection);

    (void)loop;
    (void)events;
    if (due < 0) {
        return;
    }
    if (due > connection->worker->engine.now.mono_us) {
        arm_timer(connection);
        return;
    }
    if (connection->is_lingering || connection->blocked_us > 0) {
        if (connection->blocked_us > 0) {
            log_warning("%s: takes no replies; closed", peer->name);
        }
        connection_close(connection);
        return;
    }
    log_debug("%s: timed out", peer->name);
    peer_disconnect(peer, SPOE_STATUS_TIMEOUT);
    connection_flush(connection);
}

static void name_peer(int fd, char name[PEER_NAME_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    char text[INET6_ADDRSTRLEN] = "?";

    if (getpeername(fd, (struct sockaddr *)&address, &length) != 0) {
        snprintf(name, PEER_NAME_MAX, "fd %d", fd);
    } else if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        snprintf(name, PEER_NAME_MAX, "%s:%u", text, (unsigned)ntohs(in->sin_port));
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        snprintf(name, PEER_NAME_MAX, "[%s]:%u", text, (unsigned)ntohs(in6->sin6_port));
    } else {
        snprintf(name, PEER_NAME_MAX, "unix (fd %d)", fd);
    }
}

struct connection *connection_new(struct worker *worker, int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    char name[PEER_NAME_MAX];
    int on = 1;

    if (!connection) {
        close(fd);
        return NULL;
    }
    /* Both fail on unix sockets, which need neither. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    name_peer(fd, name);
    peer_init(&connection->peer, &worker->engine, name);
    connection->worker = worker;
    connection->fd = fd;
    connection->since_us = worker->engine.now.mono_us;
    connection->active_us = connection->since_us;
    ev_io_init(&connection->read_io, read_cb, fd, EV_READ);
    ev_io_init(&connection->write_io, write_cb, fd, EV_WRITE);
    ev_timer_init(&connection->timer, timer_cb, 0., 0.);
    connection->read_io.data = connection;
    connection->write_io.data = connection;
    connection->timer.data = connection;
    ev_io_start(worker->loop, &connection->read_io);
    arm_timer(connection);
    return connection;
}

bool connection_is_idle(const struct connection *connection, int64_t mono_us, int64_t quiet_us)
{
    return !connection->peer.out_first && mono_us - connection->active_us >= quiet_us &&
           is_at_rest(connection);
}

void connection_close(struct connection *connection)
{
    struct ev_loop *loop = connection->worker->loop;

    if (connection->is_closed) {
        return;
    }
    connection->is_closed = true;
    ev_io_stop(loop, &connection->read_io);
    ev_io_stop(loop, &connection->write_io);
    ev_timer_stop(loop, &connection->timer);
    peer_fini(&connection->peer);
    close(connection->fd);
    worker_forget(connection->worker, connection);
}

void connection_free(struct connection *connection)
{
    free(connection);
}
