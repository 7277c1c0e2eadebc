/*
 * Allows that were recorded and then not told: a later record of the same boot and worker says so, and what was
 * told instead. It says nothing else of the request (who it was is not decided again), so it can not be counted by
 * itself: the allow's own record counts, as what was told.
 *
 * The later record is what an allow would have to know, so whoever counts reads twice: the first time to find
 * which allows there are, where there is any. Some 350 bytes for each are kept.
 */
#ifndef REEVE_CTL_AUDIT_SUPERSEDED_H
#define REEVE_CTL_AUDIT_SUPERSEDED_H

#include "agent/ctl/audit/map.h"
#include "agent/ctl/audit/scan.h"

struct superseded {
    struct map told; /* of struct superseded_told, by boot, worker and sequence of the allow */
};

enum superseded_note {
    SUPERSEDED_NEW,   /* its allow, if there is one, was read before this was known */
    SUPERSEDED_FOUND, /* its allow has been given to superseded_apply() */
    SUPERSEDED_ALONE, /* its allow is not there: the record is all there is of the request */
};

void superseded_init(struct superseded *superseded, struct heap *heap);

/* Of a line that is SCAN_SUPERSEDED. Copies. */
enum superseded_note superseded_note(struct superseded *superseded, const struct scan *scan);

/* Of a SCAN_RECORD: verdict, status, reason and the like become those that were told. Borrows. */
void superseded_apply(const struct superseded *superseded, struct scan *scan);

#define ORIGIN_BYTES_MAX 128

/* "<boot>-<worker>"; absent where these are none of an agent's. */
struct str origin_of(const struct scan *scan, char out[ORIGIN_BYTES_MAX]);

#endif
