/*
 * Requests that are counted instead of recorded one by one: denials of callers who are not known,
 * while the ring is above half full, by reason, gate and source prefix; and the gap, the requests
 * whose record found no room at all.
 *
 * The counts stand in the ring file's scratch, so they survive the death of the process like the
 * records. A count leaves its slot only after the record made of it stands in the ring; a death
 * between the two is told by the sequence noted in the slot.
 *
 * 256 slots. What finds none free near its place is counted in one slot without reason and source.
 * Owned by the ring's producer.
 */
#ifndef REEVE_AUDIT_COALESCE_H
#define REEVE_AUDIT_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/audit/record.h"
#include "agent/audit/ring.h"

/* A denial that may be counted: no user, and HAProxy is not told to allow. */
bool audit_coalesce_accepts(const struct audit_record *record);

/* No allocation, no system call. */
void audit_coalesce_add(struct audit_ring *ring, const struct audit_record *record);

/* A request without a record. */
void audit_coalesce_add_gap(struct audit_ring *ring, const struct audit_record *record);

/* Makes records of all counts, down to the ring's last byte. False: some had no room and stay. */
bool audit_coalesce_flush(struct audit_ring *ring);

/* After audit_ring_open(): drops what is recorded already, and slots that make no sense. False:
 * there were such. */
bool audit_coalesce_recover(struct audit_ring *ring);

#endif
