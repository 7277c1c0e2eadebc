#include "agent/audit/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/spool_inside.h"
#include "agent/base/log.h"

#define DATA_BEGIN AUDIT_PROOF_LINE_MAX

static void empty(struct audit_batch *batch)
{
    batch->start = batch->written = batch->length = DATA_BEGIN;
    batch->proof_length = 0;
    for (size_t i = 0; i < batch->source_count; i++) {
        batch->sources[i].begin = batch->sources[i].end = 0;
    }
}

enum err audit_batch_init(struct audit_batch *batch)
{
    *batch = (struct audit_batch){
        .data = malloc(DATA_BEGIN + AUDIT_BATCH_BYTES + AUDIT_LINE_ROOM),
        .room = AUDIT_BATCH_BYTES,
    };
    empty(batch);
    return batch->data ? ERR_OK : ERR_MEMORY;
}

void audit_batch_fini(struct audit_batch *batch)
{
    free(batch->data);
    free(batch->sources);
    *batch = (struct audit_batch){0};
}

enum err audit_batch_add(struct audit_batch *batch, struct spool *spool, bool is_leftover)
{
    size_t bytes = (batch->source_count + 1) * sizeof(*batch->sources);
    struct audit_source *sources = realloc(batch->sources, bytes);
    const struct audit_ring *ring = spool_ring(spool);

    if (!sources) {
        return ERR_MEMORY;
    }
    batch->sources = sources;
    struct audit_source *source = &sources[batch->source_count++];
    *source = (struct audit_source){.spool = spool,
                                    .is_leftover = is_leftover,
                                    .read_position = ring->ledger.tail,
                                    .read_sequence = ring->ledger.delivered,
                                    .written_position = ring->ledger.tail,
                                    .written_sequence = ring->ledger.delivered,
                                    .handed_position = ring->ledger.tail,
                                    .handed_sequence = ring->ledger.delivered};
    audit_line_origin(&ring->control->birth, &source->origin);
    source->origin.privacy = batch->privacy;
    return ERR_OK;
}

void audit_batch_remove(struct audit_batch *batch, size_t index)
{
    struct audit_source *source = &batch->sources[index];

    batch->source_count--;
    memmove(source, source + 1, (batch->source_count - index) * sizeof(*source));
    batch->first_source = 0;
}

bool audit_batch_is_empty(const struct audit_batch *batch)
{
    return batch->start == batch->length;
}

static void note_unreadable(struct audit_batch *batch, const struct audit_source *source,
                            uint64_t count)
{
    batch->unreadable_count += count;
    log_error("audit: %s: %llu records after %llu are damaged and lost",
              log_quote(str_from_c(spool_path(source->spool))).text, (unsigned long long)count,
              (unsigned long long)source->read_sequence);
}

static void add_line(struct audit_batch *batch, struct audit_source *source,
                     const struct audit_ring_record *record)
{
    bool is_doubtful = record->sequence <= spool_ring(source->spool)->ledger.doubtful_end;
    size_t length = audit_line_print(&source->origin, &batch->clock, record, is_doubtful,
                                     batch->data + batch->length);

    if (record->sequence != source->read_sequence + 1) {
        note_unreadable(batch, source, record->sequence - source->read_sequence - 1);
    }
    if (length == 0) {
        note_unreadable(batch, source, 1);
    }
    batch->redelivered_count += is_doubtful;
    batch->length += length;
    source->read_position = record->end;
    source->read_sequence = record->sequence;
}

/* Records at the end of a leftover leave no gap that a later record would show. */
static void note_lost_end(struct audit_batch *batch, struct audit_source *source)
{
    uint64_t last = spool_ring(source->spool)->next_sequence - 1;

    if (last > source->read_sequence) {
        note_unreadable(batch, source, last - source->read_sequence);
        source->read_sequence = last;
    }
}

static void fill_from(struct audit_batch *batch, struct audit_source *source)
{
    const struct audit_ring *ring = spool_ring(source->spool);
    struct audit_ring_record record;

    if (source->is_leftover) {
        spool_flush(source->spool);
    }
    source->begin = batch->length;
    while (batch->length < DATA_BEGIN + batch->room &&
           audit_ring_next(ring, source->read_position, source->read_sequence, &record)) {
        add_line(batch, source, &record);
    }
    if (source->is_leftover &&
        !audit_ring_next(ring, source->read_position, source->read_sequence, &record)) {
        note_lost_end(batch, source);
    }
    source->end = batch->length;
}

