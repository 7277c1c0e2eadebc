/*
 * Segments: what the audit is made of, as files.
 *
 *   audit.jsonl              the current one, that the writer appends to
 *   audit.jsonl.00000041     a closed one, by its number; never written again
 *
 *   audit.jsonl.removed      the headers of segments that were removed by audit_segment_remove_old(),
 *                            so that the certificates of the others can be followed from the first key
 *
 * A segment's first line, its header (proof.h), says its number. Somebody else may rotate too: a
 * file that was renamed, whatever its name, is still the segment that its header says it is.
 */
#ifndef REEVE_AUDIT_SEGMENT_H
#define REEVE_AUDIT_SEGMENT_H

#include <stdbool.h>

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"

#define AUDIT_REMOVED_SUFFIX ".removed"

/* "<audit_file>.<number>"; false where it does not fit. */
bool audit_segment_name(const char *audit_file, uint64_t number, char *out, size_t capacity);

/* A file that begins with a header, by its name or by that of the audit file with any ending. */
struct audit_segment {
    uint64_t number;
    int64_t changed_us; /* wall clock: last write */
    char *path;
};

struct audit_segments {
    struct audit_segment *items; /* by number; the current one is the last */
    size_t count;
};

/* What stands beside the audit file, and the file itself, as far as it has a header. ERR_IO,
 * ERR_MEMORY. */
enum err audit_segments(const char *audit_file, struct audit_segments *out) MUST_USE;
void audit_segments_free(struct audit_segments *segments);

/* The number in the header that the file begins with; 0: no header, or not readable. */
uint64_t audit_segment_number(int fd);

/* The current file gets its closed name. ERR_BUSY: there is one of that name. ERR_IO: errno. */
enum err audit_segment_close(const char *audit_file, uint64_t number) MUST_USE;

/* Which closed segments stay. */
struct audit_retention {
    size_t keep_count; /* 0: all */
    int64_t keep_us;   /* since the last line; 0: for ever */
    /* One that would go stays all the same; `newer_count` newer ones would go too. NULL: none. */
    bool (*is_held_cb)(void *context, uint64_t number, size_t newer_count);
    void *context;
};

/* Removes the others, oldest first, up to the first that stays. Only by the names that
 * audit_segment_close() gives, and only where the header could be kept. Gives how many, and the highest
 * number among them. */
size_t audit_segment_remove_old(const char *audit_file, const struct audit_retention *retention,
                                int64_t wall_us, uint64_t *last);

#endif
