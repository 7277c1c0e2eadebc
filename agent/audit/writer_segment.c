#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "agent/audit/spool_inside.h"
#include "agent/audit/writer_inside.h"

#define REMOVE_INTERVAL_US 60000000
#define HEAD_INTERVAL_US   60000000

static void log_io(struct log_limit *limit, struct now now, const char *what, const char *path)
{
    uint64_t swallowed;

    if (log_limit_pass(limit, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
        log_error("audit: %s: %s: %s", log_quote(str_from_c(path)).text, what, strerror(errno));
    }
}

static size_t list_positions(const struct audit_batch *batch,
                             struct audit_range out[AUDIT_RANGES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < batch->source_count && count < AUDIT_RANGES_MAX; i++) {
        const struct audit_source *source = &batch->sources[i];
        const struct audit_ring_birth *birth = &spool_ring(source->spool)->control->birth;

        out[count] =
            (struct audit_range){.worker = birth->worker, .last = source->written_sequence};
        memcpy(out[count++].boot, birth->boot, sizeof(birth->boot));
    }
    return count;
}

void writer_begin_segment(struct audit_writer *writer, struct now now)
{
    struct audit_range positions[AUDIT_RANGES_MAX];
    size_t count = list_positions(&writer->batch, positions);
    static _Thread_local char line[AUDIT_PROOF_LINE_MAX];
    uint64_t swallowed;
    bool is_key_old;

    audit_batch_restart(&writer->batch);
    size_t length = audit_proof_make_header(&writer->proof, writer->last_segment + 1, positions,
                                            count, now, line, &is_key_old);
    if (is_key_old &&
        log_limit_pass(&writer->key_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
        log_error("audit: audit_key_file can not be written; the segment keeps the last one's key");
    }
    if (length == 0) {
        log_error("audit: no header can be made; the segment can not be verified");
        return;
    }
    writer->segment_begun_us = now.wall_us;
    writer->segment_records = 0;
    audit_batch_put_proof(&writer->batch, line, length);
}

/* The highest number that files beside the audit file, or the keys, have. */
static uint64_t find_last_segment(const struct audit_writer *writer,
                                  const struct audit_segments *segments)
{
    uint64_t last = segments->count > 0 ? segments->items[segments->count - 1].number : 0;

    if (writer->proof.keys && writer->proof.keys->segment > last) {
        last = writer->proof.keys->segment;
    }
    return last;
}

/* A segment that was rotated while no agent ran: the next one follows it. */
static void follow_last(struct audit_writer *writer, const struct audit_segments *segments,
                        struct now now)
{
    if (segments->count == 0) {
        return;
    }
    int fd = open(segments->items[segments->count - 1].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        if (audit_proof_resume(&writer->proof, fd, now) != ERR_OK) {
            writer->proof.segment = 0;
        }
        close(fd);
    }
}

/* What is no segment that can be gone on with gets a closed name: of its own number, where it has one
 * that is free. */
static void set_aside(struct audit_writer *writer)
{
    uint64_t number = audit_segment_number(writer->file.fd);
    struct diag diag = {0};

    if (number == 0 || audit_segment_close(writer->path, number) != ERR_OK) {
        number = ++writer->last_segment;
        if (audit_segment_close(writer->path, number) != ERR_OK) {
            log_error("audit: %s can not be set aside: %s",
                      log_quote(str_from_c(writer->path)).text, strerror(errno));
            return;
        }
    }
    log_warning("audit: %s is no segment to go on with; it is %llu now",
                log_quote(str_from_c(writer->path)).text, (unsigned long long)number);
    audit_file_close(&writer->file);
    if (audit_file_open(&writer->file, writer->path, &diag) != ERR_OK) {
        log_error("%s", diag.text);
    }
}

static int64_t birth_us(const struct audit_file *file, struct now now)
{
    struct audit_place place;

    return audit_file_place(file, &place) == ERR_OK && place.born_ns > 0
               ? (int64_t)(place.born_ns / 1000)
               : now.wall_us;
}

void writer_resume(struct audit_writer *writer, struct now now)
{
    struct audit_segments segments = {0};
    bool is_empty = writer->file.end == 0;

    if (audit_file_cut_torn(&writer->file) != ERR_OK) {
        log_io(&writer->write_log, now, "a torn line can not be cut", writer->path);
    }
    if (audit_segments(writer->path, &segments) != ERR_OK) {
        log_io(&writer->open_log, now, "its folder can not be read", writer->path);
    }
    enum err e = audit_proof_resume(&writer->proof, writer->file.fd, now);
    writer->last_segment = find_last_segment(writer, &segments);
    if (e == ERR_OK) {
        writer->committed = writer->proof.segment;
        writer->segment_begun_us = birth_us(&writer->file, now);
        writer->segment_records = writer->proof.block + writer->proof.line_count;
    } else {
        writer->proof.segment = 0;
        if (!is_empty) {
            set_aside(writer);
        } else {
            follow_last(writer, &segments, now);
        }
        writer_begin_segment(writer, now);
    }
    audit_segments_free(&segments);
}

/* The name of the file must be on the disk before the key that its header certifies is the only
 * one. */
static enum err sync_header(struct audit_writer *writer)
{
    const char *slash = strrchr(writer->path, '/');
    char folder[4096];

    if (audit_file_sync(&writer->file) != ERR_OK) {
        return ERR_IO;
    }
    snprintf(folder, sizeof(folder), "%.*s.", slash ? (int)(slash - writer->path) + 1 : 0,
             writer->path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        /* Some file systems can not sync a folder: that is no reason to keep an old key. */
        log_debug("audit: %s can not be synced: %s", folder, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ERR_OK;
}

/* What came with the header is synced with it, so in durable mode that sync must not fail unseen. */
static void commit(struct audit_writer *writer, struct now now)
{
    bool is_durable = writer->settings.is_durable;
    struct diag diag = {0};
    uint64_t swallowed;

    writer->committed = writer->last_segment = writer->proof.segment;
    bool is_synced = (!writer->proof.keys && !is_durable) || sync_header(writer) == ERR_OK;
    if (!is_synced && is_durable) {
        writer_sync_failed(writer, now);
    } else if (!is_synced) {
        log_io(&writer->write_log, now, "can not be synced", writer->path);
    }
    if (audit_proof_commit(&writer->proof, is_synced, &diag) != ERR_OK &&
        log_limit_pass(&writer->key_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
        log_error("%s; the last segment's key is still in it", diag.text);
    }
}

void writer_note_proof(struct audit_writer *writer, struct now now)
{
    if (writer->proof.segment != writer->committed) {
        commit(writer, now);
    }
}

static void note_head(struct audit_writer *writer, const char *line, size_t length, struct now now)
{
    uint64_t swallowed;

    pthread_mutex_lock(&writer->mutex);
    snprintf(writer->head, sizeof(writer->head), "%.*s", (int)(length - 1), line);
    pthread_mutex_unlock(&writer->mutex);
    if (writer->proof.keys && length < AUDIT_HEAD_MAX &&
        log_limit_pass(&writer->head_log, now.mono_us, HEAD_INTERVAL_US, &swallowed)) {
        log_info("audit: head %.*s", (int)(length - 1), line);
    }
}

void writer_put_checkpoint(struct audit_writer *writer, bool is_forced, struct now now)
{
    static _Thread_local char line[AUDIT_PROOF_LINE_MAX];
    struct audit_proof *proof = &writer->proof;

    if (proof->segment == 0 || !audit_proof_is_open(proof) ||
        (!is_forced && !audit_proof_is_due(proof, now))) {
        return;
    }
    size_t length = audit_proof_make_checkpoint(proof, now, line);
    if (length > 0) {
        audit_batch_put_proof(&writer->batch, line, length);
        note_head(writer, line, length, now);
    }
}

bool writer_is_segment_due(const struct audit_writer *writer, struct now now)
{
    const struct audit_writer_settings *settings = &writer->settings;

    if (writer->proof.segment == 0 || writer->segment_records == 0) {
        return false;
    }
    return (settings->segment_bytes > 0 && writer->file.end >= settings->segment_bytes) ||
           (settings->segment_us > 0 &&
            now.wall_us - writer->segment_begun_us >= settings->segment_us);
}

enum err writer_replace_file(struct audit_writer *writer, struct now now)
{
    struct diag diag = {0};
    uint64_t swallowed;

    if (audit_file_is_named(&writer->file, writer->path) &&
        audit_segment_close(writer->path, writer->proof.segment) != ERR_OK) {
        log_io(&writer->open_log, now, "can not be closed by its number", writer->path);
        return ERR_IO;
    }
    enum err e = audit_file_open(&writer->file, writer->path, &diag);
    if (e != ERR_OK) {
        if (log_limit_pass(&writer->open_log, now.mono_us, WRITER_LOG_INTERVAL_US, &swallowed)) {
            log_error("%s", diag.text);
        }
        return ERR_IO;
    }
    writer_begin_segment(writer, now);
    return ERR_OK;
}

void writer_remove_old(struct audit_writer *writer, struct now now)
{
    if (writer->remover && now.mono_us >= writer->remove_due_us) {
        writer->remove_due_us = now.mono_us + REMOVE_INTERVAL_US;
        audit_remover_look(writer->remover, writer->path, now.wall_us);
    }
}

void writer_rotate(struct audit_writer *writer, struct now now)
{
    /* What was settled can not be written again. In durable mode a sync has vouched for all of it, and one
     * more that failed would leave a file that must not be gone on with, where it can not be closed. */
    if (!writer->settings.is_durable && audit_file_sync(&writer->file) != ERR_OK) {
        log_io(&writer->write_log, now, "can not be synced", writer->path);
    }
    if (writer_replace_file(writer, now) != ERR_OK) {
        writer->segment_begun_us = now.wall_us; /* tried again later */
        writer->segment_records = 0;
        return;
    }
    log_debug("audit: segment %llu begins", (unsigned long long)writer->last_segment + 1);
    writer->remove_due_us = 0;
    writer_remove_old(writer, now);
}
