#include "tests/bench/load_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/spop_peer.h"

#define HELLO_TIMEOUT_MS 5000
#define SLOT_BITS        10 /* LOAD_WINDOW_MAX slots */

static struct load_connection *refuse(struct load_connection *connection, const char *what)
{
    fprintf(stderr, "cannot start: %s\n", what);
    load_connection_close(connection);
    return NULL;
}

static bool is_hello(const struct spop_frame *frame, uint64_t *max_frame_size)
{
    struct spop_value version, size;

    if (frame->type != SPOP_AGENT_HELLO || !spop_get_pair(frame->payload, "version", &version) ||
        !spop_is_text(version.bytes, "2.0") ||
        !spop_get_pair(frame->payload, "max-frame-size", &size)) {
        return false;
    }
    *max_frame_size = size.number;
    return true;
}

/* NULL, or what went wrong. */
static const char *await_hello(struct load_connection *connection, size_t longest)
{
    struct pollfd poll_fd = {.fd = connection->fd, .events = POLLIN};
    struct spop_frame frame;
    size_t used;
    uint64_t max_frame_size = 0;

    while (spop_get_frame(connection->in, connection->in_length, &frame, &used) != SPOP_WHOLE) {
        ssize_t got = -1;
        if (poll(&poll_fd, 1, HELLO_TIMEOUT_MS) == 1) {
            got = read(connection->fd, connection->in + connection->in_length,
                       LOAD_BUFFER_BYTES - connection->in_length);
        }
        if (got <= 0) {
            return "no AGENT-HELLO";
        }
        connection->in_length += (size_t)got;
    }
    if (!is_hello(&frame, &max_frame_size)) {
        return "not an AGENT-HELLO of version 2.0";
    }
    connection->in_length = 0;
    return longest + 28 <= max_frame_size ? NULL : "the agent's max-frame-size is too small";
}

struct load_connection *load_connection_open(const struct load_options *options, size_t longest)
{
    struct load_connection *connection = calloc(1, sizeof(*connection));
    const char *wrong;

    if (!connection) {
        return refuse(NULL, "out of memory");
    }
    connection->fd = endpoint_connect(&options->endpoint);
    if (connection->fd < 0) {
        return refuse(connection, strerror(errno));
    }
    for (unsigned i = 0; i < options->window; i++) {
        connection->free[connection->free_count++] = options->window - 1 - i;
    }
    struct spop_out out = spop_out_over(connection->out, sizeof(connection->out));
    spop_put_hello(&out, &spop_hello_haproxy);
    connection->out_end = out.length;
    load_connection_flush(connection);
    wrong = await_hello(connection, longest);
    return wrong ? refuse(connection, wrong) : connection;
}

static void lose(struct load_connection *connection)
{
    close(connection->fd);
    connection->fd = -1;
}

void load_connection_close(struct load_connection *connection)
{
    uint8_t memory[64];
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    if (connection && connection->fd >= 0) {
        spop_put_disconnect(&out, 0, "normal");
        (void)!send(connection->fd, out.data, out.length, MSG_NOSIGNAL);
        lose(connection);
    }
    free(connection);
}

static void put_rid(uint8_t *digits, uint64_t rid)
{
    for (unsigned i = QUESTION_RID_DIGITS; i-- > 0; rid >>= 4) {
        digits[i] = (uint8_t) "0123456789abcdef"[rid & 15];
    }
}

void load_connection_ask(struct load_connection *connection, const struct question *question,
                         uint64_t rid, uint64_t since_ns)
{
    struct spop_out out = {
        .data = connection->out, .capacity = LOAD_BUFFER_BYTES, .length = connection->out_end};
    unsigned slot = connection->free[--connection->free_count];
    uint64_t stream_id = ++connection->asked << SLOT_BITS | slot;

    connection->flights[slot] =
        (struct flight){.stream_id = stream_id, .since_ns = since_ns, .question = question};
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, stream_id, 1);
    uint8_t *payload = out.data + out.length;
    spop_put_raw(&out, question->payload, question->length);
    put_rid(payload + question->rid_at, rid);
    spop_frame_end(&out, begin);
    connection->out_end = out.length;
}

void load_connection_flush(struct load_connection *connection)
{
    size_t length = connection->out_end - connection->out_begin;

    connection->is_blocked = false;
    if (connection->fd < 0 || length == 0) {
        return;
    }
    ssize_t sent =
        send(connection->fd, connection->out + connection->out_begin, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        lose(connection);
        return;
    }
    connection->out_begin += sent > 0 ? (size_t)sent : 0;
    connection->is_blocked = connection->out_begin < connection->out_end;
    if (!connection->is_blocked) {
        connection->out_begin = 0;
        connection->out_end = 0;
    }
}

static enum question_verdict verdict_of(const struct spop_frame *ack)
{
    struct spop_value value;

    if (!spop_get_var(ack, "verdict", &value)) {
        return VERDICT_ANY;
    }
    for (unsigned i = VERDICT_ANY + 1; i < VERDICT_COUNT; i++) {
        if (spop_is_text(value.bytes, question_verdict_text(i))) {
            return i;
        }
    }
    return VERDICT_ANY;
}

static void take_ack(struct load_connection *connection, const struct spop_frame *ack,
                     uint64_t now_ns, struct load_result *result)
{
    unsigned slot = (unsigned)(ack->stream_id & ((1u << SLOT_BITS) - 1));
    struct flight *flight = &connection->flights[slot];

    if (!flight->question || flight->stream_id != ack->stream_id || ack->frame_id != 1) {
        result->extra++;
        return;
    }
    enum question_verdict verdict = verdict_of(ack), expected = flight->question->expected;
    result->answered++;
    result->verdicts[verdict]++;
    if (verdict == VERDICT_ANY || (expected != VERDICT_ANY && verdict != expected)) {
        result->wrong++;
    }
    histogram_record(&result->latency_ns, now_ns - flight->since_ns);
    flight->question = NULL;
    connection->free[connection->free_count++] = slot;
}

static void take_frames(struct load_connection *connection, uint64_t now_ns,
                        struct load_result *result)
{
    struct spop_frame frame;
    size_t at = 0, used;
    enum spop_result parsed;

    while ((parsed = spop_get_frame(connection->in + at, connection->in_length - at, &frame,
                                    &used)) == SPOP_WHOLE) {
        if (frame.type == SPOP_ACK && frame.flags == SPOP_FIN) {
            take_ack(connection, &frame, now_ns, result);
        } else {
            result->malformed++;
        }
        at += used;
    }
    connection->in_length -= at;
    memmove(connection->in, connection->in + at, connection->in_length);
    if (parsed == SPOP_MALFORMED || connection->in_length == LOAD_BUFFER_BYTES) {
        result->malformed++;
        lose(connection);
    }
}

void load_connection_receive(struct load_connection *connection, uint64_t now_ns,
                             struct load_result *result)
{
    if (connection->fd < 0) {
        return;
    }
    ssize_t got = read(connection->fd, connection->in + connection->in_length,
                       LOAD_BUFFER_BYTES - connection->in_length);
    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        lose(connection);
        return;
    }
    connection->in_length += (size_t)got;
    take_frames(connection, now_ns, result);
}
