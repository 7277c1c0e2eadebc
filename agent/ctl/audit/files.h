/*
 * The files of an audit, line by line, one after the other, in bounded memory: those that are named,
 * or the segments of an audit file by their number and the file itself. "-" is stdin. One reader has
 * one thread.
 */
#ifndef REEVE_CTL_AUDIT_FILES_H
#define REEVE_CTL_AUDIT_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/ctl/heap.h"

struct files;

enum files_answer {
    FILES_LINE,
    FILES_END,
    FILES_FAIL, /* told on stderr */
};

struct files_line {
    struct str
        text; /* without its line feed; borrowed until the next call; absent: too long, or unended */
    const char *path;
    uint64_t number;     /* of the line in its file, from 1; 0: not known */
    bool is_unended;     /* no line feed: cut off, or still being written */
    bool is_of_the_last; /* of the last file */
};

/* Exactly these. */
struct files *files_of(struct heap *heap, char *const *paths, size_t count);
/* An audit file with its segments. NULL: told on stderr. */
struct files *files_of_audit(struct heap *heap, const char *audit_file);
void files_free(struct files *files);

enum files_answer files_next(struct files *files, struct files_line *out);

/* For progress: bytes read, and of all; 0: not known. */
uint64_t files_done(const struct files *files);
uint64_t files_total(const struct files *files);

/* All are files that could be opened once more, no pipes. */
bool files_may_be_read_again(const struct files *files);

/* The last file, from so many bytes before its end on, at the beginning of a line. */
void files_skip_to_last(struct files *files, uint64_t bytes);

#endif
