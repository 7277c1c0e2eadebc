/*
 * A role's rules compiled into one immutable matcher. Pure: no store, no socket, no time.
 *
 * Matching walks the path's segments through a tree that all rules of the role share, so it costs
 * by the length of the path, not by the number of rules. Threads may share a compiled role.
 *
 * Which requests a rule matches:
 *
 *   methods   one of the rule's, byte for byte; GET also matches HEAD; "*" every method
 *   host      the host itself, "*.domain" everything below the domain but not the domain, "*" every
 *             host; without a host only "*"
 *   path      the whole of it, see template.h
 *
 * and a deny also matches what a careless back end may take for the same: methods and paths without
 * regard to the case of ASCII letters, to final slashes, and to escapes of printable ASCII that the
 * canonical form keeps ("%3A" for ':'); see fold.h.
 *
 * Which of several rules is the most literal, in this order:
 *
 *   1. host: exact, then "*.domain" (the longer first), then "*";
 *   2. the path's segments from left to right, each: literal, {name} or * with literals around it
 *      (the longer together first, then the longer in front), {@user}, {@team}, {name} or * alone,
 *      the template's end, **;
 *   3. methods named, then "*";
 *   4. the lower id, compared as bytes.
 *
 * The order in which rules are given never matters.
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

#define ROLE_RULES_MAX      20000
#define ROLE_PATH_BYTES_MAX 8192
/* What a match may cost at worst, counted in nodes of the tree and lengths of affixes tried, for
 * the allows and for the denies of a role each. Usual roles stay below 20; every segment that has
 * both a literal and a parameter, in rules that go on the same way behind it, doubles it. */
#define ROLE_STEPS_MAX 1024

/* "rule:<id>" without the prefix, and its text. */
struct role_source {
    struct str id;
    struct str text;
};

struct role;

/*
 * Copies what it needs. Gives a new role. The diag names the rule: "rule:10: host: an upper-case
 * letter". ERR_SYNTAX: a rule does not parse, or an id stands twice. ERR_RANGE: more than
 * ROLE_RULES_MAX rules, more than 2^18 hosts and segments or 64 different methods in all, or worst
 * case above ROLE_STEPS_MAX. ERR_MEMORY, ERR_CRYPTO (no random seed for the hash table).
 */
enum err role_compile(const struct role_source *rules, size_t count, struct role **out,
                      struct diag *diag) MUST_USE;
/* NULL is accepted. */
void role_free(struct role *role);

/* All the memory it takes. */
size_t role_bytes(const struct role *role);

/* What is asked of a role. host is lower case, without port, absent where there is none; path is
 * canonical. */
struct role_query {
    struct str method;
    struct str host;
    struct str path;
    struct str user; /* as in the store, not escaped; absent for the anonymous: {@user} never
                      * matches then */
    struct str team; /* absent: none */
};

/* How literal a rule is, a constant of the rule. */
struct role_rank {
    uint32_t host; /* 0 for "*", UINT32_MAX for an exact one, else the domain's length */
    bool names_method;
    uint32_t segment_count;
    const uint32_t *segments; /* class and lengths of literals, see rank.c */
};

/* The rule that matched. Everything is borrowed from the role. */
struct role_match {
    struct str rule; /* its id; absent: no rule matched, and nothing else holds */
    uint32_t cost;
    const struct str *limits;
    size_t limit_count;
    const struct role_rank *rank;
};

/* The most literal deny and the most literal allow of this role. Either may be absent. A path that
 * does not start with '/' or is longer than ROLE_PATH_BYTES_MAX matches nothing. No allocation. */
void role_match(const struct role *role, const struct role_query *query, struct role_match *deny,
                struct role_match *allow);

/* For two matches of one query, perhaps of different roles: > 0 where a is more literal than b, 0
 * only for equal ranks and ids. No match is less literal than every match. */
int role_match_compare(const struct role_match *a, const struct role_match *b);

#endif
