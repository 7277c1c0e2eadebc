/*
 * A line of the audit as a syslog message (RFC 5424):
 *
 *   <134>1 2024-05-06T07:08:09.123456Z gw1.example.com reeved 4711 decision
 *       [reeve@32473 agent="gw1" id="<boot>-0-17" seq="17"] {"v":1,"type":"decision",...}
 *
 *   TIMESTAMP   the record's own time
 *   PROCID      the process that sends, which for what an earlier one left is not who decided
 *   MSGID       the line's type
 *   severity    informational; notice for what was not allowed and for `lifecycle`; warning for what an
 *               operator must see: `sink`, `audit_gap`, `superseded`
 *   MSG         the line as it stands in the file, ASCII but for texts, which are UTF-8; without a BOM,
 *               which would spoil the JSON
 *
 * Structured data has agent and, of a record, id and seq; of a segment's header and a checkpoint segment
 * and block. 32473 is the number for examples (RFC 5612); who has one sets another sd_id.
 *
 * A message that may not be as long as it is ends after a whole character of the line, and has
 * truncated="<bytes of the whole line>" in its structured data.
 *
 * Pure: no socket, no clock.
 */
#ifndef REEVE_AUDIT_SYSLOG_H
#define REEVE_AUDIT_SYSLOG_H

#include <stddef.h>

#include "agent/audit/segment_read.h"

/* Of the parts before a line. */
#define SYSLOG_HEAD_MAX    2048
#define SYSLOG_MESSAGE_MAX (AUDIT_READ_LINE_MAX + SYSLOG_HEAD_MAX)

/* Texts are borrowed, and made of PRINTUSASCII (RFC 5424 6) within its bounds; sd_id without
 * '=', ']' and '"'. */
struct syslog_source {
    unsigned facility; /* 0 to 23 */
    const char *host;  /* at most 255 */
    const char *app;   /* at most 48 */
    const char *sd_id; /* at most 32 */
    unsigned process;
};

/* Turns what is none of PRINTUSASCII into '-', for a host's name; "-" where nothing is left. */
void syslog_clean(char *text);

/* Writes at most `most` bytes, no less than SYSLOG_HEAD_MAX / 2, into out[SYSLOG_MESSAGE_MAX]; gives the
 * length. 0: the line is none of the audit's. */
size_t syslog_print(const struct syslog_source *source, const struct audit_read_line *line,
                    size_t most, char *out);

#endif
