/*
 * Scan: one line of the audit, read. Only what agent/audit/line.h writes is taken: one flat JSON
 * object with its members in our own spelling, none twice, no blanks. Everything else is a broken line. Types
 * that are unknown here are not looked into.
 *
 * Texts stay as they stand in the line, escaped; a text to compare them with is escaped the same way.
 */
#ifndef REEVE_CTL_AUDIT_SCAN_H
#define REEVE_CTL_AUDIT_SCAN_H

#include "agent/audit/entry.h"
#include "agent/base/str.h"

enum scan_kind {
    SCAN_BROKEN,
    SCAN_RECORD,     /* "decision", or "count": several decisions */
    SCAN_SUPERSEDED, /* what was told instead of an allow that an earlier record has */
    SCAN_GAP,        /* "audit_gap": so many records were lost */
    SCAN_OTHER,      /* of another type; nothing but the type is set */
};

struct scan {
    struct str type;
    struct str values[AUDIT_FIELD_COUNT]; /* numbers as digits; absent: not there */
    struct str agent, boot, worker, sequence;
    uint64_t count; /* how many requests the line stands for */
    /* When the first and the last of them were: numbers in the order of time, 0: not told. */
    uint64_t first, last;
    bool path_is_raw;
    bool is_truncated;
    bool is_redelivered; /* may be there twice */
};

#define SCAN_SLOTS_MAX 64

/* Which member came behind which: most lines have the members of the one before. Zeroed at the start; what it
 * holds changes how long a line takes, and nothing else. */
struct scan_shape {
    uint8_t after[SCAN_SLOTS_MAX];
};

/* `line` without its line feed. Borrows. */
enum scan_kind scan_line(struct scan_shape *shape, struct str line, struct scan *out);

#define SCAN_TIME_BYTES sizeof("2024-05-06T07:08:09.123456Z")

/* As it stands in lines, NUL-terminated; "" where it is not told. Gives `out`. */
const char *scan_time_text(uint64_t time, char out[SCAN_TIME_BYTES]);

/* The text of a value, unescaped, into out[value.len]. */
struct str scan_unescape(struct str value, char *out);

#endif
