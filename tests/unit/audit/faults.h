/*
 * A disk that fails on purpose. Linked with --wrap, so every write(), ftruncate(), fdatasync(), fsync(),
 * unlink() and fcntl() of the code under test comes here; only calls on the watched file are touched.
 *
 * Process-wide; any thread. At the start everything passes.
 */
#ifndef REEVE_TESTS_AUDIT_FAULTS_H
#define REEVE_TESTS_AUDIT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct faults {
    bool has_room_limit;
    size_t room_bytes;  /* then writes are short, then ENOSPC */
    int fail_errno;     /* every write fails with it */
    bool cut_fails;     /* ftruncate: EIO */
    int kill_countdown; /* > 0: at that write, after kill_bytes of it, SIGKILL */
    size_t kill_bytes;  /* larger than the write: after all of it */
    int sync_countdown; /* > 0: that fdatasync fails, with EIO, and no other */
    bool holds_syncs;   /* every fdatasync waits until faults_let_sync() or the next plan */
    bool holds_unlinks; /* every unlink of a closed segment waits until the next plan */
    bool unlink_fails;  /* with EPERM */
    bool opens_leased;  /* whoever takes a lease on a file is asked to give it back */
};

/* From the next call on. NULL: everything passes. */
void faults_set(const struct faults *plan);

/* What a loss of power leaves of a file at least: its size before the last fdatasync() that was made. */
#define FAULTS_SYNCED_MAX 1024
struct faults_synced {
    size_t count;
    struct {
        uint64_t inode;
        uint64_t size;
    } files[FAULTS_SYNCED_MAX];
};

/* Notes it there, in memory that may be shared with another process. NULL: nowhere. */
void faults_note_synced(struct faults_synced *synced);

/* How often a folder was synced, since the start of the process. */
unsigned faults_folder_syncs(void);

/* How many fdatasync() are held. */
unsigned faults_held_syncs(void);

/* How often a file was cut, since the start of the process. */
unsigned faults_cuts(void);

/* How many unlink() are held. */
unsigned faults_held_unlinks(void);

/* One that is held goes on; fails with `error`, but for 0. */
void faults_let_sync(int error);

/* How often a file was synced for which that had failed before. */
unsigned faults_retried_syncs(void);

#endif
