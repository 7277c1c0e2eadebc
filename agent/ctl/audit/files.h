/*
 * The files of an audit, line by line, one after the other: those that are named, or the closed
 * segments of an audit file by their number ("audit.jsonl.00000041") and the file itself. "-" is
 * stdin. In bounded memory. One reader has one thread.
 *
 * A file that grows can be followed: at its end, files_next() says FILES_END, and may be asked
 * again. Where it was rotated away by then, it is read to its end first, and then what came after it.
 */
#ifndef REEVE_CTL_AUDIT_FILES_H
#define REEVE_CTL_AUDIT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/ctl/heap.h"

/* Longer lines are none of ours, and come in pieces. */
#define FILES_LINE_MAX (64u * 1024)

struct files;

enum files_answer {
    FILES_LINE,
    FILES_END,
    FILES_FAIL, /* told on stderr */
};

struct files_line {
    struct str text; /* without its line feed; borrowed until the next call */
    const char *path;
    uint64_t number;     /* of the line in its file, from 1 */
    bool is_unended;     /* no line feed: cut off, or still being written */
    bool is_of_the_last; /* of the last file */
};

/* Exactly these. */
struct files *files_of(struct heap *heap, char *const *paths, size_t count);
/* An audit file with its segments. NULL: told on stderr. */
struct files *files_of_audit(struct heap *heap, const char *audit_file);
void files_free(struct files *files);

/* For an audit file: lines that have no end yet are waited for. */
void files_follow(struct files *files);

enum files_answer files_next(struct files *files, struct files_line *out);

/* For progress: bytes read, and of all; 0: not known. */
uint64_t files_done(const struct files *files);
uint64_t files_total(const struct files *files);

/* The last file, from so many bytes before its end on, at the beginning of a line. */
void files_skip_to_last(struct files *files, uint64_t bytes);

#endif