static void mark_sources(struct audit_batch *batch)
{
    if (batch->unsettled_bytes == 0) {
        batch->unsettled = batch->place;
    }
    for (size_t i = 0; i < batch->source_count; i++) {
        struct audit_source *source = &batch->sources[i];

        if (source->end > batch->start) {
            audit_ring_mark(spool_ring(source->spool), &batch->unsettled, source->read_sequence);
        }
    }
}

/* The last line of data[begin, end), which ends with a line feed. */
static const char *last_line(const char *data, size_t begin, size_t end)
{
    const char *feed = memrchr(data + begin, '\n', end - begin - 1);

    return feed ? feed + 1 : data + begin;
}

/* The record whose line is the last before data[end]. */
static void find_written(struct audit_batch *batch, struct audit_source *source, size_t end,
                         struct audit_ring_record *out)
{
    const struct audit_ring *ring = spool_ring(source->spool);
    const char *line = last_line(batch->data, source->begin, end);
    uint64_t last = audit_line_sequence(&source->origin, line, (size_t)(batch->data + end - line));
    struct audit_ring_record record;

    out->end = source->written_position;
    out->sequence = source->written_sequence;
    while (out->sequence < last && audit_ring_next(ring, out->end, out->sequence, &record)) {
        *out = record;
    }
    source->begin = end;
}

static void tell_range(struct audit_batch *batch, const struct audit_source *source, uint64_t last)
{
    const struct audit_ring_birth *birth = &spool_ring(source->spool)->control->birth;
    struct audit_range range = {
        .worker = birth->worker, .first = source->written_sequence + 1, .last = last};

    memcpy(range.boot, birth->boot, sizeof(range.boot));
    audit_proof_add_range(batch->proof, &range);
}

static void source_written(struct audit_batch *batch, struct audit_source *source, size_t end)
{
    struct audit_ring_record last = {.end = source->read_position,
                                     .sequence = source->read_sequence};

    if (source->end > end) {
        if (source->begin >= end) {
            return;
        }
        find_written(batch, source, end, &last);
    }
    if (batch->proof && last.sequence > source->written_sequence) {
        tell_range(batch, source, last.sequence);
    }
    source->written_position = last.end;
    source->written_sequence = last.sequence;
}

void audit_batch_hand_over(struct audit_batch *batch)
{
    for (size_t i = 0; i < batch->source_count; i++) {
        struct audit_source *source = &batch->sources[i];

        source->handed_position = source->written_position;
        source->handed_sequence = source->written_sequence;
    }
    batch->handed_bytes = batch->unsettled_bytes;
    batch->handed_end = batch->place;
}

static bool settle_sources(struct audit_batch *batch)
{
    bool has_moved = false;

    for (size_t i = 0; i < batch->source_count; i++) {
        struct audit_source *source = &batch->sources[i];
        struct audit_ring *ring = spool_ring(source->spool);

        if (ring->ledger.delivered != source->handed_sequence) {
            audit_ring_settle(ring, source->handed_position, source->handed_sequence);
            spool_note_settled(source->spool, source->handed_sequence);
            has_moved = true;
        }
    }
    batch->unsettled_bytes -= batch->handed_bytes;
    batch->handed_bytes = 0;
    batch->unsettled = batch->handed_end;
    return has_moved;
}

void audit_batch_tell_settled(const struct audit_batch *batch)
{
    for (size_t i = 0; i < batch->source_count; i++) {
        spool_note_settled(batch->sources[i].spool, batch->sources[i].handed_sequence);
    }
}

bool audit_batch_settle(struct audit_batch *batch)
{
    settle_sources(batch);
    if (batch->unsettled_bytes > 0) {
        return false;
    }
    /* Behind it there may be unreadable records. */
    audit_batch_hand_over(batch);
    return settle_sources(batch);
}

/* The lines before data[end] are in the file. */
static void sources_written(struct audit_batch *batch, size_t end)
{
    for (size_t i = 0; i < batch->source_count; i++) {
        source_written(batch, &batch->sources[i], end);
    }
    if (!batch->is_durable || batch->unsettled_bytes == 0) {
        audit_batch_hand_over(batch);
        settle_sources(batch);
    }
}

void audit_batch_rewind(struct audit_batch *batch, bool is_doubtful)
{
    for (size_t i = 0; i < batch->source_count; i++) {
        struct audit_source *source = &batch->sources[i];
        struct audit_ring *ring = spool_ring(source->spool);

        if (is_doubtful && source->written_sequence > ring->ledger.delivered) {
            audit_ring_doubt_batch(ring);
        }
        source->read_position = source->written_position = ring->ledger.tail;
        source->read_sequence = source->written_sequence = ring->ledger.delivered;
    }
    audit_batch_restart(batch);
    empty(batch);
    batch->unsettled_bytes = 0;
    audit_batch_hand_over(batch);
}

