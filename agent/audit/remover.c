#include "agent/audit/remover.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/base/thread.h"

struct audit_remover {
    pthread_t thread;
    struct audit_retention asked;
    struct audit_retention retention; /* until it is to end */
    struct journal *journal;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    char *audit_file; /* where it is to look next; NULL: nowhere */
    int64_t wall_us;
    bool is_stopping;
};

/* Gives the file, which the caller frees; NULL: the thread is to end. */
static char *wait_for_file(struct audit_remover *remover, int64_t *wall_us)
{
    pthread_mutex_lock(&remover->mutex);
    while (!remover->is_stopping && !remover->audit_file) {
        pthread_cond_wait(&remover->changed, &remover->mutex);
    }
    char *audit_file = remover->is_stopping ? NULL : remover->audit_file;
    if (audit_file) {
        remover->audit_file = NULL;
    }
    *wall_us = remover->wall_us;
    pthread_mutex_unlock(&remover->mutex);
    return audit_file;
}

/* Who ends the thread waits for one segment, not for all that may go. */
static bool is_held_cb(void *context, uint64_t number, size_t newer_count)
{
    struct audit_remover *remover = context;
    const struct audit_retention *asked = &remover->asked;

    pthread_mutex_lock(&remover->mutex);
    bool is_stopping = remover->is_stopping;
    pthread_mutex_unlock(&remover->mutex);
    return is_stopping ||
           (asked->is_held_cb && asked->is_held_cb(asked->context, number, newer_count));
}

static void remove_old(struct audit_remover *remover, const char *audit_file, int64_t wall_us)
{
    uint64_t last = 0;
    size_t count = audit_segment_remove_old(audit_file, &remover->retention, wall_us, &last);
    char detail[64];

    if (count > 0) {
        snprintf(detail, sizeof(detail), "%zu, up to %llu", count, (unsigned long long)last);
        journal_sink(remover->journal, "segments_removed", detail);
        log_info("audit: %zu old segments removed, up to %llu", count, (unsigned long long)last);
    }
}

static void *run(void *context)
{
    struct audit_remover *remover = context;
    char *audit_file;
    int64_t wall_us;

    while ((audit_file = wait_for_file(remover, &wall_us))) {
        remove_old(remover, audit_file, wall_us);
        free(audit_file);
    }
    return NULL;
}

static void free_memory(struct audit_remover *remover)
{
    pthread_cond_destroy(&remover->changed);
    pthread_mutex_destroy(&remover->mutex);
    free(remover->audit_file);
    free(remover);
}

struct audit_remover *audit_remover_new(const struct audit_retention *retention,
                                        struct journal *journal)
{
    struct audit_remover *remover = calloc(1, sizeof(*remover));

    if (!remover) {
        return NULL;
    }
    remover->asked = remover->retention = *retention;
    remover->retention.is_held_cb = is_held_cb;
    remover->retention.context = remover;
    remover->journal = journal;
    pthread_mutex_init(&remover->mutex, NULL);
    pthread_cond_init(&remover->changed, NULL);
    if (thread_start(&remover->thread, "audit-remove", run, remover) != ERR_OK) {
        free_memory(remover);
        return NULL;
    }
    return remover;
}

void audit_remover_free(struct audit_remover *remover)
{
    if (!remover) {
        return;
    }
    pthread_mutex_lock(&remover->mutex);
    remover->is_stopping = true;
    pthread_cond_signal(&remover->changed);
    pthread_mutex_unlock(&remover->mutex);
    pthread_join(remover->thread, NULL);
    free_memory(remover);
}

void audit_remover_look(struct audit_remover *remover, const char *audit_file, int64_t wall_us)
{
    char *copy = strdup(audit_file);

    if (!copy) {
        return; /* it is asked again */
    }
    pthread_mutex_lock(&remover->mutex);
    free(remover->audit_file);
    remover->audit_file = copy;
    remover->wall_us = wall_us;
    pthread_cond_signal(&remover->changed);
    pthread_mutex_unlock(&remover->mutex);
}
