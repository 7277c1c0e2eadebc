/*
 * Frames (SPOE 3.2), as they stand on the wire:
 *
 *     length:4  type:1  flags:4  stream-id:varint  frame-id:varint  payload
 *
 * `length` counts everything after itself and is big endian, as flags are. The smallest legal frame
 * has a type, flags and two ids of one byte.
 */
#ifndef SPOE_FRAME_H
#define SPOE_FRAME_H

#include "spoe/value.h"
#include "spoe/writer.h"

#define SPOE_LENGTH_BYTES   4
#define SPOE_FRAME_SIZE_MIN 7

/* The wire's own numbers. Others are to be skipped. */
enum spoe_frame_type {
    SPOE_FRAME_UNSET = 0, /* goes on with the payload of the frame before */
    SPOE_FRAME_HAPROXY_HELLO = 1,
    SPOE_FRAME_HAPROXY_DISCONNECT = 2,
    SPOE_FRAME_NOTIFY = 3,
    SPOE_FRAME_AGENT_HELLO = 101,
    SPOE_FRAME_AGENT_DISCONNECT = 102,
    SPOE_FRAME_ACK = 103,
};

/* Other bits are reserved, and ignored. */
#define SPOE_FLAG_FIN   0x01u /* the payload ends here */
#define SPOE_FLAG_ABORT 0x02u /* the payload is given up */

struct spoe_frame {
    uint8_t type;
    uint32_t flags;
    uint64_t stream_id;
    uint64_t frame_id;
    struct spoe_bytes payload; /* borrowed */
};

/* The length field at `bytes`: SPOE_LENGTH_BYTES must be there. */
static inline uint32_t spoe_frame_length(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* `bytes` is a whole frame without its length field. False: its header does not parse, and *frame
 * is undefined. */
bool spoe_frame_parse(struct spoe_bytes bytes, struct spoe_frame *frame);

/* Writes length field (still 0), type, FIN and ids. The frame fills what the writer then holds. */
void spoe_frame_begin(struct spoe_writer *writer, enum spoe_frame_type type, uint64_t stream_id,
                      uint64_t frame_id);

/* Sets the length field of the frame from `begin` to `end` and gives its size, that field included.
 */
size_t spoe_frame_end(uint8_t *begin, const uint8_t *end);

#endif
