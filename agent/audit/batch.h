/*
 * A batch: the lines the writer has made of the spools' records and is putting into the file.
 *
 *   data: [ room | start ... written ... | length ]
 *                  lines not in the file yet
 *
 * What makes it exactly once: before the first byte is written every spool of the batch notes the
 * place in the file and the batch's last record (mark); after the last byte each moves its tail
 * (settle). Between the two, records stand in the spool and perhaps in the file, and the file
 * tells which.
 *
 * In durable mode tails move only when the caller says that a sync has ended well (audit_batch_settle),
 * and only up to what stood in the file when it began (audit_batch_hand_over): a sync vouches for nothing
 * that was written while it ran. The mark is where the lines begin that are not settled. After a sync that
 * failed the spools are read again (audit_batch_rewind).
 *
 * A line of the proof (proof.h) goes in front of the others, into the room before them.
 *
 * After a failure the lines that are whole are settled and the torn one is cut off the file. Where
 * that fails too, the batch goes on in the middle of the line when the file takes bytes again.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_BATCH_H
#define REEVE_AUDIT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/file.h"
#include "agent/audit/line.h"
#include "agent/audit/proof.h"
#include "agent/audit/spool.h"

#define AUDIT_BATCH_BYTES AUDIT_BLOCK_BYTES

/* Of all that may stand in the file and not be settled. */
#define AUDIT_GROUP_BYTES (1024u * 1024)

/* A spool that is drained. */
struct audit_source {
    struct spool *spool;
    bool is_leftover; /* of an earlier boot; owned */
    struct audit_line_origin origin;
    uint64_t read_position; /* what follows the last record made into a line */
    uint64_t read_sequence;
    uint64_t written_position; /* what follows the last record in the file */
    uint64_t written_sequence;
    uint64_t handed_position; /* the same, of what the sync vouches for that began last */
    uint64_t handed_sequence;
    size_t begin, end; /* its lines in the batch */
};

struct audit_batch {
    char *data;
    size_t start, written, length;
    size_t room;               /* bytes that the next fill may make; a line may exceed it */
    struct audit_place place;  /* of data[start] */
    struct audit_proof *proof; /* told what is in the file; borrowed; NULL: none */
    const struct audit_privacy *privacy; /* of sources that are added from now on; NULL: none */
    size_t proof_length;                 /* of its line at data[start]; 0: there is none */
    struct now now;                      /* of the writer's turn */
    bool is_durable;
    size_t unsettled_bytes;        /* of lines in the file that are not settled */
    size_t handed_bytes;           /* of those, what the sync vouches for that began last */
    struct audit_place unsettled;  /* where they begin */
    struct audit_place handed_end; /* what follows the handed ones */
    struct audit_source *sources;
    size_t source_count;
    size_t first_source; /* takes turns, so that none starves */
    struct audit_line_clock clock;
    uint64_t redelivered_count;
    uint64_t unreadable_count; /* records that were no entries, or lost to damage */
};

enum err audit_batch_init(struct audit_batch *batch) MUST_USE;
/* Does not close the sources' spools. */
void audit_batch_fini(struct audit_batch *batch);

/* Borrows the spool. Reading starts at its tail. */
enum err audit_batch_add(struct audit_batch *batch, struct spool *spool, bool is_leftover) MUST_USE;

/* Only a source of which everything is settled. */
void audit_batch_remove(struct audit_batch *batch, size_t index);

bool audit_batch_is_empty(const struct audit_batch *batch);

/* Makes lines until the batch is full or the spools are read. Only while the batch is empty. */
void audit_batch_fill(struct audit_batch *batch);

/* Writes, and settles but in durable mode. ERR_MISSING: the file was removed; the lines go into the
 * next one. ERR_RANGE, with a proof: somebody cut the file, a new segment is to begin. ERR_IO: errno
 * says why; what could be written counts. *count: records written. */
enum err audit_batch_deliver(struct audit_batch *batch, struct audit_file *file,
                             uint64_t *count) MUST_USE;

/* A sync is about to begin. Not before the last one has ended, well (audit_batch_settle) or not
 * (audit_batch_rewind). */
void audit_batch_hand_over(struct audit_batch *batch);

/* It has ended well: the spools tell who waits for it (spool_settled). Any thread, before audit_batch_settle();
 * meanwhile nothing is handed over, and no source added or removed. */
void audit_batch_tell_settled(const struct audit_batch *batch);

/* It has ended well: what stood in the file when it began leaves the spools. True: so did more, which needs
 * no sync. */
bool audit_batch_settle(struct audit_batch *batch);

/* What is not settled is made into lines again: marked as redelivered where it may stand in a file
 * that is left. */
void audit_batch_rewind(struct audit_batch *batch, bool is_doubtful);

/* A line of the proof, before all others. Only where no line is torn. */
void audit_batch_put_proof(struct audit_batch *batch, const char *line, size_t length);

/* Cuts the torn line off, if there is one. Where that fails it stays. */
void audit_batch_cut(struct audit_batch *batch, struct audit_file *file);

/* The file is another one: the torn line, if there is one, begins anew, and the proof's is gone. */
void audit_batch_restart(struct audit_batch *batch);

#endif
