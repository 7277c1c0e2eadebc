/*
 * The audit file as the writer holds it: opened to append, one agent at a time, regular files only
 * (a line that may have been half written must be found again). Rotation by rename, by removal or
 * by truncating a copied file is noticed by comparing what is open with what the name leads to.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_FILE_H
#define REEVE_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/ring.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"

struct audit_file {
    int fd;       /* -1: none */
    uint64_t end; /* what follows the last byte that the writer knows of */
};

#define AUDIT_FILE_NONE ((struct audit_file){.fd = -1})

/*
 * Opens or creates (0640) the file; its directory must be there. What *file held before is closed,
 * unless `path` still leads to it: then nothing happens. On failure *file is as before. ERR_BUSY:
 * another agent has it.
 */
enum err audit_file_open(struct audit_file *file, const char *path, struct diag *diag) MUST_USE;

/* After somebody else's cut that is known of: `end` is where the file ends. */
void audit_file_refresh(struct audit_file *file);

void audit_file_close(struct audit_file *file);

bool audit_file_is_named(const struct audit_file *file, const char *path);

/* By device, inode and, where both know it, birth. */
bool audit_place_is_in_same_file(const struct audit_place *a, const struct audit_place *b);

/* Where the next byte goes. ERR_MISSING: the file has no name any more, what is written is lost. */
enum err audit_file_place(const struct audit_file *file, struct audit_place *out) MUST_USE;

/* The same at the beginning of a line: ends a last line that has no end, which is nobody's record.
 */
enum err audit_file_begin_line(struct audit_file *file, struct audit_place *out) MUST_USE;

/* Before a segment is gone on with: cuts a last line that has no end, where it is one of ours. */
enum err audit_file_cut_torn(struct audit_file *file) MUST_USE;

/* *written is set on failure too: how much stands in the file. */
enum err audit_file_write(struct audit_file *file, const char *data, size_t length,
                          size_t *written) MUST_USE;

/* Cuts the file from size to to_size. ERR_RANGE: its size is another, somebody else cut it. */
enum err audit_file_cut(struct audit_file *file, uint64_t size, uint64_t to_size) MUST_USE;

enum err audit_file_sync(struct audit_file *file) MUST_USE;

#endif
