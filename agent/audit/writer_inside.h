/* The writer, as its parts see it: its life, from opening to draining, and what others ask of it
 * (writer.c); its turns, which deliver (writer_turn.c); what settles what was delivered, in durable mode
 * (writer_sync.c); what it does about segments (writer_segment.c). Private to audit/. All of it belongs to
 * the writer's thread, or to who opens and closes the writer while that does not run, but for what is
 * said. */
#ifndef REEVE_AUDIT_WRITER_INSIDE_H
#define REEVE_AUDIT_WRITER_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/audit/batch.h"
#include "agent/audit/file.h"
#include "agent/audit/proof.h"
#include "agent/audit/remover.h"
#include "agent/audit/syncer.h"
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
    struct audit_syncer *syncer; /* NULL: ordered mode, or the thread that has turns does not run */
    struct audit_remover *remover; /* NULL: nothing is to be removed, or that thread does not run */
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
    int64_t sync_us;          /* how long a sync takes, smoothed */
    int64_t sync_begin_us;    /* when the last one began */
    int64_t group_begin_us;   /* when the first lines were written that no sync vouches for */
    bool is_poisoned;         /* a sync failed: nothing more goes into this file */
    int64_t remove_due_us;    /* when old segments are looked at again */

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
    WRITER_GATHERS, /* no sync is begun yet: what comes next may go along */
    WRITER_MORE,    /* the batch was full: there is more at once */
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

/* --- in durable mode: what is in the file is settled once the disk has it ---
 * ERR_IO: a sync failed. It is not tried again on this file: what is not settled goes into a new segment. */

/* Those who were answered after the last sync are about to ask again. What they make goes into one sync,
 * not the first of it into one and the rest into another: true while the next sync can wait for lines that
 * may come, which is no longer than it takes itself, and than 10 ms. */
bool writer_is_gathering(const struct audit_writer *writer, struct now now);

/* Has a sync made of what is in the file: begins it where none runs, or makes it, where there is no syncer. */
enum err writer_sync(struct audit_writer *writer, struct now now);

/* Settles what a sync has vouched for, if one has ended. */
enum err writer_take_sync(struct audit_writer *writer, struct now now) MUST_USE;

/* Before the file is left: waits for the disk until all is settled that is in the file. */
enum err writer_settle_all(struct audit_writer *writer, struct now now);

/* A sync of the file failed (errno). */
void writer_sync_failed(struct audit_writer *writer, struct now now);

/* Before the batch is rewound: waits for the sync that runs, which vouches for nothing any more. */
void writer_forget_sync(struct audit_writer *writer);

/* From then on syncs are made by a thread of their own. */
enum err writer_start_syncer(struct audit_writer *writer) MUST_USE;

/* Waits for the sync that runs. From then on, who wants a sync makes it. */
void writer_stop_syncer(struct audit_writer *writer, struct now now);

/* Size or age say that the segment is to be closed. */
bool writer_is_segment_due(const struct audit_writer *writer, struct now now);

/* Closes the segment, whose last checkpoint is written, and opens the next. */
void writer_rotate(struct audit_writer *writer, struct now now);

/* The file gets its closed name; another one is opened. ERR_IO: all is as before. */
enum err writer_replace_file(struct audit_writer *writer, struct now now) MUST_USE;

/* Has old segments removed, now and then; while the writer is opened or drained, later. */
void writer_remove_old(struct audit_writer *writer, struct now now);

#endif
