/*
 * A record while it is read: its slices still borrow from the store's reply, its lists from the
 * draft. Private to directory/.
 *
 * Which fields a kind of record has is one table; from it come the parser, the duplicates, what is
 * required. To add a field: a line in draft.c's tables, a line in record.h's grammar, and, where it
 * is kept, a member that record.c packs.
 */
#ifndef REEVE_DIRECTORY_DRAFT_H
#define REEVE_DIRECTORY_DRAFT_H

#include <stddef.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/ip.h"
#include "agent/base/str.h"
#include "agent/directory/record.h"

#define RECORD_NAMES_MAX                                                                           \
    (RECORD_ROLES_MAX > RECORD_LIMITS_MAX ? RECORD_ROLES_MAX : RECORD_LIMITS_MAX)

struct draft {
    struct record record;
    unsigned seen;                          /* a bit for each line of the kind's table */
    struct str names[2 * RECORD_NAMES_MAX]; /* of at most two lists */
    size_t name_count;
    struct ip_prefix prefixes[RECORD_PREFIXES_MAX];
    int64_t unkept; /* takes what is checked only */
};

/* A role's rules are not its business: fields "rule:<id>" are unknown here. */
void draft_start(struct draft *draft, enum record_kind kind);

/* ERR_SYNTAX with a diag "expires: ...", or one that names a field nobody knows. */
enum err draft_field(struct draft *draft, struct str name, struct str value,
                     struct diag *diag) MUST_USE;

/* What holds between fields: the required ones, and those that go together or never do. Fills in
 * what a record leaves out and depends on other fields. */
enum err draft_finish(struct draft *draft, struct diag *diag) MUST_USE;

#endif
