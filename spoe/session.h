/*
 * One SPOP connection, agent side: bytes in, events out, replies into the caller's buffer. No
 * socket, no clock, no allocation.
 *
 *          HELLO ok                    DISCONNECT
 *   NEW ------------> RUNNING -------------------------> CLOSED
 *    |  \ healthcheck                      |               ^
 *    |   `-----------> CHECKED             `-- fault ------|
 *    `-- DISCONNECT, or fault -----------------------------'
 *
 * Frames of unknown type change nothing, in any state (SPOE 3.2). Fragmented payloads are refused:
 * the answer to HELLO never announces them.
 *
 * The caller keeps the received bytes in a buffer of its own, contiguous, and calls
 * spoe_session_next() until it says SPOE_EVENT_MORE. An event borrows from that buffer until the
 * caller moves or overwrites those bytes.
 */
#ifndef SPOE_SESSION_H
#define SPOE_SESSION_H

#include "spoe/status.h"
#include "spoe/value.h"

/* SPOE 3.2.4: both sides must take frames of this size. */
#define SPOE_MAX_FRAME_SIZE_MIN 256
/* Longest frame taken before HELLO has settled a size. */
#define SPOE_HELLO_FRAME_MAX 4096

enum spoe_event_type {
    SPOE_EVENT_MORE,       /* no whole frame there: read more, then call again */
    SPOE_EVENT_HELLO,      /* answer with spoe_session_write_hello() */
    SPOE_EVENT_CHECK,      /* a health check: answer with spoe_session_write_hello(), then close */
    SPOE_EVENT_NOTIFY,     /* answer each with one ACK */
    SPOE_EVENT_IGNORED,    /* a frame that asks for nothing: go on */
    SPOE_EVENT_DISCONNECT, /* the peer leaves: answer with DISCONNECT 0, then close */
    SPOE_EVENT_FAULT,      /* the peer broke the protocol: send DISCONNECT `status`, then close */
};

/* Only what belongs to the type is set. */
struct spoe_event {
    enum spoe_event_type type;
    struct {
        uint64_t stream_id; /* 0 is legal (HAProxy <= 3.0's first stream) */
        uint64_t frame_id;
        struct spoe_bytes payload;
    } notify;
    struct {
        uint64_t status;           /* what the peer sent, any value; 99: none that parses */
        struct spoe_bytes message; /* any bytes; escape before logging */
    } disconnect;
    struct {
        enum spoe_status status; /* what to send */
        const char *text;        /* static, for the log */
    } fault;
};

enum spoe_session_state {
    SPOE_SESSION_NEW,
    SPOE_SESSION_RUNNING,
    SPOE_SESSION_CHECKED,
    SPOE_SESSION_CLOSED,
};

struct spoe_session {
    enum spoe_session_state state;
    uint32_t own_max_frame_size;
    uint32_t max_frame_size; /* agreed; limits frames in both directions once RUNNING */
    bool is_pipelined;
    char engine_id[64]; /* NUL-terminated, cut; control bytes replaced by '?' */
};

/* own_max_frame_size: the largest frame this agent takes, >= SPOE_MAX_FRAME_SIZE_MIN. */
void spoe_session_init(struct spoe_session *session, uint32_t own_max_frame_size);

/*
 * Looks at `length` unread bytes and gives the next event. The result is how many bytes the event
 * used up (0 for MORE and FAULT). A frame longer than the limit is a FAULT as soon as its length
 * field is there; its body is never waited for. After FAULT, CHECK and DISCONNECT, and once
 * CLOSED, everything that follows is ignored: the result is `length`, the event IGNORED (MORE
 * where `length` is 0).
 */
size_t spoe_session_next(struct spoe_session *session, const uint8_t *bytes, size_t length,
                         struct spoe_event *event);

/* Bytes needed in all before the frame that starts at `bytes` is whole: 4 while its length is not
 * known yet. Never more than 4 + the limit. */
size_t spoe_session_wanted(const struct spoe_session *session, const uint8_t *bytes, size_t length);

/* Room that is enough for any HELLO or DISCONNECT. */
#define SPOE_REPLY_MAX 256

/* AGENT-HELLO. Version 2.0; `pipelining` where the peer offered it; size 256 to health checks,
 * which passes whatever HAProxy's tune.bufsize. Gives the length, 0 when `room` is too small. */
size_t spoe_session_write_hello(const struct spoe_session *session, uint8_t *out, size_t room);

/* AGENT-DISCONNECT, and the session is CLOSED. A status that may not be sent becomes 99. Gives the
 * length, 0 when `room` is too small. */
size_t spoe_session_write_disconnect(struct spoe_session *session, enum spoe_status status,
                                     uint8_t *out, size_t room);

#endif
