/*
 * The syncer: a thread that does nothing but fdatasync(), so that the writer goes on printing and writing
 * while the disk works. One sync at a time.
 *
 *   writer   begin(fd) -- prints, writes more into the same file -- take() -- begin(fd) ...
 *   syncer        `---------- fdatasync() ----------' wakes the writer
 *
 * A sync that has ended well vouches for what was written before it began, and for nothing else. An error
 * is told once for each descriptor, so nobody else may sync it between begin and take; nor may it be closed.
 *
 * All functions are its owner's, one thread's; take() comes behind all that done_cb did.
 */
#ifndef REEVE_AUDIT_SYNCER_H
#define REEVE_AUDIT_SYNCER_H

#include <stdbool.h>

#include "agent/base/err.h"

struct audit_syncer;

/* What became of the sync that was begun last. */
enum audit_sync {
    AUDIT_SYNC_NONE, /* none was begun, or its end was taken before */
    AUDIT_SYNC_RUNS,
    AUDIT_SYNC_DONE,
    AUDIT_SYNC_FAILED, /* errno says why */
};

/* Starts the thread, which adds 1 to wake_fd, an eventfd, each time that a sync has ended; borrowed. Where it
 * ended well done_cb is called before, on that thread, so that who waits need not wait for the owner too. NULL:
 * no memory, or no thread. */
struct audit_syncer *audit_syncer_new(int wake_fd, void (*done_cb)(void *context), void *context);

/* Ends the thread, after the sync that runs. NULL accepted. */
void audit_syncer_free(struct audit_syncer *syncer);

/* Only where take() says NONE. Borrows the descriptor until that says DONE or FAILED. */
void audit_syncer_begin(struct audit_syncer *syncer, int fd);

/* Takes the end of the sync. `waits`: blocks until it has ended, so never gives RUNS. */
enum audit_sync audit_syncer_take(struct audit_syncer *syncer, bool waits);

#endif