void audit_batch_put_proof(struct audit_batch *batch, const char *line, size_t length)
{
    batch->start -= length;
    batch->written = batch->start;
    batch->proof_length = length;
    memcpy(batch->data + batch->start, line, length);
}

/* A line is a record; sequences would count the lost ones, too. */
static uint64_t count_lines(const struct audit_batch *batch, size_t begin, size_t end)
{
    const char *at = batch->data + begin;
    uint64_t count = 0;

    while ((at = memchr(at, '\n', (size_t)(batch->data + end - at)))) {
        count++;
        at++;
    }
    return count;
}

void audit_batch_fill(struct audit_batch *batch)
{
    empty(batch);
    for (size_t i = 0; i < batch->source_count; i++) {
        size_t index = (batch->first_source + i) % batch->source_count;
        fill_from(batch, &batch->sources[index]);
    }
    batch->first_source++;
    if (audit_batch_is_empty(batch)) {
        sources_written(batch, DATA_BEGIN); /* nothing but unreadable records */
    }
}

/* The lines up to data[end] are in the file. Gives how many of them are records. */
static uint64_t note_written(struct audit_batch *batch, size_t end)
{
    size_t begin = batch->start + batch->proof_length;

    if (end == batch->start) {
        return 0;
    }
    if (batch->proof_length > 0) {
        audit_proof_written(batch->proof, batch->data + batch->start, batch->proof_length,
                            batch->now);
        batch->proof_length = 0;
    }
    uint64_t count = count_lines(batch, begin, end);
    if (batch->proof && end > begin) {
        audit_proof_add(batch->proof, batch->data + begin, end - begin, count, batch->now);
    }
    batch->unsettled_bytes += end - batch->start;
    batch->place.offset += end - batch->start;
    sources_written(batch, end);
    batch->start = end;
    return count;
}

/* After a failure: what is whole counts, and what is not is cut. */
static uint64_t keep_whole_lines(struct audit_batch *batch, struct audit_file *file)
{
    size_t start = batch->start;
    const char *feed = memrchr(batch->data + start, '\n', batch->written - start);
    uint64_t count = note_written(batch, feed ? (size_t)(feed - batch->data) + 1 : start);

    audit_batch_cut(batch, file);
    return count;
}

/* Whether the torn line still ends the file, so that the rest of it may follow. */
static bool is_torn_line_there(const struct audit_batch *batch, const struct audit_file *file)
{
    struct audit_place end;

    return batch->written > batch->start && audit_file_place(file, &end) == ERR_OK &&
           end.offset == batch->place.offset + (batch->written - batch->start);
}

/* Finds where the next byte goes, and has it marked before a line begins there. */
static enum err aim(struct audit_batch *batch, struct audit_file *file)
{
    if (is_torn_line_there(batch, file)) {
        return ERR_OK;
    }
    batch->written = batch->start;
    enum err e = audit_file_begin_line(file, &batch->place);
    if (e == ERR_OK && batch->proof && batch->place.offset < file->end) {
        file->end = batch->place.offset;
        return ERR_RANGE;
    }
    if (e == ERR_OK) {
        mark_sources(batch);
    }
    return e;
}

enum err audit_batch_deliver(struct audit_batch *batch, struct audit_file *file, uint64_t *count)
{
    struct audit_place end;
    size_t written = 0;
    enum err e = aim(batch, file);

    *count = 0;
    if (e != ERR_OK) {
        return e;
    }
    e = audit_file_write(file, batch->data + batch->written, batch->length - batch->written,
                         &written);
    int saved_errno = errno;
    batch->written += written;
    file->end = batch->place.offset + (batch->written - batch->start);
    if (audit_file_place(file, &end) == ERR_MISSING) {
        batch->written = batch->start;
        return ERR_MISSING;
    }
    if (e == ERR_OK) {
        *count = note_written(batch, batch->length);
        empty(batch);
        return ERR_OK;
    }
    *count = keep_whole_lines(batch, file);
    errno = saved_errno;
    return e;
}

void audit_batch_cut(struct audit_batch *batch, struct audit_file *file)
{
    uint64_t begin = batch->place.offset, torn = batch->written - batch->start;

    if (torn > 0 && audit_file_cut(file, begin + torn, begin) == ERR_OK) {
        batch->written = batch->start;
        file->end = begin;
    }
}

void audit_batch_restart(struct audit_batch *batch)
{
    batch->written = batch->start;
    if (batch->proof_length > 0) {
        batch->start += batch->proof_length;
        batch->written = batch->start;
        batch->proof_length = 0;
        audit_proof_drop(batch->proof);
    }
}
