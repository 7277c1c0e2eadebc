/*
 * The remover: a thread that removes old segments. A disk takes tenths of a second to unlink a large file, in
 * which the writer would settle nothing.
 */
#ifndef REEVE_AUDIT_REMOVER_H
#define REEVE_AUDIT_REMOVER_H

#include <stdint.h>

#include "agent/audit/journal.h"
#include "agent/audit/segment.h"

struct audit_remover;

/* Starts the thread. Borrows what the retention points at, and the journal; NULL: none. NULL: no memory, or no
 * thread. */
struct audit_remover *audit_remover_new(const struct audit_retention *retention,
                                        struct journal *journal);

/* Ends the thread, after the segment that it is at. NULL accepted. */
void audit_remover_free(struct audit_remover *remover);

/* Has it look at the segments of that file; copied. While it looks the last of those that ask counts. */
void audit_remover_look(struct audit_remover *remover, const char *audit_file, int64_t wall_us);

#endif
