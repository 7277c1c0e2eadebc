/*
 * Records: the hashes of DESIGN "Data in Redis", parsed strictly into compact structs. One block
 * each (a role's rules have their own); all they point to is inside. A record that does not parse
 * is an outcome (the request is denied as bad_record), so parsing gives a diag that names key and
 * field, and never a value: values may be hashes.
 *
 * What is strict here is so that no slip of an operator's script opens anything:
 *   - unknown fields are refused: a misspelt restriction must not be ignored;
 *   - `state` must be said, active or disabled: a record half deleted does not count;
 *   - an empty value is refused, so that an unset shell variable lifts nothing. Only lists of names
 *     (then: no names) and texts may be empty. A field that shall not hold is left out.
 *
 *   kind   required            optional
 *   key    user hash state     hash2 hash2_until not_before expires last4 roles allow_from cert
 *                              label created rotated
 *   user   state               roles team limits allow_from expires tokens_not_before password note
 *   team   state               limits note
 *   role                       rule:<id> limits priority mode note
 *   limit  rate                burst scope on_store_down mode note
 *   limit  quota per           tz scope on_store_down mode note
 *   revoked until              note
 *   cert   user state          expires roles label created
 *
 *   user, team        a name: [A-Za-z0-9._@-]{1,64}
 *   roles, limits     0 to 32 names, comma separated, no blanks, no empty item, none twice. A
 *                     user's limits may carry a leading '!' (lifts a role's limit); "a,!a" is twice
 *   allow_from        1 to 64 addresses or prefixes (base/ip.h), comma separated like names, none
 *                     spelled twice
 *   state             "active" or "disabled"
 *   until             a time: when the token has ended by itself. The key's TTL should be that; a record
 *                     that is still there counts all the same
 *   times             UNIX seconds, decimal without leading zero, 1 to 253402300799 (year 9999); 0
 *                     is refused, since it would read as "never"
 *   hash, hash2       "sha256:<64 hex>" or "hmac-sha256:<pepper id>:<64 hex>", lower case; pepper
 *                     id [A-Za-z0-9._-]{1,32}. hash2 and hash2_until go together
 *   cert              the fingerprint of the certificate that must come with the key: 64 hex digits,
 *                     lower case
 *   last4             four of [0-9A-Za-z]
 *   password          a PHC string of scrypt or PBKDF2-SHA-256 within bounds (base/phc.h)
 *   label, note       0 to 256 bytes of UTF-8 without control characters (U+0000-1F, U+007F-9F)
 *   priority          0 to 2047, lower is served first (what set-priority-class tells apart)
 *   mode              "enforce" or "shadow"
 *   rule:<id>         the id is a name; the text is a rule (access/rule.h)
 *   rate              "<units>/s", "/min" or "/h"; units 1 to 10^9, decimal without leading zero.
 *                     A limit has rate or quota, never both; burst goes with rate only, per and tz
 *                     with quota only
 *   burst             1 to 10^9; without it one second of the rate, at least 1
 *   quota             0 to 10^15 units per window; 0 admits nothing
 *   per               "minute", "hour", "day", "week" (from Monday) or "month"
 *   tz                of day, week and month only: a zone's name, "Europe/Berlin": 1 to 64 of
 *                     [A-Za-z0-9_+/-], parts between '/' not empty. Without it UTC
 *   scope             "key", "user", "team", "role", "source" (/32, /64) or "global"; without it
 *                     user
 *   on_store_down     "deny", "allow" or "budget:<1 to 100>%"; without it deny
 *
 * A record of a certificate is named by the SHA-256 of its DER form, 64 lower-case hex digits.
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
#include "agent/base/phc.h"
#include "agent/base/siphash.h"
#include "agent/base/str.h"
#include "agent/store/store.h"

#define RECORD_ROLES_MAX      32
#define RECORD_LIMITS_MAX     32
#define RECORD_PREFIXES_MAX   64
#define RECORD_NAME_BYTES_MAX 64
#define RECORD_TEXT_BYTES_MAX 256
#define RECORD_PHC_BYTES_MAX  (PHC_TEXT_MAX - 1)
#define RECORD_TIME_MAX       INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define RECORD_PRIORITY_MAX   2047
#define LIMIT_RATE_MAX        UINT64_C(1000000000) /* units and burst of a rate */
#define LIMIT_QUOTA_MAX       UINT64_C(1000000000000000)

