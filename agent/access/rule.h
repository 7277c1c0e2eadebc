/*
 * Rules: the grammar of a role's fields "rule:<id>".
 *
 *     <allow|deny> <METHOD,METHOD|*> <host|*.domain|*> <template> [cost=N] [limit=a,b]
 *
 * One blank between words, none around them. At most RULE_TEXT_MAX bytes.
 *
 * id        a name: [A-Za-z0-9._@-]{1,64}. Ids order as bytes ("10" before "9").
 * methods   1 to 16 tokens (RFC 9110 5.6.2) of at most 32 characters without '*', none twice;
 *           case-sensitive. GET covers HEAD.
 * host      lower case, without port and final dot: 1 to 16 labels [a-z0-9_-]{1,63}, at most 253
 *           bytes. "*.domain" means one or more labels before the domain, not the domain itself.
 *           IPv6 addresses are not taken: one address has many spellings.
 * template  see access/template.h.
 * cost      1 to RULE_COST_MAX, decimal; 1 unless said. Only on allows, at most once.
 * limit     1 to 8 names, none twice. Only on allows, at most once, before or behind cost.
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

#define RULE_METHODS_MAX      16
#define RULE_METHOD_BYTES_MAX 32
#define RULE_HOST_BYTES_MAX   253
#define RULE_LABELS_MAX       16
#define RULE_SEGMENTS_MAX     64
#define RULE_LIMITS_MAX       8
#define RULE_COST_MAX         1000000000u
#define RULE_TEXT_MAX         2048

/* One parsed rule. Every slice borrows from the text it was parsed from. */
struct rule {
    struct str id;
    bool allows; /* false: deny */
    struct str methods[RULE_METHODS_MAX];
    size_t method_count; /* 0: any */
    struct str host;     /* "*", "*.example.com" or "api.example.com" */
    struct str template; /* starts with '/'; template_parse() takes it */
    uint32_t cost;       /* 1 unless said */
    struct str limits[RULE_LIMITS_MAX];
    size_t limit_count;
};

/* ERR_SYNTAX or ERR_RANGE with a diag that says what and where: "host: an upper-case letter". */
enum err rule_parse(struct str id, struct str text, struct rule *out, struct diag *diag) MUST_USE;

#endif
