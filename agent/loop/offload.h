/*
 * A pool of threads for work that would hold a loop up: password hashes. Any thread submits a task,
 * a thread of the pool does it, and done_cb hands it back, as a rule through the owner's mailbox.
 *
 *   submit --> queue, bounded --> a thread: work_cb --> done_cb
 *         `--> ERR_FULL, at once
 *
 * Nobody owns the queue. A source may hold a quarter of its places and a subject half of them; and the
 * sources take turns, so that one with a single task waits for one task of each other source, however
 * many those have. A task that waited until its time is up is handed back undone.
 *
 * The threads have less weight than others (nice 10): loops come first.
 */
#ifndef REEVE_LOOP_OFFLOAD_H
#define REEVE_LOOP_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

struct offload_task {
    void (*work_cb)(void *object); /* on a thread of the pool */
    /* The last that happens to a task, on a thread of the pool or inside offload_stop(); was_done:
     * after work_cb. Must not submit. */
    void (*done_cb)(void *context, void *object, bool was_done);
    void *context;
    void *object;
    uint64_t source;  /* who asks, as a number */
    uint64_t subject; /* about whom */
    int64_t late_us;  /* not begun from then on, monotonic */
};

struct offload;

/* Without threads yet. Gives a new pool; NULL when out of memory. */
struct offload *offload_new(unsigned thread_count, size_t queue_capacity);

/* Once. ERR_MEMORY: some may run all the same; offload_stop() ends them. */
enum err offload_start(struct offload *offload) MUST_USE;

/* Any thread; copies the task. ERR_FULL: no place for it, or for its source or subject, or stopped;
 * done_cb is not called then. */
enum err offload_submit(struct offload *offload, const struct offload_task *task) MUST_USE;

/* Nothing more is taken; what has not begun is handed back undone; waits for what has. Then each
 * task that was taken has been handed back. */
void offload_stop(struct offload *offload);

/* After offload_stop(). NULL accepted. */
void offload_free(struct offload *offload);

#endif
