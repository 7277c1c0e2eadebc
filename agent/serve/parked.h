/*
 * A parked request: it waits for a record from the store, or for work that takes longer. It holds its own
 * copy of the NOTIFY's payload, since the peer's buffer is reused, and is run again from that copy.
 *
 * Linked in two lists: its peer's (cancelled when the peer goes) and the engine's for its pace, by
 * deadline.
 */
#ifndef REEVE_SERVE_PARKED_H
#define REEVE_SERVE_PARKED_H

#include "agent/serve/engine.h"
#include "spoe/value.h"

/* A payload up to this long is copied into the pooled object, else to the heap. */
#define PARKED_INLINE_BYTES 2048

struct parked {
    struct waiter waiter; /* first: a woken waiter is its parked request */
    struct engine *engine;
    struct peer *peer;
    struct parked *peer_next;
    struct parked *peer_previous;
    struct parked *deadline_next;
    struct parked *deadline_previous;
    uint64_t stream_id;
    uint64_t frame_id;
    struct now arrival;
    enum parked_pace pace;
    int64_t deadline_us; /* monotonic */
    struct spoe_bytes payload;
    uint8_t *heap; /* NULL: inline */
    uint8_t inline_bytes[PARKED_INLINE_BYTES];
};

/* An object whose waiter may be queued. NULL when out of memory. */
struct parked *parked_take(struct engine *engine);
/* Cancels its wait, wipes and pools it. NULL accepted. */
void parked_give(struct engine *engine, struct parked *parked);

/* Whether the bounds, of worker and connection, let one more wait. */
bool parked_may(const struct peer *peer, enum parked_pace pace);

/* One more waits, or one less. Who waits in another way (held.h) is counted by these too; linked objects are
 * counted already. */
void parked_count(struct peer *peer, enum parked_pace pace);
void parked_uncount(struct peer *peer, enum parked_pace pace);

/* Copies the payload and links the object in both lists. Its arrival is set: the deadline counts from
 * then. ERR_MEMORY: nothing is linked. */
enum err parked_link(struct parked *parked, struct peer *peer, struct spoe_bytes payload,
                     enum parked_pace pace) MUST_USE;
void parked_unlink(struct parked *parked);

/* Of a linked object: it waits for slow work from now on, and keeps that pace to its end. False: the
 * bounds do not let it. */
bool parked_slow_down(struct parked *parked);

#endif
