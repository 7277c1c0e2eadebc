#include <errno.h>
#include <string.h>

#include "agent/audit/writer_inside.h"

/* Below that, gathering costs more than a sync. */
#define GATHER_LEAST_US 100
/* A disk that hung for seconds must not make all later ones late. */
#define GATHER_MOST_US 10000

bool writer_is_gathering(const struct audit_writer *writer, struct now now)
{
    int64_t most_us = writer->sync_us < GATHER_MOST_US ? writer->sync_us : GATHER_MOST_US;

    return writer->syncer && writer->batch.handed_bytes == 0 &&
           writer->sync_us >= GATHER_LEAST_US && now.mono_us - writer->group_begin_us < most_us;
}

static void begin(struct audit_writer *writer)
{
    audit_batch_hand_over(&writer->batch);
    writer->sync_begin_us = clock_read().mono_us;
}

static void call_settled(struct audit_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    if (writer->settings.settled_cb) {
        writer->settings.settled_cb(writer->settings.settled_context);
    }
    pthread_mutex_unlock(&writer->mutex);
}

/* On the syncer's thread. */
static void done_cb(void *context)
{
    struct audit_writer *writer = context;

    audit_batch_tell_settled(&writer->batch);
    call_settled(writer);
}

/* `is_told`: the syncer has called those who wait. */
static void note_settled(struct audit_writer *writer, bool is_told)
{
    int64_t end_us = clock_read().mono_us;
    bool has_more = audit_batch_settle(&writer->batch);

    writer->sync_us += (end_us - writer->sync_begin_us - writer->sync_us) / 4;
    if (has_more || !is_told) {
        call_settled(writer);
    }
}

enum err writer_start_syncer(struct audit_writer *writer)
{
    writer->syncer = audit_syncer_new(writer->wake_fd, done_cb, writer);
    return writer->syncer ? ERR_OK : ERR_MEMORY;
}

static enum audit_sync take(struct audit_writer *writer, bool waits)
{
    return writer->syncer ? audit_syncer_take(writer->syncer, waits) : AUDIT_SYNC_NONE;
}

void writer_forget_sync(struct audit_writer *writer)
{
    (void)take(writer, true);
}

void writer_sync_failed(struct audit_writer *writer, struct now now)
{
    int saved_errno = errno;
    uint64_t swallowed;

    writer_forget_sync(writer);
    atomic_fetch_add_explicit(&writer->write_errors, 1, memory_order_relaxed);
    if (log_limit_pass(&writer->write_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
        log_error("audit: %s can not be synced: %s; its last records go into a new segment",
                  log_quote(str_from_c(writer->path)).text, strerror(saved_errno));
    }
    journal_sink(writer->journal, "failing", "the file can not be synced");
    writer->is_poisoned = true;
    audit_batch_rewind(&writer->batch, true);
}

static enum err take_end(struct audit_writer *writer, bool waits, struct now now)
{
    switch (take(writer, waits)) {
    case AUDIT_SYNC_DONE:
        note_settled(writer, true);
        break;
    case AUDIT_SYNC_FAILED:
        writer_sync_failed(writer, now);
        return ERR_IO;
    case AUDIT_SYNC_NONE:
    case AUDIT_SYNC_RUNS:
        break;
    }
    return ERR_OK;
}

enum err writer_take_sync(struct audit_writer *writer, struct now now)
{
    return take_end(writer, false, now);
}

enum err writer_settle_all(struct audit_writer *writer, struct now now)
{
    struct audit_batch *batch = &writer->batch;

    if (take_end(writer, true, now) != ERR_OK) {
        return ERR_IO;
    }
    if (batch->unsettled_bytes == 0) {
        return ERR_OK;
    }
    begin(writer);
    if (audit_file_sync(&writer->file) != ERR_OK) {
        writer_sync_failed(writer, now);
        return ERR_IO;
    }
    note_settled(writer, false);
    return ERR_OK;
}

enum err writer_sync(struct audit_writer *writer, struct now now)
{
    struct audit_batch *batch = &writer->batch;

    if (!writer->syncer) {
        return writer_settle_all(writer, now);
    }
    if (batch->unsettled_bytes > 0 && batch->handed_bytes == 0) {
        begin(writer);
        audit_syncer_begin(writer->syncer, writer->file.fd);
    }
    return ERR_OK;
}

void writer_stop_syncer(struct audit_writer *writer, struct now now)
{
    (void)take_end(writer, true, now);
    audit_syncer_free(writer->syncer);
    writer->syncer = NULL;
}
