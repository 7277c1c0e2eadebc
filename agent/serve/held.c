#include "agent/serve/held.h"

#include <string.h>

#include "agent/base/ensure.h"
#include "agent/decide/reply.h"
#include "agent/serve/peer.h"

#define ALIGNMENT (sizeof(uint64_t))

/* A block holds many typical ones, and always one of the largest. */
#define BLOCK_BYTES_MIN (128u * 1024)

void held_queue_init(struct held_queue *queue, size_t frame_bytes)
{
    size_t most = sizeof(struct held) + REPLY_ROOM + 2 * frame_bytes + ALIGNMENT;

    *queue = (struct held_queue){.due_us = INT64_MAX};
    buffer_pool_init(&queue->blocks, most < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : most);
}

static void give_first(struct held_queue *queue)
{
    struct buffer *block = queue->first;

    queue->first = block->next;
    if (!queue->first) {
        queue->last = NULL;
        queue->due_us = INT64_MAX;
    }
    buffer_give(&queue->blocks, block);
}

void held_queue_fini(struct held_queue *queue)
{
    while (queue->first) {
        give_first(queue);
    }
    buffer_pool_fini(&queue->blocks);
}

static struct held *at(struct buffer *block, size_t offset)
{
    return (struct held *)(void *)(block->data + offset);
}

static size_t size_of(const struct held *held)
{
    size_t bytes = sizeof(*held) + held->reply_length + held->payload_length;

    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The first that is still to be answered; what is before it leaves. */
static struct held *first(struct held_queue *queue)
{
    while (queue->first) {
        struct buffer *block = queue->first;

        while (block->begin < block->end) {
            struct held *held = at(block, block->begin);
            if (held->peer) {
                return held;
            }
            block->begin += size_of(held);
        }
        give_first(queue);
    }
    return NULL;
}

static struct buffer *block_with_room(struct held_queue *queue, size_t bytes)
{
    struct buffer *last = queue->last;

    if (last && buffer_room(last) >= bytes) {
        return last;
    }
    struct buffer *block = buffer_take(&queue->blocks);
    if (!block) {
        return NULL;
    }
    if (last) {
        last->next = block;
    } else {
        queue->first = block;
    }
    queue->last = block;
    return block;
}

struct held *held_prepare(struct peer *peer, const struct question *question,
                          const struct verdict *verdict)
{
    struct engine *engine = peer->engine;
    size_t reply_room = REPLY_ROOM + verdict->path.len, payload_length = question->payload.length;
    size_t bytes = sizeof(struct held) + reply_room + payload_length + ALIGNMENT;
    struct buffer *block =
        parked_may(peer, question->pace) ? block_with_room(&engine->held, bytes) : NULL;

    if (!block) {
        return NULL;
    }
    struct held *held = at(block, block->end);
    *held = (struct held){.peer = peer,
                          .stream_id = question->stream_id,
                          .frame_id = question->frame_id,
                          .arrival = question->arrival,
                          .payload_length = (uint32_t)payload_length,
                          .pace = question->pace,
                          .reason = verdict->reason};
    size_t length = reply_write(verdict, held->stream_id, held->frame_id,
                                peer->session.max_frame_size, held->bytes, reply_room);
    if (length == 0) {
        return NULL;
    }
    held->reply_length = (uint32_t)length;
    if (payload_length > 0) {
        memcpy(held->bytes + length, question->payload.data, payload_length);
    }
    return held;
}

void held_add(struct held *held, uint64_t sequence)
{
    struct engine *engine = held->peer->engine;
    bool is_slow = held->pace == PARKED_SLOW;

    held->sequence = sequence;
    held->deadline_us = held->arrival.mono_us + config_patience_us(engine->decide.config, is_slow);
    if (held->deadline_us < engine->held.due_us) {
        engine->held.due_us = held->deadline_us;
    }
    engine->held.last->end += size_of(held);
    held->peer->held_count++;
    parked_count(held->peer, held->pace);
    engine->has_held = true;
}

/* Before it is answered, which may have its peer leave. */
static struct peer *take_peer(struct held *held)
{
    struct peer *peer = held->peer;

    held->peer = NULL;
    peer->held_count--;
    parked_uncount(peer, held->pace);
    return peer;
}

void held_release(struct engine *engine, uint64_t settled)
{
    struct held *held;

    while ((held = first(&engine->held)) && held->sequence <= settled) {
        question_release(held, take_peer(held));
    }
}

/* Calls back for each that is still to be answered. */
static void visit(struct held_queue *queue, void (*visit_cb)(void *context, struct held *held),
                  void *context)
{
    for (struct buffer *block = queue->first; block; block = block->next) {
        struct held *held;

        for (size_t offset = block->begin; offset < block->end; offset += size_of(held)) {
            held = at(block, offset);
            if (held->peer) {
                visit_cb(context, held);
            }
        }
    }
}

struct expiry {
    int64_t now_us;
    int64_t next_us;
};

static void expire_cb(void *context, struct held *held)
{
    struct expiry *expiry = context;

    if (held->deadline_us <= expiry->now_us) {
        question_take_back(held, take_peer(held), REASON_DEADLINE);
    } else if (held->deadline_us < expiry->next_us) {
        expiry->next_us = held->deadline_us;
    }
}

int64_t held_expire(struct engine *engine, struct now now)
{
    struct expiry expiry = {.now_us = now.mono_us, .next_us = INT64_MAX};

    if (engine->held.due_us <= now.mono_us) {
        visit(&engine->held, expire_cb, &expiry);
        engine->held.due_us = expiry.next_us;
    }
    return engine->held.due_us;
}

static void cancel_cb(void *context, struct held *held)
{
    if (held->peer == context) {
        (void)take_peer(held);
    }
}

void held_cancel(struct peer *peer)
{
    if (peer->held_count > 0) {
        visit(&peer->engine->held, cancel_cb, peer);
    }
}

uint64_t held_first(struct engine *engine)
{
    const struct held *held = first(&engine->held);

    return held ? held->sequence : UINT64_MAX;
}
