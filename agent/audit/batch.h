/*
 * A batch: the lines the writer has made of the spools' records and is putting into the file.
 *
 *   data: [ settled | start ... written ... | length ]
 *                     lines not settled yet
 *
 * What makes it exactly once: before the first byte is written every spool of the batch notes the
 * place in the file and the batch's last record (mark); after the last byte each moves its tail
 * (settle). Between the two, records stand in the spool and perhaps in the file, and the file
 * tells which.
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
#include "agent/audit/spool.h"

#define AUDIT_BATCH_BYTES (256u * 1024)

/* A spool that is drained. */
struct audit_source {
    struct spool *spool;
    bool is_leftover; /* of an earlier boot; owned */
    struct audit_line_origin origin;
    uint64_t read_position; /* what follows the last record made into a line */
    uint64_t read_sequence;
    size_t begin, end; /* its lines in the batch */
};

struct audit_batch {
    char *data;
    size_t start, written, length;
    struct audit_place place; /* of data[start] */
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

/* Writes and settles. ERR_MISSING: the file was removed; the lines go into the next one.
 * ERR_IO: errno says why; what could be written is settled. *count: records settled. */
enum err audit_batch_deliver(struct audit_batch *batch, struct audit_file *file,
                             uint64_t *count) MUST_USE;

/* Cuts the torn line off, if there is one. Where that fails it stays. */
void audit_batch_cut(struct audit_batch *batch, struct audit_file *file);

/* The file is another one: the torn line, if there is one, begins anew. */
void audit_batch_restart(struct audit_batch *batch);

#endif
