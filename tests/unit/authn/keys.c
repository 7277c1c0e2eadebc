#include "tests/unit/authn/keys.h"

#include <check.h>

#define FIELDS_MAX 16

struct pepper_set keys_peppers(size_t count)
{
    struct pepper_set set = {.count = count};

    set.items[0] = (struct pepper){.id = "p1", .key_length = 32};
    for (uint8_t i = 0; i < 32; i++) {
        set.items[0].key[i] = i;
    }
    set.items[1] = (struct pepper){.id = "p2", .key_length = 16};
    memset(set.items[1].key, 0xff, 16);
    return set;
}

struct now keys_now(int64_t wall_s)
{
    return (struct now){.mono_us = 1, .wall_us = wall_s * 1000000 + 999999};
}

struct directory_entry keys_entry(const char *text)
{
    struct store_field fields[FIELDS_MAX];
    struct str rest = str_from_c(text);
    struct record *record = NULL;
    struct diag diag = {""};
    struct str part;
    size_t count = 0;

    while (str_cut(&rest, ' ', &part)) {
        ck_assert_uint_lt(count, FIELDS_MAX);
        struct store_field *field = &fields[count++];
        ck_assert(str_cut(&part, '=', &field->name));
        field->value = part;
    }
    enum err e = record_parse(RECORD_KEY, STR("key"), fields, count, &record, &diag);
    ck_assert_msg(e == ERR_OK, "%s: %s", text, diag.text);
    return (struct directory_entry){.record = record};
}

void keys_entry_fini(struct directory_entry *entry)
{
    record_free(entry->record);
    entry->record = NULL;
}

bool keys_remembers(const struct directory_entry *entry, unsigned hash_index)
{
    const struct record_hash *hash = record_hash(&entry->record->key, hash_index);

    return hash && hash->has_verified;
}

enum reason keys_verify(struct apikey_verifier *verifier, struct str text,
                        struct directory_entry *entry, struct now now, unsigned *hash_index)
{
    struct siphash_digest digest = apikey_digest(verifier, text);

    return apikey_verify(verifier, text, &digest, entry, now, hash_index);
}
