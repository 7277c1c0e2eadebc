/*
 * Reading a segment of the audit: line by line, in bounded memory, from any offset that a line
 * begins at. For whoever follows the audit from outside the writer: verification, tail, sinks.
 *
 * Nothing is believed of what is read: a line that is none of ours has type "" and no origin.
 *
 * Lines are of the form that agent/audit/line.h and proof.h describe. In all of them a name that
 * is followed by a colon and preceded by a comma stands outside of every text, since a text has its
 * quotes escaped: so a member is found by searching for it. Types that a reader does not know are
 * to be skipped.
 *
 * A segment that is written goes on: at its end audit_reader_next() says AUDIT_READ_END, and may be
 * asked again later. Where the name of the file leads to another one by then (audit_place) and the
 * end is reached once more, the segment is complete; audit_segments() tells what follows it.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_SEGMENT_READ_H
#define REEVE_AUDIT_SEGMENT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

/* A line longer than this is none of ours. */
#define AUDIT_READ_LINE_MAX (64u * 1024)

/* A line; slices borrow from the reader, until its next call. */
struct audit_read_line {
    struct str text; /* without its line feed */
    struct str raw;  /* as it stands in the file */
    uint64_t offset; /* in the file */
    struct str type; /* "decision", "segment", "checkpoint" ...; "": none of ours */
    struct str boot; /* of a record: with worker and sequence, its identity */
    uint64_t worker;
    uint64_t sequence; /* 0: not a record */
};

struct audit_reader;

enum audit_read {
    AUDIT_READ_LINE,
    AUDIT_READ_END,  /* no whole line more, for now */
    AUDIT_READ_FAIL, /* errno says why */
};

/* From `offset` on. Gives a new reader. ERR_IO, ERR_MEMORY with a diag. */
enum err audit_reader_open(const char *path, uint64_t offset, struct audit_reader **out,
                           struct diag *diag) MUST_USE;
/* The same of an open file; takes the descriptor, also on failure. What has no offsets, a pipe, is
 * read as it comes. NULL: no memory. */
struct audit_reader *audit_reader_of(int fd, uint64_t offset);
/* NULL accepted. */
void audit_reader_free(struct audit_reader *reader);

/* A line that is too long comes in pieces of type "", of which only the last has a line feed. */
enum audit_read audit_reader_next(struct audit_reader *reader, struct audit_read_line *out);
/* The same without a look at what stands in it: no type, no origin, and the text of a piece is absent. */
enum audit_read audit_reader_next_text(struct audit_reader *reader, struct audit_read_line *out);

/* Where the next line begins: what is kept to go on from after a restart. */
uint64_t audit_reader_offset(const struct audit_reader *reader);

/* Bytes behind the last whole line. */
size_t audit_reader_rest(const struct audit_reader *reader);

/* For fstat(), to know the file again. */
int audit_reader_fd(const struct audit_reader *reader);

/* The same from a line's text. */
void audit_read_line_parse(struct str text, struct audit_read_line *out);

/* The text of a member, without its quotes and still escaped; false where there is none. */
bool audit_read_text(struct str line, const char *name, struct str *out);
bool audit_read_number(struct str line, const char *name, uint64_t *out);
/* Lower-case hex of exactly `length` bytes. */
bool audit_read_hex(struct str line, const char *name, uint8_t *out, size_t length);

#endif
