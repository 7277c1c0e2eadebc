#include "agent/audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/audit/recover.h"
#include "agent/audit/spool_inside.h"
#include "agent/audit/writer_inside.h"
#include "agent/base/thread.h"

#define GATHER_PAUSE_US    100
#define BUSY_PAUSE_US      5000
#define IDLE_PAUSE_US      50000
#define RETRY_PAUSE_US     10000
#define RETRY_PAUSE_MAX_US 1000000

/* What a ring must be able to take between two looks: 350 bytes a record, 200,000 records/s. */
#define BURST_BYTES_PER_MS 70000

/* The folder itself, not a file in it, which somebody could remove. */
static enum err lock_folder(const char *spool_dir, int *out, struct diag *diag)
{
    int fd = open(spool_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        diag_set(diag, "spool_dir: %s: %s", spool_dir, strerror(errno));
        return ERR_IO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        enum err e = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
        diag_set(diag, "spool_dir: %s: %s", spool_dir,
                 e == ERR_BUSY ? "another agent uses this folder" : strerror(errno));
        close(fd);
        return e;
    }
    *out = fd;
    return ERR_OK;
}

static void free_writer(struct audit_writer *writer)
{
    for (size_t i = 0; i < writer->batch.source_count; i++) {
        if (writer->batch.sources[i].is_leftover) {
            spool_close(writer->batch.sources[i].spool);
        }
    }
    audit_batch_fini(&writer->batch);
    audit_file_close(&writer->file);
    if (writer->lock_fd >= 0) {
        close(writer->lock_fd);
    }
    if (writer->wake_fd >= 0) {
        close(writer->wake_fd);
    }
    audit_proof_fini(&writer->proof);
    audit_privacy_fini(&writer->privacy);
    pthread_mutex_destroy(&writer->mutex);
    free(writer->next_path);
    free(writer->path);
    free(writer);
}

static struct audit_writer *new_writer(const struct audit_writer_settings *settings)
{
    struct audit_writer *writer = calloc(1, sizeof(*writer));

    if (!writer) {
        return NULL;
    }
    writer->settings = *settings;
    writer->lock_fd = -1;
    writer->file = AUDIT_FILE_NONE;
    writer->idle_pause_us = IDLE_PAUSE_US;
    writer->path = strdup(settings->audit_file);
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&writer->mutex, NULL);
    if (!writer->path || writer->wake_fd < 0 || audit_batch_init(&writer->batch) != ERR_OK) {
        free_writer(writer);
        return NULL;
    }
    writer->batch.is_durable = settings->is_durable;
    return writer;
}

static void set_pause(struct audit_writer *writer, enum writer_turn result)
{
    int64_t doubled = writer->pause_us * 2;

    switch (result) {
    case WRITER_MORE:
        writer->pause_us = 0;
        break;
    case WRITER_MOVED:
        writer->pause_us = BUSY_PAUSE_US;
        break;
    case WRITER_GATHERS:
        writer->pause_us = GATHER_PAUSE_US;
        break;
    case WRITER_IDLE:
        writer->pause_us = doubled > BUSY_PAUSE_US ? doubled : BUSY_PAUSE_US;
        break;
    case WRITER_FAILED:
        doubled = doubled < RETRY_PAUSE_MAX_US ? doubled : RETRY_PAUSE_MAX_US;
        writer->pause_us = doubled > RETRY_PAUSE_US ? doubled : RETRY_PAUSE_US;
        return;
    }
    if (writer->pause_us > writer->idle_pause_us) {
        writer->pause_us = writer->idle_pause_us;
    }
}

/* Ends early when something is asked for. True: the writer is to stop. */
static bool pause_until(struct audit_writer *writer, int64_t until_us)
{
    struct pollfd wake = {.fd = writer->wake_fd, .events = POLLIN};
    int64_t left_us = until_us - clock_read().mono_us;
    struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
    uint64_t count;

    if (left_us > 0 && ppoll(&wake, 1, &left, NULL) > 0 &&
        read(writer->wake_fd, &count, sizeof(count)) < 0) {
        log_debug("audit: nobody woke the writer");
    }
    pthread_mutex_lock(&writer->mutex);
    bool is_stopping = writer->is_stopping;
    pthread_mutex_unlock(&writer->mutex);
    return is_stopping;
}

