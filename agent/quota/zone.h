/*
 * Time zones, for calendar windows: what the machine's tzdata says, read once.
 *
 * zones_load() reads all zone files (TZif, RFC 8536) below a folder, before the workers start, so
 * that no loop ever reads a file; a newer tzdata takes effect at the next start. Of each zone the
 * transitions from some years ago on are kept, and the rule for all years after the last one.
 * Immutable afterwards: threads share it.
 *
 * The files are not trusted: lengths and offsets are checked, a file that is no TZif is left out.
 */
#ifndef REEVE_QUOTA_ZONE_H
#define REEVE_QUOTA_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"

struct zones;
struct zone;

/* `folder` without the parts "posix" and "right". A folder that is not there gives an empty set.
 * Gives a new set, or ERR_MEMORY. */
enum err zones_load(const char *folder, struct zones **out) MUST_USE;
/* NULL accepted. */
void zones_free(struct zones *zones);

/* By its full name, "Europe/Berlin". NULL: no such zone. `zones` may be NULL. */
const struct zone *zones_find(const struct zones *zones, struct str name);

/* Seconds east of UTC at an instant (UNIX seconds). A NULL zone is UTC. */
int32_t zone_offset(const struct zone *zone, int64_t unix_s);

/* The next instant after unix_s at which the offset changes; INT64_MAX: never. */
int64_t zone_next_change(const struct zone *zone, int64_t unix_s);

#endif