enum record_kind {
    RECORD_KEY,
    RECORD_USER,
    RECORD_TEAM,
    RECORD_ROLE,
    RECORD_LIMIT,
    RECORD_REVOKED,
    RECORD_CERT,
    RECORD_KIND_COUNT
};

/* What a record points to lies behind it in its block, found by distances from the member's own
 * address: copy records whole or not at all. */

/* UNIX seconds, 0 where not set; see record_seconds(). */
struct record_time {
    uint8_t bytes[5];
};

struct record_text {
    uint16_t at; /* 0: absent */
    uint16_t length;
};

struct record_names {
    uint16_t at; /* of `count` struct record_text */
    uint16_t count;
};

struct record_prefixes {
    uint16_t at;
    uint16_t count; /* 0: anywhere */
};

/* How a key's text is stored. */
enum record_hash_scheme { RECORD_HASH_NONE, RECORD_HASH_SHA256, RECORD_HASH_HMAC_SHA256 };

struct record_hash {
    /* SipHash-128 of a credential's text that was verified against this very hash. Written by authn;
     * forgotten with the record, and when that was invalidated. */
    struct siphash_digest verified;
    uint8_t digest[32];
    struct record_text pepper; /* its id, for HMAC */
    uint8_t scheme;            /* enum record_hash_scheme */
    bool has_verified;
    uint32_t seen; /* mark of seen/ */
};

/* <prefix>key:<keyid> */
struct key_record {
    struct record_text user;
    uint16_t hash_at[2]; /* hash 1 is valid before hash2_until; see record_hash() */
    struct record_names roles;
    struct record_prefixes allow_from;
    struct record_text cert; /* SHA-256, 32 bytes, of the one it is bound to; absent: none */
    struct record_time hash2_until;
    struct record_time not_before;
    struct record_time expires;
    bool is_active; /* state=active|disabled */
    bool has_roles; /* roles= was there: a subset that narrows allows; empty: allows nothing */
};

