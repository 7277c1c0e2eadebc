/*
 * The reply variables, one table: name, type, source. `verdict` is written first; what does not fit
 * the frame is dropped from the end, never the verdict.
 */
#ifndef REEVE_DECIDE_REPLY_H
#define REEVE_DECIDE_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/decide/verdict.h"

/* All variables together stay below this; longer values are dropped, not cut. */
#define REPLY_BYTES_MAX 1024

/* Writes the whole ACK frame. Gives its length; 0 where not even the verdict fits `room`. */
size_t reply_write(const struct verdict *verdict, uint64_t stream_id, uint64_t frame_id,
                   uint32_t limit, uint8_t *out, size_t room);

#endif
