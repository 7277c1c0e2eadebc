/* The writer, as its parts see it: its life, from opening to draining, and what others ask of it
 * (writer.c); its turns, which deliver and settle (writer_turn.c); what it does about segments
 * (writer_segment.c). Private to audit/. All of it belongs to the writer's thread, or to who opens and
 * closes the writer while that does not run, but for what is said. */
#ifndef REEVE_AUDIT_WRITER_INSIDE_H
#define REEVE_AUDIT_WRITER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/audit/batch.h"
#include "agent/audit/file.h"
#include "agent/audit/proof.h"
#include "agent/audit/writer.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"

#define WRITER_LOG_INTERVAL_US   10000000
#define WRITER_CHECK_INTERVAL_US 1000000 /* between two looks at where the file's name leads */

struct audit_writer {
    struct audit_batch batch;
    struct audit_file file;
    struct audit_proof proof;
    struct audit_privacy privacy;
    struct audit_writer_settings settings; /* texts are not kept: what is needed of them is below */
    char *path;
    struct journal *journal; /* NULL: none */
    int lock_fd;
    int64_t check_due_us; /* when the file's name is looked at again */
    int64_t idle_pause_us;
    int64_t pause_us;
    bool is_failing;
    struct log_limit write_log, open_log, full_log, key_log, head_log;

    uint64_t last_segment;    /* the highest number that is in use */
    uint64_t committed;       /* the segment whose header is on the disk */
    int64_t segment_begun_us; /* wall clock */
    uint64_t segment_records; /* since the segment was begun or gone on with */
    bool is_poisoned;         /* a sync failed: nothing more goes into this file */
    int64_t remove_due_us;    /* when old segments are looked at again */
    int64_t sync_us;          /* how long one takes, smoothed */
    int64_t group_begin_us;   /* when the first of the lines was written that are not settled */

    pthread_t thread;
    bool has_thread;
    int wake_fd;           /* an eventfd; any thread */
    pthread_mutex_t mutex; /* guards from here ... */
    bool wants_reopen;
    bool is_stopping;
    char *next_path;
    int64_t give_up_us;
    char head[AUDIT_HEAD_MAX]; /* ... to here */

    _Atomic uint64_t written, write_errors, redelivered, lost;
};

/* What a turn came to. */
enum writer_turn {
    WRITER_IDLE, /* nothing waits that can be read */
    WRITER_MOVED,
    WRITER_MORE, /* the batch was full, or its group gathers: there is more at once */
    WRITER_FAILED,
};

/* One batch at most, from the spools into the file, and what is due before it: what was asked for,
 * another file, a checkpoint, the next segment. */
enum writer_turn writer_turn(struct audit_writer *writer, struct now now);

/* Closes the spools of earlier boots whose records are all delivered. */
void writer_drop_leftovers(struct audit_writer *writer);

/* Goes on with what an earlier boot left in the file, or begins a segment. */
void writer_resume(struct audit_writer *writer, struct now now);

/* The file is another one, or was cut: a segment begins, before all lines that wait. */
void writer_begin_segment(struct audit_writer *writer, struct now now);

/* The batch was delivered: what follows from a header or checkpoint in it. */
void writer_note_proof(struct audit_writer *writer, struct now now);

/* Puts a checkpoint into the empty batch, if the open block is to be closed (`is_forced`: has lines). */
void writer_put_checkpoint(struct audit_writer *writer, bool is_forced, struct now now);

/* In durable mode: a sync failed (errno), and is not tried again on this file. What is not settled goes
 * into a new segment. */
void writer_sync_failed(struct audit_writer *writer, struct now now);

/* Size or age say that the segment is to be closed. */
bool writer_is_segment_due(const struct audit_writer *writer, struct now now);

/* Closes the segment, whose last checkpoint is written, and opens the next. */
void writer_rotate(struct audit_writer *writer, struct now now);

/* The file gets its closed name; another one is opened. ERR_IO: all is as before. */
enum err writer_replace_file(struct audit_writer *writer, struct now now) MUST_USE;

/* Removes old segments, now and then. */
void writer_remove_old(struct audit_writer *writer, struct now now);

#endif
