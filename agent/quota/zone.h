/*
 * Time zones, for calendar windows: what the machine's tzdata says, read once.
 *
 * zones_load() reads all zone files (TZif, RFC 8536) below a folder, before the workers start, so
 * that no loop ever reads a file; a newer tzdata takes effect at the next start. Of each zone the
 * changes from 1990 on are kept, and the rule for all years after the last one. Immutable
 * afterwards: threads share it.
 *
 * The files are not trusted: lengths, offsets and rules are checked, and a file that is no TZif, or
 * counts leap seconds, is left out. What bounds it: ZONE_FILE_BYTES_MAX, ZONE_NAME_BYTES_MAX,
 * ZONES_MAX; what is beyond is left out too. Debian's tzdata, some 600 names, takes a third of a
 * megabyte.
 */
#ifndef REEVE_QUOTA_ZONE_H
#define REEVE_QUOTA_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"

#define ZONE_FOLDER         "/usr/share/zoneinfo"
#define ZONE_NAME_BYTES_MAX 64
#define ZONE_FILE_BYTES_MAX (64 * 1024)
#define ZONES_MAX           4096

/* Seconds east of UTC, as RFC 8536 3.2 bounds them. */
#define ZONE_OFFSET_MIN (-89999)
#define ZONE_OFFSET_MAX 93599

struct zones;
struct zone;

/* `folder` without whatever is named "posix" or "right" in it. Links to files are followed, links
 * to folders are not. A folder that is not there gives an empty set, and a file that can not be
 * read is left out. Gives a new set, or ERR_MEMORY. */
enum err zones_load(const char *folder, struct zones **out) MUST_USE;
/* NULL accepted. */
void zones_free(struct zones *zones);

/* For the log: how many names, and all the memory they take. NULL accepted. */
size_t zones_count(const struct zones *zones);
size_t zones_bytes(const struct zones *zones);

/* By its full name, "Europe/Berlin". NULL: no such zone, which must not be taken for UTC. `zones`
 * may be NULL. */
const struct zone *zones_find(const struct zones *zones, struct str name);

/* An offset, and until when it surely holds. The next span may have the same offset. */
struct zone_span {
    int32_t offset; /* seconds east of UTC */
    int64_t end_s;  /* UNIX seconds, after the instant asked for; INT64_MAX: for ever */
};

/* The span that holds an instant (UNIX seconds, to the year 9999 and some days). Before 1990 all is
 * as 1990 began. A NULL zone is UTC. */
struct zone_span zone_span(const struct zone *zone, int64_t unix_s);

#endif
