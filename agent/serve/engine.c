#include "agent/serve/engine.h"

#include <stdlib.h>

#include "agent/decide/memo.h"
#include "agent/serve/held.h"
#include "agent/serve/parked.h"
#include "agent/serve/question.h"

/* A buffer holds many typical frames, and always one of the largest. */
#define BUFFER_BYTES_MIN (64u * 1024)

enum err engine_init(struct engine *engine, const struct engine_settings *settings)
{
    size_t buffer_bytes = settings->decide.config->max_frame_size + 4u;

    *engine = (struct engine){.decide = settings->decide,
                              .spool = settings->spool,
                              .is_durable = settings->is_durable,
                              .output_cb = settings->output_cb,
                              .output_context = settings->output_context};
    buffer_pool_init(&engine->buffers,
                     buffer_bytes < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : buffer_bytes);
    held_queue_init(&engine->held, buffer_bytes);
    engine->arena_block = malloc(DECIDE_ARENA_BYTES);
    engine->spare = parked_take(engine);
    engine->decide.memo = memo_new();
    if (!engine->arena_block || !engine->spare || !engine->decide.memo) {
        engine_fini(engine);
        return ERR_MEMORY;
    }
    arena_init(&engine->arena, engine->arena_block, DECIDE_ARENA_BYTES);
    return ERR_OK;
}

void engine_fini(struct engine *engine)
{
    parked_give(engine, engine->spare);
    engine->spare = NULL;
    while (engine->free_parked) {
        struct parked *next = engine->free_parked->peer_next;
        free(engine->free_parked);
        engine->free_parked = next;
    }
    buffer_pool_fini(&engine->buffers);
    held_queue_fini(&engine->held);
    memo_free(engine->decide.memo);
    engine->decide.memo = NULL;
    free(engine->arena_block);
    engine->arena_block = NULL;
}

void engine_release(struct engine *engine, struct now now)
{
    engine->now = now;
    held_release(engine, spool_settled(engine->spool));
}

bool engine_holds(struct engine *engine, uint64_t sequence)
{
    return held_first(engine) <= sequence;
}

/* The queue's next deadline; INT64_MAX: none. */
static int64_t expire(const struct parked_queue *queue, struct now now)
{
    while (queue->first && queue->first->deadline_us <= now.mono_us) {
        question_refuse(queue->first, REASON_DEADLINE);
    }
    return queue->first ? queue->first->deadline_us : INT64_MAX;
}

int64_t engine_expire(struct engine *engine, struct now now)
{
    int64_t next_us = INT64_MAX, due_us;

    engine->now = now;
    for (int i = 0; i < PARKED_PACE_COUNT; i++) {
        due_us = expire(&engine->queues[i], now);
        next_us = due_us < next_us ? due_us : next_us;
    }
    /* Last: what an observing gate refuses is an allow, that is held and late already. */
    due_us = held_expire(engine, now);
    next_us = due_us < next_us ? due_us : next_us;
    return next_us < INT64_MAX ? next_us : -1;
}
