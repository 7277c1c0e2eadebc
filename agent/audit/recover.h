/*
 * What earlier boots left: their spool files, and perhaps half a batch in the audit file.
 *
 * A spool says where its last batch began. From there the audit file is read: the last line of this
 * boot and worker tells what was delivered, and a line without its end is cut off. The file is
 * found by its inode, under its own name or, rotated, under another one in the same directory.
 */
#ifndef REEVE_AUDIT_RECOVER_H
#define REEVE_AUDIT_RECOVER_H

#include "agent/audit/batch.h"
#include "agent/audit/ring.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"

/* Adds every spool of spool_dir to the batch, oldest first, each set to what it has not delivered.
 * Files that are no spools are moved aside. ERR_IO: the directory can not be read. */
enum err audit_recover(const char *spool_dir, const char *audit_file, struct audit_batch *batch,
                       struct diag *diag) MUST_USE;

/* Settles what the audit file already holds of the ring's last batch. Where the file is gone, the
 * batch is delivered again as "redelivered". */
void audit_recover_position(struct audit_ring *ring, const char *audit_file);

#endif
