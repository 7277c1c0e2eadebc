/*
 * Ranks: how literal a rule is, so that matches of different roles can be compared. The order is
 * role.h's, and the one in which a tree walks. Private to access/.
 *
 * A segment's number has its class on top, then the length of the literals around a parameter, then
 * the length of the one in front; a last number says END or REST.
 */
#ifndef REEVE_ACCESS_RANK_H
#define REEVE_ACCESS_RANK_H

#include <stddef.h>
#include <stdint.h>

#include "agent/access/role.h"
#include "agent/access/rule.h"
#include "agent/access/template.h"

/* How many numbers rank_make() writes: at most RULE_SEGMENTS_MAX + 1. */
size_t rank_segment_count(const struct template *template);

/* Borrows segments, which it fills. */
struct role_rank rank_make(const struct rule *rule, const struct template *template,
                           uint32_t *segments);

/* > 0 where a is more literal. */
int rank_compare(const struct role_rank *a, const struct role_rank *b);

#endif
