#include "agent/loop/offload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/base/thread.h"

#define SOURCE_SHARE  4
#define SUBJECT_SHARE 2

#define NICE 10

/* Start-time fair queueing: turns of one source follow each other, those of different ones stand side
 * by side; the lowest goes first, among equals the oldest. */
struct place {
    struct offload_task task;
    uint64_t turn;
};

struct offload {
    pthread_mutex_t mutex;
    pthread_cond_t has_work;
    bool is_stopped;
    uint64_t turn; /* of what began last */
    size_t capacity;
    size_t count;
    struct place *places; /* by age */
    unsigned thread_count;
    unsigned started_count;
    pthread_t *threads;
};

struct offload *offload_new(unsigned thread_count, size_t queue_capacity)
{
    struct offload *offload = calloc(1, sizeof(*offload));

    if (!offload) {
        return NULL;
    }
    offload->thread_count = thread_count;
    offload->capacity = queue_capacity;
    offload->threads = calloc(thread_count, sizeof(*offload->threads));
    offload->places = calloc(queue_capacity, sizeof(*offload->places));
    if (!offload->threads || !offload->places) {
        free(offload->threads);
        free(offload->places);
        free(offload);
        return NULL;
    }
    pthread_mutex_init(&offload->mutex, NULL);
    pthread_cond_init(&offload->has_work, NULL);
    return offload;
}

/* ---- the queue; under the mutex ---- */

static struct place *next_place(struct offload *offload)
{
    struct place *best = &offload->places[0];

    for (size_t i = 1; i < offload->count; i++) {
        best = offload->places[i].turn < best->turn ? &offload->places[i] : best;
    }
    return best;
}

static struct offload_task take(struct offload *offload, struct place *place)
{
    struct offload_task task = place->task;
    size_t behind = offload->count - (size_t)(place - offload->places) - 1;

    offload->turn = place->turn;
    memmove(place, place + 1, behind * sizeof(*place));
    offload->count--;
    return task;
}

static size_t share(const struct offload *offload, size_t part)
{
    return offload->capacity > part ? offload->capacity / part : 1;
}

static enum err add(struct offload *offload, const struct offload_task *task)
{
    size_t of_source = 0, of_subject = 0;
    uint64_t turn = offload->turn;

    for (size_t i = 0; i < offload->count; i++) {
        const struct place *place = &offload->places[i];
        if (place->task.source == task->source) {
            of_source++;
            turn = place->turn > turn ? place->turn : turn;
        }
        of_subject += place->task.subject == task->subject ? 1 : 0;
    }
    if (offload->is_stopped || offload->count == offload->capacity ||
        of_source >= share(offload, SOURCE_SHARE) || of_subject >= share(offload, SUBJECT_SHARE)) {
        return ERR_FULL;
    }
    offload->places[offload->count++] = (struct place){*task, turn + 1};
    return ERR_OK;
}

/* ---- threads ---- */

static bool wait_for_task(struct offload *offload, struct offload_task *task)
{
    bool has_task = false;

    pthread_mutex_lock(&offload->mutex);
    while (offload->count == 0 && !offload->is_stopped) {
        pthread_cond_wait(&offload->has_work, &offload->mutex);
    }
    if (!offload->is_stopped) {
        *task = take(offload, next_place(offload));
        has_task = true;
    }
    pthread_mutex_unlock(&offload->mutex);
    return has_task;
}

static void *run(void *context)
{
    struct offload *offload = context;
    struct offload_task task;

    /* On Linux that is this thread's alone. Without it all works the same. */
    (void)setpriority(PRIO_PROCESS, 0, NICE);
    while (wait_for_task(offload, &task)) {
        bool is_late = clock_read().mono_us >= task.late_us;
        if (!is_late) {
            task.work_cb(task.object);
        }
        task.done_cb(task.context, task.object, !is_late);
    }
    return NULL;
}

enum err offload_start(struct offload *offload)
{
    for (unsigned i = 0; i < offload->thread_count; i++) {
        char name[24];

        snprintf(name, sizeof(name), "offload-%u", i);
        if (thread_start(&offload->threads[i], name, run, offload) != ERR_OK) {
            return ERR_MEMORY;
        }
        offload->started_count++;
    }
    return ERR_OK;
}

enum err offload_submit(struct offload *offload, const struct offload_task *task)
{
    pthread_mutex_lock(&offload->mutex);
    enum err e = add(offload, task);
    pthread_mutex_unlock(&offload->mutex);
    if (e == ERR_OK) {
        pthread_cond_signal(&offload->has_work);
    }
    return e;
}

/* Others may still submit, in vain. */
static bool take_left(struct offload *offload, struct offload_task *task)
{
    pthread_mutex_lock(&offload->mutex);
    bool has_task = offload->count > 0;
    if (has_task) {
        *task = take(offload, &offload->places[0]);
    }
    pthread_mutex_unlock(&offload->mutex);
    return has_task;
}

void offload_stop(struct offload *offload)
{
    struct offload_task task;

    pthread_mutex_lock(&offload->mutex);
    offload->is_stopped = true;
    pthread_cond_broadcast(&offload->has_work);
    pthread_mutex_unlock(&offload->mutex);
    for (unsigned i = 0; i < offload->started_count; i++) {
        pthread_join(offload->threads[i], NULL);
    }
    offload->started_count = 0;
    while (take_left(offload, &task)) {
        task.done_cb(task.context, task.object, false);
    }
}

void offload_free(struct offload *offload)
{
    if (offload) {
        pthread_mutex_destroy(&offload->mutex);
        pthread_cond_destroy(&offload->has_work);
        free(offload->threads);
        free(offload->places);
        free(offload);
    }
}
