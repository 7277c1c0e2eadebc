/*
 * Rules: the grammar of a role's fields "rule:<id>".
 *
 *     <allow|deny> <METHOD,METHOD|*> <host|*.domain|*> <template> [cost=N] [limit=a,b]
 *
 * One blank between words. Methods are tokens (RFC 9110 5.6.2), case-sensitive; GET covers HEAD.
 * Hosts are lower case, without port and final dot. Templates are anchored to the whole path:
 * literal segments, {name} or * for one non-empty segment, with a literal prefix or suffix
 * ("{id}.json", "{id}:cancel"), ** as the last part for zero or more segments, {@user} and {@team}
 * for a segment that equals the caller's. Literals are written in canonical form (see
 * request/path.h); a final slash is kept and significant.
 *
 * The same grammar is checked by contrib/redis-cli's Lua; tests/corpus/ holds what both must take
 * and refuse.
 */
#ifndef REEVE_ACCESS_RULE_H
#define REEVE_ACCESS_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define RULE_METHODS_MAX  16
#define RULE_SEGMENTS_MAX 64
#define RULE_LIMITS_MAX   8
#define RULE_COST_MAX     1000000000u
#define RULE_TEXT_MAX     2048

/* One parsed rule. Every slice borrows from the text it was parsed from. */
struct rule {
    struct str id;
    bool allows; /* false: deny */
    struct str methods[RULE_METHODS_MAX];
    size_t method_count; /* 0: any */
    struct str host;     /* "*", "*.example.com" or "api.example.com" */
    struct str template; /* starts with '/' */
    uint32_t cost;       /* 1 unless said */
    struct str limits[RULE_LIMITS_MAX];
    size_t limit_count;
};

/* ERR_SYNTAX or ERR_RANGE with a diag that says what and where. */
enum err rule_parse(struct str id, struct str text, struct rule *out, struct diag *diag) MUST_USE;

#endif
