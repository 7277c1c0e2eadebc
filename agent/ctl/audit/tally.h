/* Tallies: what the records of a period say of each user, of each team, and in all. A line that
 * stands for several requests counts as them. In bounded memory but for the names of users, teams,
 * roles' rules, limits and keys. */
#ifndef REEVE_CTL_AUDIT_TALLY_H
#define REEVE_CTL_AUDIT_TALLY_H

#include "agent/ctl/audit/map.h"
#include "agent/ctl/audit/scan.h"

/* Of one user; further ones are counted together. */
#define TALLY_SOURCES_MAX 64

struct tally_use {
    uint64_t count;
    uint64_t first, last; /* as of struct scan */
};

struct tally {
    struct tally_use use;
    uint64_t allow, throttle, deny;
    uint64_t observed;          /* allowed by a gate that only observes, against its rules */
    struct str team;            /* of a user: the last one seen */
    struct map reasons, limits; /* of struct tally_use; limits that refused */
    struct map credentials;     /* of struct tally_use: "key:<id>", "jwt:<issuer>" */
    struct map sources;         /* of struct tally_use */
    uint64_t more_sources;      /* requests of sources beyond the bound */
};

struct tallies {
    struct heap *heap;
    struct tally all;
    struct map users; /* of struct tally; "": nobody who is known */
    struct map teams; /* of struct tally */
    struct map rules; /* of struct tally_use: "role/id" */
    struct map keys;  /* of struct tally_use, by id */
};

void tallies_init(struct tallies *tallies, struct heap *heap);
void tallies_add(struct tallies *tallies, const struct scan *scan);

#endif
