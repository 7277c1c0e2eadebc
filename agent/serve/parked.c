#include "agent/serve/parked.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"
#include "agent/serve/peer.h"

#define FREE_MAX 1024

static void wake_cb(struct waiter *waiter, struct now now)
{
    struct parked *parked = (struct parked *)(void *)waiter;

    parked->engine->now = now;
    peer_resume(parked);
}

struct parked *parked_take(struct engine *engine)
{
    struct parked *parked = engine->free_parked;

    if (parked) {
        engine->free_parked = parked->peer_next;
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

static void link_deadline(struct engine *engine, struct parked *parked)
{
    struct parked *before = engine->deadline_last;

    /* Deadlines come in order but for those of slow work, and a reload that changed the setting. */
    while (before && before->deadline_us > parked->deadline_us) {
        before = before->deadline_previous;
    }
    parked->deadline_previous = before;
    parked->deadline_next = before ? before->deadline_next : engine->deadline_first;
    if (parked->deadline_next) {
        parked->deadline_next->deadline_previous = parked;
    } else {
        engine->deadline_last = parked;
    }
    if (before) {
        before->deadline_next = parked;
    } else {
        engine->deadline_first = parked;
    }
}

static void unlink_deadline(struct engine *engine, struct parked *parked)
{
    if (parked->deadline_previous) {
        parked->deadline_previous->deadline_next = parked->deadline_next;
    } else {
        engine->deadline_first = parked->deadline_next;
    }
    if (parked->deadline_next) {
        parked->deadline_next->deadline_previous = parked->deadline_previous;
    } else {
        engine->deadline_last = parked->deadline_previous;
    }
}

enum err parked_link(struct parked *parked, struct peer *peer, struct spoe_bytes payload,
                     int64_t deadline_us)
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
    parked->deadline_us = deadline_us;
    parked->peer_next = peer->parked;
    if (peer->parked) {
        peer->parked->peer_previous = parked;
    }
    peer->parked = parked;
    peer->parked_count++;
    link_deadline(parked->engine, parked);
    parked->engine->parked_count++;
    return ERR_OK;
}

void parked_unlink(struct parked *parked)
{
    struct engine *engine = parked->engine;
    struct peer *peer = parked->peer;

    if (parked->peer_previous) {
        parked->peer_previous->peer_next = parked->peer_next;
    } else {
        peer->parked = parked->peer_next;
    }
    if (parked->peer_next) {
        parked->peer_next->peer_previous = parked->peer_previous;
    }
    unlink_deadline(engine, parked);
    peer->parked_count--;
    engine->parked_count--;
}

void parked_extend(struct parked *parked, int64_t deadline_us)
{
    if (deadline_us > parked->deadline_us) {
        unlink_deadline(parked->engine, parked);
        parked->deadline_us = deadline_us;
        link_deadline(parked->engine, parked);
    }
}
