/*
 * Held allows: decided and recorded, and kept as bytes until their records are settled. Each takes a place
 * among what is parked, and has the patience that it had before.
 *
 *   block: [ held | reply | payload ][ held | reply | payload ] ...
 *
 * A queue by sequence: they are settled in the order in which they were recorded, so both ends go through
 * memory from the front to the back. One that is answered or cancelled before its turn stays as a hole until all
 * before it are gone, which is no longer than the longest patience. The payload is for the one that is refused
 * after all; as in an I/O buffer, what is left of it is overwritten by the next traffic.
 */
#ifndef REEVE_SERVE_HELD_H
#define REEVE_SERVE_HELD_H

#include "agent/decide/verdict.h"
#include "agent/serve/parked.h"
#include "agent/serve/question.h"

struct held {
    struct peer *peer; /* NULL: answered, or its peer is gone */
    uint64_t sequence; /* of its record */
    uint64_t stream_id;
    uint64_t frame_id;
    struct now arrival;
    int64_t deadline_us; /* monotonic */
    uint32_t reply_length;
    uint32_t payload_length;
    enum parked_pace pace;
    enum reason reason;
    uint8_t bytes[]; /* the reply, a whole frame; the payload */
};

/* `frame_bytes`: of the longest frame. */
void held_queue_init(struct held_queue *queue, size_t frame_bytes);
void held_queue_fini(struct held_queue *queue);

/* Writes the reply behind the others. NULL: there is no place, or no memory. It counts once it is added, before the
 * next one is prepared. */
struct held *held_prepare(struct peer *peer, const struct question *question,
                          const struct verdict *verdict);
void held_add(struct held *held, uint64_t sequence);

/* Sends the replies whose records are settled. */
void held_release(struct engine *engine, uint64_t settled);

/* Refuses what is past its deadline. Gives the next one; INT64_MAX: none. */
int64_t held_expire(struct engine *engine, struct now now);

/* The peer's are never answered. */
void held_cancel(struct peer *peer);

/* The first one's sequence; UINT64_MAX: none. */
uint64_t held_first(struct engine *engine);

#endif