/* The counts too: no worker runs any more. */
static bool is_drained(struct audit_writer *writer)
{
    bool is_done = audit_batch_is_empty(&writer->batch);

    for (size_t i = 0; i < writer->batch.source_count; i++) {
        struct spool *spool = writer->batch.sources[i].spool;

        spool_flush(spool);
        is_done &= spool_is_done(spool);
    }
    return is_done;
}

/* So that nothing is without a checkpoint. */
static void finish_segment(struct audit_writer *writer)
{
    struct now now = clock_read();
    uint64_t count;

    writer->batch.now = now;
    if (audit_batch_is_empty(&writer->batch) && !writer->is_poisoned) {
        writer_put_checkpoint(writer, true, now);
    }
    if (!audit_batch_is_empty(&writer->batch) && !writer->is_failing &&
        audit_batch_deliver(&writer->batch, &writer->file, &count) == ERR_OK) {
        writer_note_proof(writer, now);
    }
}

static void drain(struct audit_writer *writer, int64_t give_up_us)
{
    enum writer_turn result = WRITER_MOVED;
    struct now now = clock_read();

    /* Idle and not drained: what is left can not be read. */
    while (!is_drained(writer) && result != WRITER_IDLE && now.mono_us < give_up_us) {
        result = writer_turn(writer, now);
        if (result == WRITER_FAILED) {
            usleep(RETRY_PAUSE_US);
        }
        now = clock_read();
    }
    if (!is_drained(writer)) {
        log_error("audit: not everything could be written; the rest waits in the spool files");
    }
    finish_segment(writer);
    writer_drop_leftovers(writer);
    if (audit_file_sync(&writer->file) != ERR_OK) {
        log_error("audit: %s can not be synced: %s", log_quote(str_from_c(writer->path)).text,
                  strerror(errno));
    }
}

static enum err start_remover(struct audit_writer *writer)
{
    const struct audit_retention *retention = &writer->settings.retention;

    if (retention->keep_count == 0 && retention->keep_us == 0) {
        return ERR_OK;
    }
    writer->remover = audit_remover_new(retention, writer->journal);
    return writer->remover ? ERR_OK : ERR_MEMORY;
}

static void stop_remover(struct audit_writer *writer)
{
    audit_remover_free(writer->remover);
    writer->remover = NULL;
}

static void *run(void *context)
{
    struct audit_writer *writer = context;
    struct now now;

    do {
        now = clock_read();
        set_pause(writer, writer_turn(writer, now));
    } while (!pause_until(writer, now.mono_us + writer->pause_us));
    writer_stop_syncer(writer, now);
    stop_remover(writer);
    drain(writer, writer->give_up_us);
    return NULL;
}

static void deliver_leftovers(struct audit_writer *writer)
{
    enum writer_turn result;

    do {
        result = writer_turn(writer, clock_read());
    } while (result == WRITER_MOVED || result == WRITER_MORE);
}

static enum err open_proof(struct audit_writer *writer,
                           const struct audit_writer_settings *settings, struct diag *diag)
{
    struct audit_keys *keys = NULL;
    enum err e = settings->key_file ? audit_keys_open(settings->key_file, &keys, diag) : ERR_OK;

    if (e != ERR_OK) {
        return e;
    }
    e = audit_proof_init(&writer->proof, settings->agent, settings->boot ? settings->boot : "",
                         keys);
    if (e != ERR_OK) {
        diag_set(diag, "audit: %s", err_text(e));
    }
    writer->batch.proof = &writer->proof;
    return e;
}

enum err audit_writer_open(const struct audit_writer_settings *settings, struct audit_writer **out,
                           struct diag *diag)
{
    struct audit_writer *writer = new_writer(settings);
    struct now now = clock_read();

