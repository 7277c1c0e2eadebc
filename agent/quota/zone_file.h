/*
 * A zone, and how it is read from the bytes of a TZif file (RFC 8536), version 1 to 4. Private to
 * quota/.
 *
 *   changes    [0]            [1]     ...     [count - 1]
 *      |--------|--------------|---------------|-------------->
 *       offset   offset of [0]   of [1]         the rule's; without one, of the last
 *       of [0]
 *
 * [0] stands at the first second of 1990. What the rule says as well is not kept, whether the file
 * is "fat" or "slim"; nor are changes of the abbreviation only.
 */
#ifndef REEVE_QUOTA_ZONE_FILE_H
#define REEVE_QUOTA_ZONE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/quota/zone_rule.h"

#define ZONE_FIRST_S INT64_C(631152000)    /* 1990-01-01T00:00:00Z */
#define ZONE_LAST_S  INT64_C(253402300799) /* 9999-12-31T23:59:59Z; later changes are not kept */

struct zone_change {
    int64_t at_s;
    int32_t offset; /* seconds east of UTC from then on */
};

struct zone {
    struct zone_rule rule;
    bool has_rule;
    size_t count; /* at least 1 */
    struct zone_change changes[];
};

/* Gives a new zone, for free(). ERR_SYNTAX: not a TZif, damaged, or with leap seconds; ERR_MEMORY.
 * Bytes behind the footer do not matter. */
enum err zone_file_parse(struct str bytes, struct zone **out) MUST_USE;

size_t zone_bytes(const struct zone *zone);

#endif
