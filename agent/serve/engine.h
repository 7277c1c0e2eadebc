/*
 * The engine: a worker without its loop. Peers, the requests that wait, their deadlines; bytes in,
 * bytes out, on the instant that is passed in. The worker gives it sockets and time; scenario tests
 * give it a scripted store and virtual time.
 *
 *   peer_received() --> frames --> decide --> reply in the peer's output
 *                                    `-> waits: parked with a deadline, run again when its record
 *                                        came, refused when the deadline passes
 *
 * Every NOTIFY gets exactly one ACK unless its peer is gone, and no ACK is written before its audit
 * record stands in the spool; in durable mode, no allow before its record is on the disk.
 */
#ifndef REEVE_SERVE_ENGINE_H
#define REEVE_SERVE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/audit/spool.h"
#include "agent/base/arena.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/decide/decide.h"
#include "agent/serve/buffer.h"

struct peer;
struct parked;

/* What a parked request waits for: the store, or work that takes longer. */
enum parked_pace { PARKED_FAST, PARKED_SLOW, PARKED_PACE_COUNT };

/* By deadline. */
struct parked_queue {
    struct parked *first;
    struct parked *last;
};

/* Allows whose records are not settled, by sequence. */
struct held_queue {
    struct buffer_pool blocks;
    struct buffer *first, *last;
    int64_t due_us; /* no deadline is before that; INT64_MAX: none is held */
};

struct engine_counters {
    uint64_t frames;
    uint64_t requests;
    uint64_t verdicts[3]; /* by enum verdict_kind */
    uint64_t reasons[REASON_COUNT];
    uint64_t parked;     /* requests that had to wait */
    uint64_t unknown;    /* NOTIFYs without a message of ours */
    uint64_t faults;     /* peers that broke the protocol */
    uint64_t spool_full; /* decisions the spool could not take */
};

/* Called when the reply of a request that waited was added to a peer's output outside peer_received(). */
typedef void engine_output_cb(void *context, struct peer *peer);

struct engine {
    struct decide_context decide;
    struct spool *spool;
    bool is_ready;  /* answers to health checks; set by the worker */
    struct now now; /* of this turn; kept by the worker */
    engine_output_cb *output_cb;
    void *output_context;

    struct buffer_pool buffers;
    struct arena arena;
    char *arena_block;

    struct parked *free_parked;
    size_t free_parked_count;
    struct parked *spare; /* lends its waiter to the request being decided */
    struct parked_queue queues[PARKED_PACE_COUNT];
    struct held_queue held;
    unsigned parked_count; /* what waits: in the queues, and held */
    unsigned slow_count;   /* of them, those that wait, or waited, for slow work */
    bool is_durable;
    bool has_held; /* since the owner last looked: somebody should wake the writer */

    struct log_limit protocol_log;
    struct log_limit spool_log;
    struct engine_counters counters;
};

struct engine_settings {
    struct decide_context decide; /* borrowed */
    struct spool *spool;          /* borrowed */
    bool is_durable;              /* an allow leaves only after its record is settled */
    engine_output_cb *output_cb;
    void *output_context;
};

enum err engine_init(struct engine *engine, const struct engine_settings *settings) MUST_USE;
/* After every peer is gone. */
void engine_fini(struct engine *engine);

/* Answers the allows whose records are settled by now. */
void engine_release(struct engine *engine, struct now now);

/* Whether an allow is held whose record is this one or an earlier one. */
bool engine_holds(struct engine *engine, uint64_t sequence);

/* Refuses what waited past its deadline. Gives the next deadline on the monotonic clock, -1 where
 * nothing waits. */
int64_t engine_expire(struct engine *engine, struct now now);

#endif
