/*
 * Path templates, the last part of a rule. Anchored: a template stands for whole paths.
 *
 *     template = 1*( "/" segment )            at most RULE_SEGMENTS_MAX segments
 *     segment  = literal                      that text
 *              | [literal] wild [literal]     any segment that is longer than both literals, starts
 *                                             with the first and ends with the second
 *              | "{@user}" | "{@team}"        the caller's; none where the caller has none
 *              | "**"                         only as the last: zero or more segments of any kind
 *     wild     = "*" | "{" name "}"           name [A-Za-z0-9_-]{1,64}, none twice in a template
 *
 * A final slash is an empty last segment: "/a/" has the segments "a" and "", and "/" has one, "".
 * Empty segments stand nowhere else. Only an empty literal and ** match an empty segment. So
 * "/a/{id}" matches "/a/b", but neither "/a/" nor "/a/b/"; "/a/" with ** behind it matches all of
 * "/a",
 * "/a/", "/a/b", "/a/b/" and "/a/b/c".
 *
 * Literals are written as they stand in a canonical path (request/path.h): the characters
 * [A-Za-z0-9-._~!$&'()+,;=:@] and escapes %XX with upper-case digits, but no escape of
 * [A-Za-z0-9-._~], of control bytes or of a backslash, no %25 before two hex digits, no segment "."
 * or "..". What only a relaxed gate lets through (%2F, ';', escapes that are not UTF-8) is taken:
 * a role does not know its gates.
 */
#ifndef REEVE_ACCESS_TEMPLATE_H
#define REEVE_ACCESS_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/access/rule.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

/* How literal a segment is; more literal is greater. Ranks are made of these, see role.h. */
enum template_class {
    TEMPLATE_REST = 1, /* ** */
    TEMPLATE_END,      /* no segment: the template ends before */
    TEMPLATE_PARAM,    /* {name} or *, no literals */
    TEMPLATE_TEAM,
    TEMPLATE_USER,
    TEMPLATE_AFFIX, /* {name} or *, with a literal before or behind */
    TEMPLATE_LITERAL,
};

struct template_part {
    enum template_class class;
    struct str prefix; /* the text of a LITERAL; what stands before the wild of an AFFIX */
    struct str suffix; /* what stands behind it */
};

struct template
{
    struct template_part parts[RULE_SEGMENTS_MAX];
    size_t count;
};

/* Borrows text. ERR_SYNTAX, ERR_RANGE with a diag "segment 2: ...". */
enum err template_parse(struct str text, struct template *out, struct diag *diag) MUST_USE;

#endif
