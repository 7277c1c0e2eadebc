/*
 * A role's rules compiled into one immutable matcher. Pure: no store, no socket, no time.
 *
 * Matching walks the path's segments through a tree that all rules of the role share, so it costs
 * by the length of the path, not by the number of rules. Threads may share a compiled role.
 */
#ifndef REEVE_ACCESS_ROLE_H
#define REEVE_ACCESS_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/access/rule.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define ROLE_RULES_MAX 20000

/* "rule:<id>" without the prefix, and its text. */
struct role_source {
    struct str id;
    struct str text;
};

struct role;

/* Copies what it needs. The diag names the rule. Gives a new role. */
enum err role_compile(const struct role_source *rules, size_t count, struct role **out,
                      struct diag *diag) MUST_USE;
void role_free(struct role *role);

size_t role_bytes(const struct role *role);

/* What is asked of a role. host is lower case, without port, absent where there is none (then only
 * rules for "*" match); path is canonical; team may be absent. */
struct role_query {
    struct str method;
    struct str host;
    struct str path;
    struct str user; /* absent for the anonymous role: {@user} never matches then */
    struct str team;
};

/* How literal a match was; more literal compares greater. Total over rules of different roles:
 * see role_match_compare(). */
struct role_match {
    struct str rule;  /* its id, borrowed from the role; absent: no rule matched */
    uint32_t cost;
    const struct str *limits;
    size_t limit_count;
    uint64_t rank[2];
};

/* The deciding deny and the most literal allow of this role. Either may be absent. Denies also
 * match the path case-folded and without its final slash. No allocation. */
void role_match(const struct role *role, const struct role_query *query, struct role_match *deny,
                struct role_match *allow);

/* > 0 where a is more literal than b; equal ranks go by rule id, the lower id wins. */
int role_match_compare(const struct role_match *a, const struct role_match *b);

#endif
