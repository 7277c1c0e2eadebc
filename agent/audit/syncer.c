#include "agent/audit/syncer.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/base/thread.h"

struct audit_syncer {
    pthread_t thread;
    int wake_fd;
    void (*done_cb)(void *context);
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    enum audit_sync state;
    int fd;
    int error; /* errno of what failed */
    bool is_stopping;
};

/* False: the thread is to end. */
static bool wait_for_one(struct audit_syncer *syncer, int *fd)
{
    pthread_mutex_lock(&syncer->mutex);
    while (!syncer->is_stopping && syncer->state != AUDIT_SYNC_RUNS) {
        pthread_cond_wait(&syncer->changed, &syncer->mutex);
    }
    bool is_one = !syncer->is_stopping;
    *fd = syncer->fd;
    pthread_mutex_unlock(&syncer->mutex);
    return is_one;
}

static void tell(struct audit_syncer *syncer, enum audit_sync state, int error)
{
    uint64_t one = 1;

    pthread_mutex_lock(&syncer->mutex);
    syncer->state = state;
    syncer->error = error;
    pthread_cond_signal(&syncer->changed);
    pthread_mutex_unlock(&syncer->mutex);
    if (write(syncer->wake_fd, &one, sizeof(one)) < 0) {
        log_debug("audit: the writer is awake");
    }
}

static void *run(void *context)
{
    struct audit_syncer *syncer = context;
    int fd;

    while (wait_for_one(syncer, &fd)) {
        if (fdatasync(fd) < 0) {
            tell(syncer, AUDIT_SYNC_FAILED, errno);
            continue;
        }
        syncer->done_cb(syncer->context);
        tell(syncer, AUDIT_SYNC_DONE, 0);
    }
    return NULL;
}

static void free_memory(struct audit_syncer *syncer)
{
    pthread_cond_destroy(&syncer->changed);
    pthread_mutex_destroy(&syncer->mutex);
    free(syncer);
}

struct audit_syncer *audit_syncer_new(int wake_fd, void (*done_cb)(void *context), void *context)
{
    struct audit_syncer *syncer = calloc(1, sizeof(*syncer));

    if (!syncer) {
        return NULL;
    }
    syncer->wake_fd = wake_fd;
    syncer->done_cb = done_cb;
    syncer->context = context;
    pthread_mutex_init(&syncer->mutex, NULL);
    pthread_cond_init(&syncer->changed, NULL);
    if (thread_start(&syncer->thread, "audit-sync", run, syncer) != ERR_OK) {
        free_memory(syncer);
        return NULL;
    }
    return syncer;
}

void audit_syncer_free(struct audit_syncer *syncer)
{
    if (!syncer) {
        return;
    }
    pthread_mutex_lock(&syncer->mutex);
    syncer->is_stopping = true;
    pthread_cond_signal(&syncer->changed);
    pthread_mutex_unlock(&syncer->mutex);
    pthread_join(syncer->thread, NULL);
    free_memory(syncer);
}

void audit_syncer_begin(struct audit_syncer *syncer, int fd)
{
    pthread_mutex_lock(&syncer->mutex);
    ensure(syncer->state == AUDIT_SYNC_NONE);
    syncer->fd = fd;
    syncer->state = AUDIT_SYNC_RUNS;
    pthread_cond_signal(&syncer->changed);
    pthread_mutex_unlock(&syncer->mutex);
}

enum audit_sync audit_syncer_take(struct audit_syncer *syncer, bool waits)
{
    pthread_mutex_lock(&syncer->mutex);
    while (waits && syncer->state == AUDIT_SYNC_RUNS) {
        pthread_cond_wait(&syncer->changed, &syncer->mutex);
    }
    enum audit_sync state = syncer->state;
    if (state != AUDIT_SYNC_RUNS) {
        syncer->state = AUDIT_SYNC_NONE;
    }
    errno = state == AUDIT_SYNC_FAILED ? syncer->error : errno;
    pthread_mutex_unlock(&syncer->mutex);
    return state;
}
