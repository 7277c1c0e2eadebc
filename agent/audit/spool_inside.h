/* The spool as the writer and recovery see it. Private to audit/. */
#ifndef REEVE_AUDIT_SPOOL_INSIDE_H
#define REEVE_AUDIT_SPOOL_INSIDE_H

#include "agent/audit/ring.h"
#include "agent/audit/spool.h"

#define SPOOL_SUFFIX ".spool"

/* Takes over a file that an earlier boot left. ERR_SYNTAX: not a spool. Gives a new spool. */
enum err spool_adopt(const char *path, struct spool **out, struct diag *diag) MUST_USE;

/* The consumer's functions of the ring are the writer's; the rest is the worker's. */
struct audit_ring *spool_ring(struct spool *spool);

/* What spool_settled() gives from now on. */
void spool_note_settled(struct spool *spool, uint64_t sequence);

const char *spool_path(const struct spool *spool);

/* Records every count. Only where the worker has ended. */
void spool_flush(struct spool *spool);

/* All is recorded and delivered. Only where the worker has ended. */
bool spool_is_done(const struct spool *spool);

/* Moves a file aside as <path>.bad, with a line in the log. */
void spool_set_aside(const char *path, const char *why);

#endif
