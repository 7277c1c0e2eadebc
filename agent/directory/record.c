#include "agent/directory/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/directory/draft.h"

/* A record's block while it is filled: its struct, then what that points to. */
struct block {
    char *memory;
    size_t used;
};

static_assert(sizeof(struct record) +
                      (RECORD_ROLES_MAX + RECORD_LIMITS_MAX) *
                          (sizeof(struct record_text) + RECORD_NAME_BYTES_MAX + 1) +
                      RECORD_PREFIXES_MAX * sizeof(struct ip_prefix) + RECORD_NAME_BYTES_MAX +
                      RECORD_PHC_BYTES_MAX + 16 <=
                  RECORD_BLOCK_BYTES_MAX,
              "no record is larger");

static void *block_take(struct block *block, size_t bytes, size_t alignment)
{
    size_t at = (block->used + alignment - 1) / alignment * alignment;

    ensure(at + bytes <= RECORD_BLOCK_BYTES_MAX);
    block->used = at + bytes;
    return block->memory + at;
}

static uint16_t distance(const void *from, const void *to)
{
    return (uint16_t)((const char *)to - (const char *)from);
}

static void put_text(struct block *block, struct str text, struct record_text *out)
{
    if (str_is_absent(text)) {
        return;
    }
    char *copy = block_take(block, text.len, 1);
    memcpy(copy, text.ptr, text.len);
    *out = (struct record_text){distance(out, copy), (uint16_t)text.len};
}

static struct record_time pack_time(int64_t seconds)
{
    struct record_time time;
    uint32_t low = (uint32_t)seconds;

    memcpy(time.bytes, &low, sizeof(low));
    time.bytes[4] = (uint8_t)(seconds >> 32);
    return time;
}

static_assert(RECORD_TIME_MAX < INT64_C(1) << 40, "see struct record_time");

static void put_names(struct block *block, struct draft_names names, struct record_names *out)
{
    struct record_text *items =
        block_take(block, names.count * sizeof(*items), _Alignof(struct record_text));

    *out = (struct record_names){distance(out, items), (uint16_t)names.count};
    memset(items, 0, names.count * sizeof(*items));
    for (size_t i = 0; i < names.count; i++) {
        put_text(block, names.items[i], &items[i]);
    }
}

static void put_prefixes(struct block *block, struct draft_prefixes prefixes,
                         struct record_prefixes *out)
{
    size_t bytes = prefixes.count * sizeof(*prefixes.items);
    void *items = block_take(block, bytes, _Alignof(struct ip_prefix));

    *out = (struct record_prefixes){distance(out, items), (uint16_t)prefixes.count};
    if (bytes > 0) {
        memcpy(items, prefixes.items, bytes);
    }
}

static uint16_t put_hash(struct block *block, const struct draft_hash *hash, const void *from)
{
    if (hash->scheme == RECORD_HASH_NONE) {
        return 0;
    }
    struct record_hash *out = block_take(block, sizeof(*out), _Alignof(struct record_hash));
    *out = (struct record_hash){.scheme = (uint8_t)hash->scheme};
    memcpy(out->digest, hash->digest, sizeof(out->digest));
    put_text(block, hash->pepper, &out->pepper);
    return distance(from, out);
}

static void put_key(struct block *block, const struct draft_key *draft, bool has_roles,
                    struct key_record *out)
{
    *out = (struct key_record){.hash2_until = pack_time(draft->hash2_until),
                               .not_before = pack_time(draft->not_before),
                               .expires = pack_time(draft->expires),
                               .is_active = draft->is_active,
                               .has_roles = has_roles};
    out->hash_at[0] = put_hash(block, &draft->hash[0], out);
    out->hash_at[1] = put_hash(block, &draft->hash[1], out);
    put_names(block, draft->roles, &out->roles);
    put_prefixes(block, draft->allow_from, &out->allow_from);
    put_text(block, draft->user, &out->user);
    if (draft->cert.is_there) {
        put_text(block, str_make((const char *)draft->cert.bytes, sizeof(draft->cert.bytes)),
                 &out->cert);
    }
}

static void put_cert(struct block *block, const struct draft_cert *draft, bool has_roles,
                     struct cert_record *out)
{
    *out = (struct cert_record){.expires = pack_time(draft->expires),
                                .is_active = draft->is_active,
                                .has_roles = has_roles};
    put_names(block, draft->roles, &out->roles);
    put_text(block, draft->user, &out->user);
}

static void put_user(struct block *block, const struct draft_user *draft, struct user_record *out)
{
    *out = (struct user_record){.expires = pack_time(draft->expires),
                                .tokens_not_before = pack_time(draft->tokens_not_before),
                                .is_active = draft->is_active};
    put_names(block, draft->roles, &out->roles);
    put_names(block, draft->limits, &out->limits);
    put_prefixes(block, draft->allow_from, &out->allow_from);
    put_text(block, draft->team, &out->team);
    put_text(block, draft->password, &out->password);
}

static void put_team(struct block *block, const struct draft_team *draft, struct team_record *out)
{
    *out = (struct team_record){.is_active = draft->is_active};
    put_names(block, draft->limits, &out->limits);
}

static void put_role(struct block *block, const struct draft_role *draft, struct role *rules,
                     struct role_record *out)
{
    *out = (struct role_record){
        .rules = rules, .priority = draft->priority, .is_shadow = draft->is_shadow};
    put_names(block, draft->limits, &out->limits);
}

