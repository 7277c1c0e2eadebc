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

struct draft_names {
    const struct str *items;
    size_t count;
};

struct draft_prefixes {
    const struct ip_prefix *items;
    size_t count;
};

/* See the members of the same names in record.h. */

struct draft_hash {
    enum record_hash_scheme scheme; /* NONE: there is no such hash */
    struct str pepper;
    uint8_t digest[32];
};

struct draft_digest {
    bool is_there;
    uint8_t bytes[32];
};

struct draft_key {
    struct str user;
    struct draft_hash hash[2];
    int64_t hash2_until;
    bool is_active;
    int64_t not_before;
    int64_t expires;
    struct draft_names roles;
    struct draft_prefixes allow_from;
    struct draft_digest cert;
};

struct draft_user {
    bool is_active;
    struct draft_names roles;
    struct str team;
    struct draft_names limits;
    struct draft_prefixes allow_from;
    int64_t expires;
    int64_t tokens_not_before;
    struct str password;
};

struct draft_team {
    bool is_active;
    struct draft_names limits;
};

struct draft_role {
    struct draft_names limits;
    int priority;
    bool is_shadow;
};

struct draft_revoked {
    int64_t until;
};

struct draft_cert {
    struct str user;
    bool is_active;
    int64_t expires;
    struct draft_names roles;
};

struct draft {
    enum record_kind kind;
    union {
        struct draft_key key;
        struct draft_user user;
        struct draft_team team;
        struct draft_role role;
        struct limit_record limit;
        struct draft_revoked revoked;
        struct draft_cert cert;
    };
    bool has_subset;                        /* a subset of roles was there */
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
