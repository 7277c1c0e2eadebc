/*
 * A peer: one SPOP connection of a HAProxy, without its socket. The owner reads into the room it
 * gets, tells how much came, and sends what stands in the output.
 *
 * Input is taken as long as the output is not backed up: with more than one buffer of unsent
 * replies peer_wants_input() is false, and what was read already waits. NOTIFYs are taken in batches
 * of FORESEE_MAX, so there may be the replies of one batch more.
 */
#ifndef REEVE_SERVE_PEER_H
#define REEVE_SERVE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/request/request.h"
#include "agent/serve/buffer.h"
#include "agent/serve/engine.h"
#include "spoe/session.h"

#define PEER_NAME_MAX 64

enum peer_state {
    PEER_OPEN,
    PEER_CLOSING, /* nothing more is decided: send the output, then close */
    PEER_BROKEN,  /* out of memory: close at once */
};

struct peer {
    struct engine *engine;
    enum peer_state state;
    struct spoe_session session;
    struct request_layout layout;
    struct buffer *in;
    struct buffer *out_first;
    struct buffer *out_last;
    struct parked *parked;
    unsigned parked_count; /* what waits: parked, and held */
    unsigned slow_count;   /* of them, those that wait, or waited, for slow work */
    unsigned held_count;
    bool has_answered;      /* a NOTIFY, ever */
    bool is_stalled;        /* whole frames may wait for the output to drain */
    int64_t frame_since_us; /* when the frame that is not whole yet began; 0: none */
    char name[PEER_NAME_MAX];
};

void peer_init(struct peer *peer, struct engine *engine, const char *name);
/* Cancels what waits. */
void peer_fini(struct peer *peer);

/* Where to read to. False: no memory, or no input wanted now. */
bool peer_room(struct peer *peer, uint8_t **room, size_t *length);
/* `length` bytes were read into the room; 0 to go on after output was sent. */
void peer_received(struct peer *peer, size_t length);

bool peer_wants_input(const struct peer *peer);

/* The first stretch of unsent output; false where there is none. */
bool peer_output(const struct peer *peer, const uint8_t **bytes, size_t *length);
void peer_sent(struct peer *peer, size_t length);

/* A stretch of at least `length` bytes at the output's end, of which out_last->end moves over what is
 * written. NULL when out of memory: the peer is broken. */
uint8_t *peer_output_room(struct peer *peer, size_t length);

/* Sends DISCONNECT with that status and closes. */
void peer_disconnect(struct peer *peer, enum spoe_status status);

#endif
