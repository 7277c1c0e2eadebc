#include "agent/directory/record.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/directory/draft.h"

/* The block of a record: first measured (no memory yet), then filled in the same order. */
struct block {
    char *memory;
    size_t used;
};

static void *block_take(struct block *block, size_t bytes, size_t alignment)
{
    size_t at = (block->used + alignment - 1) / alignment * alignment;

    block->used = at + bytes;
    return block->memory ? block->memory + at : NULL;
}

static void pack_text(struct block *block, struct str *text)
{
    char *copy = block_take(block, text->len, 1);

    if (copy && !str_is_absent(*text)) {
        memcpy(copy, text->ptr, text->len);
        text->ptr = copy;
    }
}

static void pack_names(struct block *block, struct record_names *names)
{
    struct str *items = block_take(block, names->count * sizeof(*items), _Alignof(struct str));

    for (size_t i = 0; i < names->count; i++) {
        struct str item = names->items[i];
        pack_text(block, &item);
        if (items) {
            items[i] = item;
        }
    }
    names->items = items ? items : names->items;
}

static void pack_prefixes(struct block *block, struct record_prefixes *prefixes)
{
    size_t bytes = prefixes->count * sizeof(*prefixes->items);
    struct ip_prefix *items = block_take(block, bytes, _Alignof(struct ip_prefix));

    if (items && bytes > 0) {
        memcpy(items, prefixes->items, bytes);
        prefixes->items = items;
    }
}

/* Everything a record points to; in the second run its slices then point into the block. */
static void pack_members(struct block *block, struct record *record)
{
    switch (record->kind) {
    case RECORD_KEY:
        pack_names(block, &record->key.roles);
        pack_prefixes(block, &record->key.allow_from);
        pack_text(block, &record->key.user);
        pack_text(block, &record->key.hash[0].pepper);
        pack_text(block, &record->key.hash[1].pepper);
        break;
    case RECORD_USER:
        pack_names(block, &record->user.roles);
        pack_names(block, &record->user.limits);
        pack_prefixes(block, &record->user.allow_from);
        pack_text(block, &record->user.team);
        pack_text(block, &record->user.password);
        break;
    case RECORD_TEAM:
        pack_names(block, &record->team.limits);
        break;
    case RECORD_ROLE:
        pack_names(block, &record->role.limits);
        break;
    case RECORD_LIMIT:
        pack_text(block, &record->limit.tz);
        break;
    default:
        break;
    }
}

static enum err record_pack(const struct record *draft, struct record **out)
{
    struct record record = *draft;
    struct block block = {.used = sizeof(record)};

    pack_members(&block, &record);
    block.memory = malloc(block.used);
    if (!block.memory) {
        return ERR_MEMORY;
    }
    record.bytes = block.used;
    block.used = sizeof(record);
    pack_members(&block, &record);
    memcpy(block.memory, &record, sizeof(record));
    *out = (struct record *)block.memory;
    return ERR_OK;
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
        if (draft->record.kind == RECORD_ROLE && is_rule(&fields[i])) {
            continue;
        }
        enum err err = draft_field(draft, fields[i].name, fields[i].value, diag);
        if (err) {
            return err;
        }
    }
    return draft_finish(draft, diag);
}

static enum err parse(enum record_kind kind, const struct store_field *fields, size_t count,
                      struct record **out, struct diag *diag)
{
    struct draft draft;

    draft_start(&draft, kind);
    enum err err = fields_read(&draft, fields, count, diag);
    if (!err && kind == RECORD_ROLE) {
        err = rules_compile(fields, count, &draft.record.role.rules, diag);
    }
    if (err) {
        return err;
    }
    err = record_pack(&draft.record, out);
    if (err) {
        diag_set(diag, "out of memory");
        if (kind == RECORD_ROLE) {
            role_free(draft.record.role.rules);
        }
        return err;
    }
    if (kind == RECORD_ROLE) {
        (*out)->bytes += role_bytes((*out)->role.rules);
    }
    return ERR_OK;
}

enum err record_parse(enum record_kind kind, struct str key, const struct store_field *fields,
                      size_t field_count, struct record **out, struct diag *diag)
{
    struct diag inner;
    enum err err = parse(kind, fields, field_count, out, &inner);

    if (err) {
        diag_set(diag, "%s: %s", log_quote(key).text, inner.text);
    }
    return err;
}

void record_free(struct record *record)
{
    if (record && record->kind == RECORD_ROLE) {
        role_free(record->role.rules);
    }
    free(record);
}
