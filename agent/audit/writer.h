/*
 * The writer: one thread that drains every spool into the audit file as JSON Lines, one record a
 * line, each with agent, boot, worker and sequence (agent/audit/line.h).
 *
 * Exactly once in the file, across kill -9: before a batch is written the spools say where in which
 * file it will go; a start reads the file from there, cuts a torn last line, and resumes after the
 * last sequence it finds. If that file is gone, the batch's records are delivered marked
 * "redelivered". Spools of earlier boots are drained and removed first. The spool folder and the
 * audit file are locked against a second agent.
 *
 * A write that fails (disk full, EIO) is retried with back-off; nothing leaves the spool before it
 * is written. The file is re-opened on request (rotation by rename) and when its name leads to
 * another inode. A file that is removed takes with it what it held, and no line more.
 *
 * The file is a segment of the audit (segment.h). The writer closes it by size and age, and begins the
 * next; each has its header and checkpoints (proof.h), and old ones are removed. Whoever else rotates
 * may go on doing so: another file is another segment.
 *
 * In durable mode many records have one sync, and are settled after it. While a thread of its own makes it
 * (syncer.h) the next lines are written. A sync that failed is never tried again on the same file, since
 * the kernel may have dropped what it could not write: the records go into a new segment, marked
 * "redelivered", those that were written meanwhile too.
 *
 * The thread polls, since a worker may not make a system call to wake it: every 5 ms while records
 * come, up to 50 ms apart when idle, and often enough that a burst fills no more than a quarter of
 * a ring between two looks.
 */
#ifndef REEVE_AUDIT_WRITER_H
#define REEVE_AUDIT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/journal.h"
#include "agent/audit/privacy.h"
#include "agent/audit/segment.h"
#include "agent/audit/spool.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"

struct audit_writer;

struct audit_writer_settings {
    const char *audit_file; /* its directory must exist */
    const char *spool_dir;  /* must exist */
    const char *agent;
    const char *boot;       /* hex; NULL: none */
    const char *key_file;   /* that checkpoints are signed with (keys.h); NULL: they are not */
    uint64_t segment_bytes; /* a segment is closed at this size; 0: never */
    int64_t segment_us;     /* and at this age */
    struct audit_retention retention; /* of closed segments; asks on a thread of the writer's */
    enum audit_addresses addresses;
    struct str address_key; /* where they are hashed */
    bool is_durable;        /* a record is settled once the disk has it */
    /* Called after records were settled, in durable mode, on the writer's thread or its syncer's. NULL: nobody
     * asks. */
    void (*settled_cb)(void *context);
    void *settled_context;
};

/* The longest checkpoint that is offered as the head. */
#define AUDIT_HEAD_MAX 4096

/*
 * Locks the folder, opens the file, delivers what earlier boots left; what can not be written now
 * is written later. Before any spool is created and any worker starts; no thread yet.
 * ERR_BUSY: another agent holds the folder or the file. Gives a new writer.
 */
enum err audit_writer_open(const struct audit_writer_settings *settings, struct audit_writer **out,
                           struct diag *diag) MUST_USE;

/* Before the thread starts; borrows the spool until audit_writer_close(). */
enum err audit_writer_add(struct audit_writer *writer, struct spool *spool) MUST_USE;

enum err audit_writer_start(struct audit_writer *writer) MUST_USE;

/* settled_cb is not called any more once this returns. Any thread but the writer's. */
void audit_writer_tell_nobody(struct audit_writer *writer);

/* The same for the journal's, in which there are no bursts. What happens to the file is told there; borrows
 * the journal. */
enum err audit_writer_add_journal(struct audit_writer *writer, struct journal *journal) MUST_USE;

/* There is something to write, and somebody waits for it. Any thread; one system call. */
void audit_writer_wake(struct audit_writer *writer);

/* The last checkpoint: what is kept elsewhere to find out later that the audit's end was cut off.
 * Its line without the line feed, NUL-terminated; "" where there is none yet. Any thread. */
void audit_writer_head(struct audit_writer *writer, char out[AUDIT_HEAD_MAX]);

/* Asks for the file to be opened anew. Any thread. */
void audit_writer_reopen(struct audit_writer *writer);

/* Asks for another file. Lines go on into the old one until the new one can be opened. Any thread;
 * copies the path. */
enum err audit_writer_set_file(struct audit_writer *writer, const char *path) MUST_USE;

/* After the workers have ended: delivers everything the spools hold, syncs, ends the thread; gives
 * up after timeout_us, but for a system call under way, and leaves the rest in the spool files for
 * the next start. Frees. NULL accepted. */
void audit_writer_close(struct audit_writer *writer, int64_t timeout_us);

struct audit_writer_counters {
    uint64_t written;      /* records delivered */
    uint64_t write_errors; /* failed attempts */
    uint64_t redelivered;
    uint64_t lost; /* records that damage in a spool made unreadable */
};

/* Any thread. */
void audit_writer_counters(const struct audit_writer *writer, struct audit_writer_counters *out);

#endif
