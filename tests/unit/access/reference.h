/*
 * What role.h and template.h say, written down as slowly and plainly as possible: every rule is
 * tried against the query, and every pair of matches compared. Shares no code with the matcher but
 * the reading of a rule's words.
 */
#ifndef REEVE_TESTS_UNIT_ACCESS_REFERENCE_H
#define REEVE_TESTS_UNIT_ACCESS_REFERENCE_H

#include "agent/access/role.h"

/* The id of the most literal rule that matches and allows (or denies); absent: none. */
struct str reference_match(const struct role_source *rules, size_t count, bool allows,
                           const struct role_query *query);

#endif