    if (!writer) {
        diag_set(diag, "audit: %s", err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    enum err e = audit_privacy_init(&writer->privacy, settings->addresses, settings->address_key);
    writer->batch.privacy = &writer->privacy;
    diag_set(diag, "audit_addresses: %s", err_text(e));
    e = e == ERR_OK ? lock_folder(settings->spool_dir, &writer->lock_fd, diag) : e;
    if (e == ERR_OK) {
        e = audit_file_open(&writer->file, writer->path, diag);
    }
    if (e == ERR_OK) {
        e = open_proof(writer, settings, diag);
    }
    if (e == ERR_OK) {
        e = audit_recover(settings->spool_dir, settings->audit_file, &writer->batch, diag);
    }
    if (e != ERR_OK) {
        free_writer(writer);
        return e;
    }
    writer->check_due_us = now.mono_us + WRITER_CHECK_INTERVAL_US;
    audit_file_refresh(&writer->file);
    writer_resume(writer, now);
    deliver_leftovers(writer);
    *out = writer;
    return ERR_OK;
}

enum err audit_writer_add(struct audit_writer *writer, struct spool *spool)
{
    int64_t quarter_ms = (int64_t)spool_ring(spool)->data_bytes / 4 / BURST_BYTES_PER_MS;
    int64_t pause_us = quarter_ms > 0 ? quarter_ms * 1000 : 1000;

    if (pause_us < writer->idle_pause_us) {
        writer->idle_pause_us = pause_us;
    }
    return audit_batch_add(&writer->batch, spool, false);
}

enum err audit_writer_add_journal(struct audit_writer *writer, struct journal *journal)
{
    writer->journal = journal;
    return audit_batch_add(&writer->batch, journal_spool(journal), false);
}

enum err audit_writer_start(struct audit_writer *writer)
{
    if (writer->settings.is_durable && writer_start_syncer(writer) != ERR_OK) {
        return ERR_MEMORY;
    }
    enum err e = start_remover(writer);
    e = e == ERR_OK ? thread_start(&writer->thread, "audit", run, writer) : e;
    writer->has_thread = e == ERR_OK;
    if (e != ERR_OK) {
        audit_syncer_free(writer->syncer);
        writer->syncer = NULL;
        stop_remover(writer);
    }
    return e;
}

void audit_writer_tell_nobody(struct audit_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    writer->settings.settled_cb = NULL;
    pthread_mutex_unlock(&writer->mutex);
}

void audit_writer_wake(struct audit_writer *writer)
{
    uint64_t one = 1;

    /* Full: it is awake. */
    if (write(writer->wake_fd, &one, sizeof(one)) < 0) {
        return;
    }
}

void audit_writer_head(struct audit_writer *writer, char out[AUDIT_HEAD_MAX])
{
    pthread_mutex_lock(&writer->mutex);
    memcpy(out, writer->head, AUDIT_HEAD_MAX);
    pthread_mutex_unlock(&writer->mutex);
}

void audit_writer_reopen(struct audit_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    writer->wants_reopen = true;
    pthread_mutex_unlock(&writer->mutex);
    audit_writer_wake(writer);
}

enum err audit_writer_set_file(struct audit_writer *writer, const char *path)
{
    char *copy = strdup(path);

    if (!copy) {
        return ERR_MEMORY;
    }
    pthread_mutex_lock(&writer->mutex);
    free(writer->next_path);
    writer->next_path = copy;
    pthread_mutex_unlock(&writer->mutex);
    audit_writer_wake(writer);
    return ERR_OK;
}

void audit_writer_close(struct audit_writer *writer, int64_t timeout_us)
{
    if (!writer) {
        return;
    }
    int64_t give_up_us = clock_read().mono_us + timeout_us;
    if (writer->has_thread) {
        pthread_mutex_lock(&writer->mutex);
        writer->is_stopping = true;
        writer->give_up_us = give_up_us;
        pthread_mutex_unlock(&writer->mutex);
        audit_writer_wake(writer);
        pthread_join(writer->thread, NULL);
    } else {
        drain(writer, give_up_us);
    }
    free_writer(writer);
}

void audit_writer_counters(const struct audit_writer *writer, struct audit_writer_counters *out)
{
    *out = (struct audit_writer_counters){
        .written = atomic_load_explicit(&writer->written, memory_order_relaxed),
        .write_errors = atomic_load_explicit(&writer->write_errors, memory_order_relaxed),
        .redelivered = atomic_load_explicit(&writer->redelivered, memory_order_relaxed),
        .lost = atomic_load_explicit(&writer->lost, memory_order_relaxed),
    };
}
