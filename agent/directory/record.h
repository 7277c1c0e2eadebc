/*
 * Records: the hashes of DESIGN "Data in Redis", parsed strictly into compact structs. One
 * allocation each; every slice points into it. Unknown fields are refused: a misspelt restriction
 * must not be ignored.
 *
 * A record that does not parse is an outcome (the request is denied as bad_record), so parsing gives
 * a diag that names key and field.
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

#define RECORD_ROLES_MAX    32
#define RECORD_LIMITS_MAX   32
#define RECORD_PREFIXES_MAX 64

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
    bool has_roles; /* roles= was there: a subset that narrows allows */
    struct record_names roles;
    struct record_prefixes allow_from;
};

/* <prefix>user:{<user>} */
struct user_record {
    bool is_active;
    struct record_names roles;
    struct str team; /* empty: none */
    struct record_names limits;
    struct record_prefixes allow_from;
    int64_t expires;
    int64_t tokens_not_before;
    struct str password; /* PHC string; empty: none */
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
    int priority;   /* 0..10 000, lower served first; see HAProxy's set-priority-class */
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

/* The record's full key in the store: "reeve:user:{alice}". Names outside [A-Za-z0-9._@-] are
 * percent-encoded. Gives its length, 0 when it does not fit. */
size_t record_key(enum record_kind kind, struct str prefix, struct str name, char *out,
                  size_t capacity);

/* Gives a new record. ERR_SYNTAX, ERR_RANGE with a diag "reeve:user:{a}: roles: ..."; ERR_MEMORY.
 * `key` is for the diag only. */
enum err record_parse(enum record_kind kind, struct str key, const struct store_field *fields,
                      size_t field_count, struct record **out, struct diag *diag) MUST_USE;
void record_free(struct record *record);

#endif