/* <prefix>user:{<user>} */
struct user_record {
    struct record_names roles;
    struct record_names limits; /* an item may start with '!' */
    struct record_prefixes allow_from;
    struct record_text team;     /* absent: none */
    struct record_text password; /* PHC string; absent: none */
    struct record_time expires;
    struct record_time tokens_not_before;
    bool is_active;
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

enum limit_kind { LIMIT_RATE, LIMIT_QUOTA };

/* Who shares the units. */
enum limit_scope {
    LIMIT_SCOPE_USER,
    LIMIT_SCOPE_KEY,
    LIMIT_SCOPE_TEAM,
    LIMIT_SCOPE_ROLE,
    LIMIT_SCOPE_SOURCE,
    LIMIT_SCOPE_GLOBAL,
    LIMIT_SCOPE_COUNT
};

enum limit_per {
    LIMIT_PER_MINUTE,
    LIMIT_PER_HOUR,
    LIMIT_PER_DAY,
    LIMIT_PER_WEEK,
    LIMIT_PER_MONTH,
    LIMIT_PER_COUNT
};

/* What holds while the store is away and nothing is leased. */
enum limit_outage { LIMIT_OUTAGE_DENY, LIMIT_OUTAGE_BUDGET, LIMIT_OUTAGE_ALLOW };

/* <prefix>limit:<limit> */
struct limit_record {
    enum limit_kind kind;
    enum limit_scope scope;
    uint64_t units;    /* rate: per period_us; quota: per window */
    int64_t period_us; /* rate: a second, minute or hour */
    uint64_t burst;    /* rate: at least 1 */
    enum limit_per per;
    struct str tz; /* absent: UTC */
    enum limit_outage outage;
    unsigned budget_percent; /* of LIMIT_OUTAGE_BUDGET, 1 to 100 */
    bool is_shadow;          /* measured and reported only */
};

/* <prefix>revoked:<name>, of a token (authn/tokens.h). That it is there says all. */
struct revoked_record {
    struct record_time until;
};

/* <prefix>cert:<fingerprint> */
struct cert_record {
    uint32_t seen; /* mark of seen/ */
    struct record_text user;
    struct record_names roles;
    struct record_time expires;
    bool is_active;
    bool has_roles; /* as of keys */
};

/* A parsed record of any kind; which member holds is known from the kind it was asked for. Its
 * memory ends with what that member takes, not with the union. */
struct record {
    uint32_t bytes; /* of its block */
    uint8_t kind;   /* enum record_kind */
    union {
        struct key_record key;
        struct user_record user;
        struct team_record team;
        struct role_record role;
        struct limit_record limit;
        struct revoked_record revoked;
        struct cert_record cert;
    };
};

/* The record's full key in the store: "reeve:user:{alice}". Bytes of the name outside
 * [A-Za-z0-9._@-] become %XX, upper case. Not terminated. Gives its length, 0 when it does not
 * fit. */
size_t record_key(enum record_kind kind, struct str prefix, struct str name, char *out,
                  size_t capacity);

/* The reverse: whose key that is. False: of no record. The name, of at most `capacity` bytes, is
 * written to `out`. */
bool record_key_read(struct str prefix, struct str key, enum record_kind *kind, char *out,
                     size_t capacity, struct str *name);

/* The name as it stands in keys of the store, "auth0%7C1". Gives its length, 0 when it does not
 * fit. */
size_t record_key_name(struct str name, char *out, size_t capacity);

/* The largest block: a user with all there can be. */
#define RECORD_BLOCK_BYTES_MAX 8192

/* Room for any record, before it is known how large it is. */
struct record_draft {
    union {
        struct record record;
        char bytes[RECORD_BLOCK_BYTES_MAX];
    };
};

/*
 * Reads a record; copies what it needs from the fields. ERR_SYNTAX, ERR_RANGE with a diag
 * "reeve:user:{a}: roles: an item is empty"; ERR_MEMORY. `key` is for the diag only. A field that
 * stands twice is refused.
 *
 * What a good draft holds goes with record_move() into `bytes` bytes, aligned as a pointer, or with
 * record_fini().
 */
enum err record_read(enum record_kind kind, struct str key, const struct store_field *fields,
                     size_t field_count, struct record_draft *out, struct diag *diag) MUST_USE;
struct record *record_move(const struct record_draft *draft, void *memory);
/* Frees what is not in the record's block. */
void record_fini(struct record *record);

/* The same with memory of its own. Gives a new record. */
enum err record_parse(enum record_kind kind, struct str key, const struct store_field *fields,
                      size_t field_count, struct record **out, struct diag *diag) MUST_USE;
/* NULL is accepted. */
void record_free(struct record *record);

/* What it takes beside its block. */
size_t record_bytes_outside(const struct record *record);

static inline int64_t record_seconds(struct record_time time)
{
    uint32_t low;

    memcpy(&low, time.bytes, sizeof(low));
    return (int64_t)((uint64_t)time.bytes[4] << 32 | low);
}

/* Borrows from the record. */
static inline struct str record_str(const struct record_text *text)
{
    return text->at > 0 ? str_make((const char *)text + text->at, text->length) : STR_ABSENT;
}

static inline struct str record_name(const struct record_names *names, size_t i)
{
    const void *items = (const char *)names + names->at;

    return record_str((const struct record_text *)items + i);
}

static inline const struct ip_prefix *record_prefix(const struct record_prefixes *prefixes,
                                                    size_t i)
{
    const void *items = (const char *)prefixes + prefixes->at;

    return (const struct ip_prefix *)items + i;
}

/* The key's hash 0 or 1, NULL: it has none. The first is always there. */
static inline struct record_hash *record_hash(struct key_record *key, unsigned i)
{
    void *hash = (char *)key + key->hash_at[i];

    return key->hash_at[i] > 0 ? hash : NULL;
}

#endif
