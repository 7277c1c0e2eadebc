/*
 * Scan: one line of the audit, read. Only what agent/audit/line.h writes is taken: one flat JSON
 * object with its members in our own spelling, no blanks. Everything else is a broken line. Types
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
    bool path_is_raw;
    bool is_truncated;
    bool is_redelivered; /* may be there twice */
};

/* `line` without its line feed. Borrows. */
enum scan_kind scan_line(struct str line, struct scan *out);

/* The text of a value, unescaped, into out[value.len]. */
struct str scan_unescape(struct str value, char *out);

#endif
