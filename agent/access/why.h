/*
 * Why a rule matches a request or not: the rule and its parts, each asked of the matcher on its own,
 * so that what is said here is what the matcher does. For people; costs a compilation for each
 * question.
 */
#ifndef REEVE_ACCESS_WHY_H
#define REEVE_ACCESS_WHY_H

#include "agent/access/role.h"

struct why {
    bool allows; /* false: deny */
    bool matches;
    bool method, host, path; /* whether each part alone matches; the rule does where all do */
    size_t segment;          /* where path is false: the first segment of the template that does
                              * not match, from 1; one more than it has: the path goes on */
};

/* Errors are role_compile()'s. */
enum err why_find(const struct role_source *rule, const struct role_query *query, struct why *out,
                  struct diag *diag) MUST_USE;

#endif
