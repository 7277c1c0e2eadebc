/*
 * HELLO (SPOE 3.2.4, 3.2.5): what the peer offers, strictly read, and our answer.
 *
 * Keys the specification does not name are ignored, of whatever type; known ones must have their
 * type and come once. Versions: any 2.x is taken, since minor versions are compatible and we answer
 * 2.0. The one capability known is "pipelining".
 */
#ifndef SPOE_HELLO_H
#define SPOE_HELLO_H

#include "spoe/status.h"
#include "spoe/value.h"

struct spoe_hello {
    uint64_t max_frame_size; /* >= SPOE_MAX_FRAME_SIZE_MIN */
    bool is_pipelined;
    bool is_check;               /* a health check: HAProxy closes once it is answered */
    struct spoe_bytes engine_id; /* any bytes; may be empty */
};

/*
 * Gives SPOE_STATUS_NORMAL and fills *out, or gives the status to refuse with, sets *fault to a
 * static text and leaves *out alone: INVALID_FRAME when the list does not parse, a known key comes
 * twice or has the wrong type; NO_VERSION, NO_MAX_FRAME_SIZE, NO_CAPABILITIES when a key is
 * missing; BAD_VERSION, BAD_MAX_FRAME_SIZE.
 */
enum spoe_status spoe_hello_parse(struct spoe_bytes payload, struct spoe_hello *out,
                                  const char **fault);

/* AGENT-HELLO. Gives the frame's size, 0 when `room` is too small. */
size_t spoe_hello_write(uint32_t max_frame_size, bool is_pipelined, uint8_t *out, size_t room);

#endif
