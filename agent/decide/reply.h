/*
 * The reply variables, one table: name, kind, where it comes from, in the order they are written.
 *
 * `verdict` comes first, then `path`, so that HAProxy always learns which path was judged. What
 * does not fit the frame, or the kilobyte that all others share, is left out whole, and so is all
 * behind it: a cut value could be read as another one, and who finds a variable knows that none
 * before it is missing.
 */
#ifndef REEVE_DECIDE_REPLY_H
#define REEVE_DECIDE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/decide/verdict.h"

/* All variables but `path` together stay below this. */
#define REPLY_BYTES_MAX 1024

/* Room one reply may need beside its path. */
#define REPLY_ROOM (REPLY_BYTES_MAX + 1024)

/* True where verdict and path fit a frame of `limit` bytes. An allow that does not fit must become
 * a deny: HAProxy would forward a path that nobody judged. */
bool reply_fits(const struct verdict *verdict, uint32_t limit);

/* Writes the whole ACK frame. Gives its length; 0 where not even the verdict fits `room`. */
size_t reply_write(const struct verdict *verdict, uint64_t stream_id, uint64_t frame_id,
                   uint32_t limit, uint8_t *out, size_t room);

#endif
