#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/spool_inside.h"
#include "agent/audit/writer_inside.h"

static void bump(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Swaps in another path, if one was asked for. True: the file should be looked at now. */
static bool take_requests(struct audit_writer *writer)
{
    pthread_mutex_lock(&writer->mutex);
    bool is_wanted = writer->wants_reopen || writer->next_path;
    writer->wants_reopen = false;
    if (writer->next_path) {
        free(writer->path);
        writer->path = writer->next_path;
        writer->next_path = NULL;
    }
    pthread_mutex_unlock(&writer->mutex);
    return is_wanted;
}

static enum err replace_poisoned(struct audit_writer *writer, struct now now)
{
    enum err e = writer_replace_file(writer, now);

    writer->is_poisoned = e != ERR_OK;
    return e;
}

static bool is_removed(const struct audit_file *file)
{
    struct audit_place place;

    return audit_file_place(file, &place) == ERR_MISSING;
}

/* The block that is open is closed in the file that is left, as far as that takes it. What is not settled in one
 * that was removed goes into the next one. */
static void leave_file(struct audit_writer *writer, struct now now)
{
    uint64_t count = 0;

    if (writer->is_poisoned) {
        return;
    }
    if (audit_batch_is_empty(&writer->batch)) {
        writer_put_checkpoint(writer, true, now);
        if (!audit_batch_is_empty(&writer->batch) &&
            audit_batch_deliver(&writer->batch, &writer->file, &count) != ERR_OK) {
            audit_batch_cut(&writer->batch, &writer->file);
            audit_batch_restart(&writer->batch);
        }
    }
    if (writer->settings.is_durable && is_removed(&writer->file)) {
        writer_forget_sync(writer);
        audit_batch_rewind(&writer->batch, false);
    } else if (writer->settings.is_durable) {
        writer_settle_all(writer, now);
    }
}

/* The old file goes on where the new one can not be had. */
static void reopen(struct audit_writer *writer, struct now now)
{
    int old = writer->file.fd;
    struct diag diag = {0};
    uint64_t swallowed;

    writer->check_due_us = now.mono_us + WRITER_CHECK_INTERVAL_US;
    audit_batch_cut(&writer->batch, &writer->file);
    if (audit_file_is_named(&writer->file, writer->path)) {
        return;
    }
    leave_file(writer, now);
    enum err e = audit_file_open(&writer->file, writer->path, &diag);
    if (e != ERR_OK) {
        bump(&writer->write_errors, 1);
        if (log_limit_pass(&writer->open_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
            log_error("%s", diag.text);
        }
    } else if (writer->file.fd != old) {
        writer->is_poisoned = false;
        writer_begin_segment(writer, now);
        journal_sink(writer->journal, "file_changed", writer->path);
        log_info("audit: %s opened anew", log_quote(str_from_c(writer->path)).text);
    }
}

static void warn_of_pressure(struct audit_writer *writer, struct now now)
{
    uint64_t swallowed;

    for (size_t i = 0; i < writer->batch.source_count; i++) {
        struct spool_counters counters;

        spool_counters(writer->batch.sources[i].spool, &counters);
        if (counters.used_bytes > counters.capacity_bytes / 2 &&
            log_limit_pass(&writer->full_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
            log_warning("audit: the spool is more than half full; denials are being coalesced");
        }
    }
}

void writer_drop_leftovers(struct audit_writer *writer)
{
    for (size_t i = writer->batch.source_count; i-- > 0;) {
        struct audit_source *source = &writer->batch.sources[i];

        if (source->is_leftover && spool_is_done(source->spool)) {
            spool_close(source->spool);
            audit_batch_remove(&writer->batch, i);
        }
    }
}

static void note_result(struct audit_writer *writer, enum err e, int saved_errno, struct now now)
{
    uint64_t swallowed;

    if (e == ERR_OK && writer->is_failing) {
        log_info("audit: the file takes records again");
        journal_sink(writer->journal, "recovered", NULL);
    } else if (e != ERR_OK && !writer->is_failing) {
        journal_sink(writer->journal, "failing", e == ERR_IO ? strerror(saved_errno) : err_text(e));
    }
    writer->is_failing = e != ERR_OK;
    if (e == ERR_OK) {
        return;
    }
    bump(&writer->write_errors, 1);
    if (log_limit_pass(&writer->write_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
        log_error("audit: %s can not be written: %s; records wait in the spool",
                  log_quote(str_from_c(writer->path)).text,
                  e == ERR_IO ? strerror(saved_errno) : err_text(e));
    }
}

/* A new segment, before what waits, for a file that is not what it was. */
static void begin_anew(struct audit_writer *writer, enum err e, struct now now)
{
    if (writer->settings.is_durable) {
        writer_forget_sync(writer);
        audit_batch_rewind(&writer->batch, e == ERR_RANGE);
    }
    if (e == ERR_RANGE) {
        log_info("audit: %s was cut by somebody else; a new segment begins",
                 log_quote(str_from_c(writer->path)).text);
        writer_begin_segment(writer, now);
        return;
    }
    reopen(writer, now);
}

static enum err deliver(struct audit_writer *writer, struct now now)
{
    uint64_t count = 0;
    enum err e = audit_batch_deliver(&writer->batch, &writer->file, &count);

    if (e == ERR_MISSING || e == ERR_RANGE) {
        begin_anew(writer, e, now);
        e = audit_batch_deliver(&writer->batch, &writer->file, &count);
    }
    note_result(writer, e, errno, now);
    bump(&writer->written, count);
    writer->segment_records += count;
    writer_note_proof(writer, now);
    atomic_store_explicit(&writer->redelivered, writer->batch.redelivered_count,
                          memory_order_relaxed);
    return e;
}

/* Fills the empty batch with lines: of the open block, or, behind its checkpoint, of the next. */
static void fill(struct audit_writer *writer, struct now now)
{
    bool is_block_due = audit_proof_is_due(&writer->proof, now);

    writer->batch.room = is_block_due ? AUDIT_BLOCK_BYTES : audit_proof_room(&writer->proof);
    audit_batch_fill(&writer->batch);
    atomic_store_explicit(&writer->lost, writer->batch.unreadable_count, memory_order_relaxed);
    writer_put_checkpoint(writer, false, now);
}

/* The segment's last checkpoint first; once that is written, the next segment. */
static void end_segment(struct audit_writer *writer, struct now now)
{
    writer_put_checkpoint(writer, true, now);
    if (audit_batch_is_empty(&writer->batch) && writer_settle_all(writer, now) == ERR_OK) {
        writer_rotate(writer, now);
    }
}

/* What comes next into the empty batch. */
static void prepare(struct audit_writer *writer, struct now now)
{
    if (writer_is_segment_due(writer, now)) {
        end_segment(writer, now);
    }
    if (audit_batch_is_empty(&writer->batch) && !writer->is_poisoned) {
        fill(writer, now);
    }
}

/* The batch has no room left, or lines were not looked for. */
static bool is_more_likely(const struct audit_batch *batch)
{
    size_t length = batch->length - batch->start - batch->proof_length;

    return length == 0 || length >= batch->room;
}

/* In durable mode: no more lines, until the disk has some of what is in the file. */
static bool is_group_full(const struct audit_writer *writer)
{
    return writer->batch.unsettled_bytes >= AUDIT_GROUP_BYTES;
}

enum writer_turn writer_turn(struct audit_writer *writer, struct now now)
{
    writer->batch.now = now;
    if (writer_take_sync(writer, now) != ERR_OK) {
        return WRITER_FAILED;
    }
    if (take_requests(writer) || now.mono_us >= writer->check_due_us) {
        reopen(writer, now);
        warn_of_pressure(writer, now);
        writer_remove_old(writer, now);
    }
    if (writer->is_poisoned && replace_poisoned(writer, now) != ERR_OK) {
        return WRITER_FAILED;
    }
    if (is_group_full(writer)) {
        return writer_sync(writer, now) == ERR_OK ? WRITER_MOVED : WRITER_FAILED;
    }
    if (audit_batch_is_empty(&writer->batch)) {
        prepare(writer, now);
    }
    if (writer->is_poisoned) {
        return WRITER_FAILED;
    }
    if (audit_batch_is_empty(&writer->batch)) {
        if (writer->batch.handed_bytes == 0) {
            writer_drop_leftovers(writer);
        }
        return writer_sync(writer, now) == ERR_OK ? WRITER_IDLE : WRITER_FAILED;
    }
    bool is_full = is_more_likely(&writer->batch);
    if (writer->batch.unsettled_bytes == writer->batch.handed_bytes) {
        writer->group_begin_us = now.mono_us;
    }
    if (deliver(writer, now) != ERR_OK) {
        writer_sync(writer, now);
        return WRITER_FAILED;
    }
    /* Where there is no syncer, nobody waits. */
    if (!is_group_full(writer) && (writer->syncer ? writer_is_gathering(writer, now) : is_full)) {
        return is_full ? WRITER_MORE : WRITER_GATHERS;
    }
    return writer_sync(writer, now) != ERR_OK ? WRITER_FAILED
           : is_full                          ? WRITER_MORE
                                              : WRITER_MOVED;
}
