/*
 * Records: the hashes of DESIGN "Data in Redis", parsed strictly into compact structs. One
 * allocation each (a role's rules have one of their own); every slice points into it. A record that
 * does not parse is an outcome (the request is denied as bad_record), so parsing gives a diag that
 * names key and field, and never a value: values may be hashes.
 *
 * What is strict here is so that no slip of an operator's script opens anything:
 *   - unknown fields are refused: a misspelt restriction must not be ignored;
 *   - `state` must be said, active or disabled: a record half deleted does not count;
 *   - an empty value is refused, so that an unset shell variable lifts nothing. Only lists of names
 *     (then: no names) and texts may be empty. A field that shall not hold is left out.
 *
 *   kind   required            optional
 *   key    user hash state     hash2 hash2_until not_before expires last4 roles allow_from label
 *                              created
 *   user   state               roles team limits allow_from expires tokens_not_before password note
 *   team   state               limits note
 *   role                       rule:<id> limits priority mode note
 *
 *   user, team        a name: [A-Za-z0-9._@-]{1,64}
 *   roles, limits     0 to 32 names, comma separated, no blanks, no empty item, none twice. A
 * user's limits may carry a leading '!' (lifts a role's limit); "a,!a" is twice allow_from        1
 * to 64 addresses or prefixes (base/ip.h), comma separated like names, none spelled twice state
 * "active" or "disabled" times             UNIX seconds, decimal without leading zero, 1 to
 * 253402300799 (year 9999); 0 is refused, since it would read as "never" hash, hash2 "sha256:<64
 * hex>" or "hmac-sha256:<pepper id>:<64 hex>", lower case; pepper id [A-Za-z0-9._-]{1,32}. hash2
 * and hash2_until go together last4             four of [0-9A-Za-z] password          a PHC string:
 * '$', then 1 to 511 of [A-Za-z0-9/+.=,$-] label, note       0 to 256 bytes of UTF-8 without
 * control characters (U+0000-1F, U+007F-9F) priority          0 to 2047, lower is served first
 * (what set-priority-class tells apart) mode              "enforce" or "shadow" rule:<id> the id is
 * a name; the text is a rule (access/rule.h)
 *
 * tests/corpus/records.txt holds what this parser and reeve-admin's Lua must both take and refuse.
 */
#ifndef REEVE_DIRECTORY_RECORD_H
#define REEVE_DIRECTORY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/access/role.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/ip.h"
#include "agent/base/str.h"
#include "agent/store/store.h"

#define RECORD_ROLES_MAX      32
#define RECORD_LIMITS_MAX     32
#define RECORD_PREFIXES_MAX   64
#define RECORD_TEXT_BYTES_MAX 256
#define RECORD_PHC_BYTES_MAX  512
#define RECORD_TIME_MAX       INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define RECORD_PRIORITY_MAX   2047

enum record_kind { RECORD_KEY, RECORD_USER, RECORD_TEAM, RECORD_ROLE, RECORD_KIND_COUNT };

struct record_names {
    const struct str *items;
    size_t count;
};

struct record_prefixes {
    const struct ip_prefix *items;
    size_t count; /* 0: anywhere */
};

/* How a key's text is stored. */
enum record_hash_scheme { RECORD_HASH_NONE, RECORD_HASH_SHA256, RECORD_HASH_HMAC_SHA256 };

struct record_hash {
    enum record_hash_scheme scheme;
    struct str pepper; /* its id, for HMAC */
    uint8_t digest[32];
};

/* <prefix>key:<keyid>. Times are UNIX seconds, 0 where not set. */
struct key_record {
    struct str user;
    struct record_hash hash[2]; /* hash[1] is valid before hash2_until */
    int64_t hash2_until;
    bool is_active; /* state=active|disabled */
    int64_t not_before;
    int64_t expires;
    bool has_roles; /* roles= was there: a subset that narrows allows; empty: allows nothing */
    struct record_names roles;
    struct record_prefixes allow_from;
};

/* <prefix>user:{<user>} */
struct user_record {
    bool is_active;
    struct record_names roles;
    struct str team;            /* absent: none */
    struct record_names limits; /* an item may start with '!' */
    struct record_prefixes allow_from;
    int64_t expires;
    int64_t tokens_not_before;
    struct str password; /* PHC string; absent: none */
};

/* <prefix>team:<team> */
struct team_record {
    bool is_active;
    struct record_names limits;
};

/* <prefix>role:<role> */
struct role_record {
    struct role *rules;
    struct record_names limits;
    int priority;   /* 0..RECORD_PRIORITY_MAX; -1: not set */
    bool is_shadow; /* mode=shadow: measured and reported, decides nothing */
};

/* A parsed record of any kind; which member holds is known from the kind it was asked for. */
struct record {
    enum record_kind kind;
    size_t bytes; /* all it takes */
    union {
        struct key_record key;
        struct user_record user;
        struct team_record team;
        struct role_record role;
    };
};

/* The record's full key in the store: "reeve:user:{alice}". Bytes of the name outside
 * [A-Za-z0-9._@-] become %XX, upper case. Not terminated. Gives its length, 0 when it does not
 * fit. */
size_t record_key(enum record_kind kind, struct str prefix, struct str name, char *out,
                  size_t capacity);

/*
 * Gives a new record; copies what it needs from the fields. ERR_SYNTAX, ERR_RANGE with a diag
 * "reeve:user:{a}: roles: an item is empty"; ERR_MEMORY. `key` is for the diag only. A field that
 * stands twice is refused.
 */
enum err record_parse(enum record_kind kind, struct str key, const struct store_field *fields,
                      size_t field_count, struct record **out, struct diag *diag) MUST_USE;
/* NULL is accepted. */
void record_free(struct record *record);

#endif
