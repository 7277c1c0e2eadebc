#include "agent/serve/parked.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"
#include "agent/serve/peer.h"
#include "agent/serve/question.h"

#define FREE_MAX 1024

#define LINE_BYTES     64
#define EXPECTED_BYTES (offsetof(struct parked, inline_bytes) + 512)

/* Slow work may hold half of the places: who only waits for the store finds the others. */
#define SLOW_SHARE 2

/* The next one was not touched for as long as its last request waited: its head, and where a payload begins. */
static void expect(const struct parked *parked)
{
    const char *at = (const char *)parked;

    for (size_t i = 0; parked && i < EXPECTED_BYTES; i += LINE_BYTES) {
        __builtin_prefetch(at + i, 1);
    }
}

static void wake_cb(struct waiter *waiter, struct now now)
{
    struct parked *parked = (struct parked *)(void *)waiter;

    parked->engine->now = now;
    question_resume(parked);
}

struct parked *parked_take(struct engine *engine)
{
    struct parked *parked = engine->free_parked;

    if (parked) {
        engine->free_parked = parked->peer_next;
        expect(engine->free_parked);
        engine->free_parked_count--;
    } else {
        parked = malloc(sizeof(*parked));
        if (!parked) {
            return NULL;
        }
    }
    memset(parked, 0, offsetof(struct parked, inline_bytes));
    parked->engine = engine;
    parked->waiter.wake_cb = wake_cb;
    return parked;
}

void parked_give(struct engine *engine, struct parked *parked)
{
    if (!parked) {
        return;
    }
    waiter_cancel(&parked->waiter);
    if (parked->payload.length > 0) {
        crypto_wipe(parked->heap ? parked->heap : parked->inline_bytes, parked->payload.length);
    }
    free(parked->heap);
    if (engine->free_parked_count >= FREE_MAX) {
        free(parked);
        return;
    }
    parked->peer_next = engine->free_parked;
    engine->free_parked = parked;
    engine->free_parked_count++;
}

static void link_deadline(struct parked *parked)
{
    struct parked_queue *queue = &parked->engine->queues[parked->pace];
    struct parked *before = queue->last;

    /* Those of one pace come in order but for those that changed it, and a reload that changed the
     * setting. */
    while (before && before->deadline_us > parked->deadline_us) {
        before = before->deadline_previous;
    }
    parked->deadline_previous = before;
    parked->deadline_next = before ? before->deadline_next : queue->first;
    if (parked->deadline_next) {
        parked->deadline_next->deadline_previous = parked;
    } else {
        queue->last = parked;
    }
    if (before) {
        before->deadline_next = parked;
    } else {
        queue->first = parked;
    }
}

static void unlink_deadline(struct parked *parked)
{
    struct parked_queue *queue = &parked->engine->queues[parked->pace];

    if (parked->deadline_previous) {
        parked->deadline_previous->deadline_next = parked->deadline_next;
    } else {
        queue->first = parked->deadline_next;
    }
    if (parked->deadline_next) {
        parked->deadline_next->deadline_previous = parked->deadline_previous;
    } else {
        queue->last = parked->deadline_previous;
    }
}

static void set_pace(struct parked *parked, enum parked_pace pace)
{
    const struct config *config = parked->engine->decide.config;

    parked->pace = pace;
    parked->deadline_us = parked->arrival.mono_us + config_patience_us(config, pace == PARKED_SLOW);
}

/* Half of the places, and one at least. */
static bool may_be_slow(const struct peer *peer)
{
    const struct config *config = peer->engine->decide.config;

    return peer->engine->slow_count < (config->max_in_flight + 1) / SLOW_SHARE &&
           peer->slow_count < (config->max_in_flight_connection + 1) / SLOW_SHARE;
}

bool parked_may(const struct peer *peer, enum parked_pace pace)
{
    const struct config *config = peer->engine->decide.config;

    return peer->engine->parked_count < config->max_in_flight &&
           peer->parked_count < config->max_in_flight_connection &&
           (pace == PARKED_FAST || may_be_slow(peer));
}

void parked_count(struct peer *peer, enum parked_pace pace)
{
    unsigned slow = pace == PARKED_SLOW ? 1 : 0;

    peer->parked_count++;
    peer->slow_count += slow;
    peer->engine->parked_count++;
    peer->engine->slow_count += slow;
}

void parked_uncount(struct peer *peer, enum parked_pace pace)
{
    unsigned slow = pace == PARKED_SLOW ? 1 : 0;

    peer->parked_count--;
    peer->slow_count -= slow;
    peer->engine->parked_count--;
    peer->engine->slow_count -= slow;
}

enum err parked_link(struct parked *parked, struct peer *peer, struct spoe_bytes payload,
                     enum parked_pace pace)
{
    uint8_t *copy = parked->inline_bytes;

    if (payload.length > PARKED_INLINE_BYTES) {
        copy = parked->heap = malloc(payload.length);
        if (!copy) {
            return ERR_MEMORY;
        }
    }
    if (payload.length > 0) {
        memcpy(copy, payload.data, payload.length);
    }
    parked->payload = (struct spoe_bytes){copy, payload.length};
    parked->peer = peer;
    parked->peer_next = peer->parked;
    if (peer->parked) {
        peer->parked->peer_previous = parked;
    }
    peer->parked = parked;
    parked_count(peer, pace);
    set_pace(parked, pace);
    link_deadline(parked);
    return ERR_OK;
}

void parked_unlink(struct parked *parked)
{
    struct peer *peer = parked->peer;

    if (parked->peer_previous) {
        parked->peer_previous->peer_next = parked->peer_next;
    } else {
        peer->parked = parked->peer_next;
    }
    if (parked->peer_next) {
        parked->peer_next->peer_previous = parked->peer_previous;
    }
    unlink_deadline(parked);
    parked_uncount(peer, parked->pace);
}

bool parked_slow_down(struct parked *parked)
{
    if (parked->pace == PARKED_SLOW) {
        return true;
    }
    if (!may_be_slow(parked->peer)) {
        return false;
    }
    unlink_deadline(parked);
    parked_uncount(parked->peer, parked->pace);
    parked_count(parked->peer, PARKED_SLOW);
    set_pace(parked, PARKED_SLOW);
    link_deadline(parked);
    return true;
}
