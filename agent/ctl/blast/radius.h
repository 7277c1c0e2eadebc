/*
 * The radius: what whoever has an API key could reach, by the records in the store.
 *
 * An allow counts with every role that the key's subset leaves; denies with all roles of the user. A
 * deny is asked of the matcher with requests that are as general as the allow: where each parameter is
 * a text that stands in no rule. Where it matches all of those, the allow is shut; a deny that only
 * takes a part of it away is listed beside.
 */
#ifndef REEVE_CTL_BLAST_RADIUS_H
#define REEVE_CTL_BLAST_RADIUS_H

#include "agent/ctl/explain/rehearsal.h"

struct radius_rule {
    struct str role, id;
    struct str methods, host, template;
    struct str more;    /* cost and limits, as they stand in the rule */
    struct str shut_by; /* "role/id" of the deny that takes all of it away; absent: open */
};

struct radius_limit {
    struct str name, terms, scope;
    struct str from; /* "user", "team", "role reader", "rule reader/10" */
    bool is_missing; /* or does not parse: what needs it is denied */
};

/* What is wrong with the key or its user now; absent where it could be used. */
struct radius {
    struct rehearsal *rehearsal;
    struct heap *heap;
    struct str keyid;
    struct record *key, *user; /* NULL: absent or bad */
    struct str user_name, team;
    struct str closed; /* why nothing can be reached now */
    struct radius_rule *allows, *denies;
    size_t allow_count, deny_count;
    struct radius_limit *limits;
    size_t limit_count;
    struct str *gates; /* that take keys */
    size_t gate_count;
    struct str key_from, user_from; /* allow_from, as it stands; absent: from anywhere */
    int64_t seen_s, seen_hash2_s;   /* 0: not known */
};

/* False: told on stderr. radius_fini() in any case. */
bool radius_find(struct radius *radius, struct rehearsal *rehearsal, struct str keyid);
void radius_fini(struct radius *radius);

#endif
