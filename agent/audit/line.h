/*
 * An entry as one line of the audit file: one JSON document (RFC 8259) and a line feed, whatever
 * its texts hold.
 *
 *   {"v":1,"type":"decision","time":"2024-05-06T07:08:09.123456Z","agent":"gw1","boot":"<hex>",
 *    "worker":0,"seq":17,"id":"<hex>-0-17",<the other fields of AUDIT_FIELDS, in its order>}
 *
 * Fields that are absent or empty are left out, `user` too. Beside the table's fields:
 *
 *   v                     version of this form
 *
 *   agent, boot, worker   who wrote it
 *
 *   seq                   counts from 1 for one boot and worker; a gap is a record lost to damage
 *
 *   id                    boot, worker and seq: names the record, for ever
 *
 *   path_raw              instead of path, where the path was refused
 *
 *   <field>_hex           all bytes of a wire text that is no UTF-8; its text then holds U+FFFD
 *
 *   truncated             true: a text was cut
 *
 *   redelivered           true: the file this line may have stood in before was gone at a start
 *
 * A text may take twice its bound after escaping, then it is cut: so a line is never longer than
 * AUDIT_LINE_MAX.
 */
#ifndef REEVE_AUDIT_LINE_H
#define REEVE_AUDIT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/entry.h"
#include "agent/audit/privacy.h"
#include "agent/audit/ring.h"

#define AUDIT_LINE_MAX (17u * 1024)
/* Printing may need this much for a while. */
#define AUDIT_LINE_ROOM (AUDIT_LINE_MAX + 16u * 1024)

/* How every line of this version begins. */
#define AUDIT_LINE_BEGIN "{\"v\":1,\"type\":\""

/* Who writes the lines, as it stands in each of them, up to the sequence. */
struct audit_line_origin {
    char text[1024];
    size_t length;
    size_t boot_offset; /* where ,"boot": begins */
    char id_text[64];   /* ,"id": and what of it does not change */
    size_t id_length;
    const struct audit_privacy *privacy; /* borrowed; NULL: addresses in full */
};

/* The time's text up to the second, kept while the second lasts. Zeroed at the start. */
struct audit_line_clock {
    int64_t second;
    char text[sizeof("2024-05-06T07:08:09")];
};

void audit_line_origin(const struct audit_ring_birth *birth, struct audit_line_origin *out);

/* Prints a packed entry: writes at most AUDIT_LINE_MAX bytes into out[AUDIT_LINE_ROOM]; gives their
 * count. 0: the entry is not one. */
size_t audit_line_print(const struct audit_line_origin *origin, struct audit_line_clock *clock,
                        const struct audit_ring_record *record, bool is_redelivered, char *out);

/* The sequence of a line that this origin wrote; 0: it is not one. */
uint64_t audit_line_sequence(const struct audit_line_origin *origin, const char *line,
                             size_t length);

#endif