static void put_limit(struct block *block, const struct limit_record *draft,
                      struct limit_record *out)
{
    *out = *draft;
    if (!str_is_absent(draft->tz)) {
        char *copy = block_take(block, draft->tz.len, 1);
        memcpy(copy, draft->tz.ptr, draft->tz.len);
        out->tz.ptr = copy;
    }
}

static const size_t struct_bytes[RECORD_KIND_COUNT] = {
    [RECORD_KEY] = offsetof(struct record, key) + sizeof(struct key_record),
    [RECORD_USER] = offsetof(struct record, user) + sizeof(struct user_record),
    [RECORD_TEAM] = offsetof(struct record, team) + sizeof(struct team_record),
    [RECORD_ROLE] = offsetof(struct record, role) + sizeof(struct role_record),
    [RECORD_LIMIT] = offsetof(struct record, limit) + sizeof(struct limit_record),
    [RECORD_REVOKED] = offsetof(struct record, revoked) + sizeof(struct revoked_record),
    [RECORD_CERT] = offsetof(struct record, cert) + sizeof(struct cert_record),
};

/* `rules` are a role's. */
static void pack(const struct draft *draft, struct role *rules, struct record_draft *out)
{
    struct block block = {.memory = out->bytes, .used = struct_bytes[draft->kind]};
    struct record *record = &out->record;

    record->kind = (uint8_t)draft->kind;
    switch (draft->kind) {
    case RECORD_KEY:
        put_key(&block, &draft->key, draft->has_subset, &record->key);
        break;
    case RECORD_USER:
        put_user(&block, &draft->user, &record->user);
        break;
    case RECORD_TEAM:
        put_team(&block, &draft->team, &record->team);
        break;
    case RECORD_ROLE:
        put_role(&block, &draft->role, rules, &record->role);
        break;
    case RECORD_REVOKED:
        record->revoked = (struct revoked_record){.until = pack_time(draft->revoked.until)};
        break;
    case RECORD_CERT:
        put_cert(&block, &draft->cert, draft->has_subset, &record->cert);
        break;
    default:
        put_limit(&block, &draft->limit, &record->limit);
        break;
    }
    record->bytes = (uint32_t)block.used;
}

static bool is_rule(const struct store_field *field)
{
    return str_starts_with(field->name, STR("rule:"));
}

static enum err rules_compile(const struct store_field *fields, size_t count, struct role **out,
                              struct diag *diag)
{
    struct role_source *sources = malloc((count + 1) * sizeof(*sources));
    size_t rule_count = 0;

    if (!sources) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_rule(&fields[i])) {
            sources[rule_count++] =
                (struct role_source){str_skip(fields[i].name, strlen("rule:")), fields[i].value};
        }
    }
    enum err err = role_compile(sources, rule_count, out, diag);
    free(sources);
    return err;
}

static enum err fields_read(struct draft *draft, const struct store_field *fields, size_t count,
                            struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        if (draft->kind == RECORD_ROLE && is_rule(&fields[i])) {
            continue;
        }
        enum err err = draft_field(draft, fields[i].name, fields[i].value, diag);
        if (err) {
            return err;
        }
    }
    return draft_finish(draft, diag);
}

static enum err read(enum record_kind kind, const struct store_field *fields, size_t count,
                     struct record_draft *out, struct diag *diag)
{
    struct role *rules = NULL;
    struct draft draft;

    draft_start(&draft, kind);
    enum err err = fields_read(&draft, fields, count, diag);
    if (!err && kind == RECORD_ROLE) {
        err = rules_compile(fields, count, &rules, diag);
    }
    if (!err) {
        pack(&draft, rules, out);
    }
    return err;
}

enum err record_read(enum record_kind kind, struct str key, const struct store_field *fields,
                     size_t field_count, struct record_draft *out, struct diag *diag)
{
    struct diag inner;
    enum err err = read(kind, fields, field_count, out, &inner);

    if (err) {
        diag_set(diag, "%s: %s", log_quote(key).text, inner.text);
    }
    return err;
}

struct record *record_move(const struct record_draft *draft, void *memory)
{
    struct record *record = memory;

    memcpy(memory, draft->bytes, draft->record.bytes);
    if (record->kind == RECORD_LIMIT && !str_is_absent(record->limit.tz)) {
        record->limit.tz.ptr = (char *)memory + (draft->record.limit.tz.ptr - draft->bytes);
    }
    return record;
}

void record_fini(struct record *record)
{
    if (record->kind == RECORD_ROLE) {
        role_free(record->role.rules);
    }
}

enum err record_parse(enum record_kind kind, struct str key, const struct store_field *fields,
                      size_t field_count, struct record **out, struct diag *diag)
{
    struct record_draft draft;
    enum err err = record_read(kind, key, fields, field_count, &draft, diag);

    if (err) {
        return err;
    }
    void *memory = malloc(draft.record.bytes);
    if (!memory) {
        record_fini(&draft.record);
        diag_set(diag, "%s: out of memory", log_quote(key).text);
        return ERR_MEMORY;
    }
    *out = record_move(&draft, memory);
    return ERR_OK;
}

void record_free(struct record *record)
{
    if (record) {
        record_fini(record);
        free(record);
    }
}

size_t record_bytes_outside(const struct record *record)
{
    return record->kind == RECORD_ROLE ? role_bytes(record->role.rules) : 0;
}
