#include "agent/ctl/explain/show.h"

enum show_state show_state(const struct rehearsal *rehearsal, const struct fact *fact,
                           struct diag *diag)
{
    enum record_kind kind;
    char name[DIRECTORY_NAME_BYTES_MAX];
    struct str whose;
    struct record *record;

    if (!fact->is_answered || (fact->status != STORE_OK && fact->status != STORE_WRONGTYPE)) {
        return SHOW_UNKNOWN;
    }
    if (fact->status == STORE_WRONGTYPE) {
        diag_set(diag, "not a hash");
        return SHOW_BAD;
    }
    if (fact->field_count == 0) {
        return SHOW_ABSENT;
    }
    if (!record_key_read(str_from_c(rehearsal->config->prefix), fact->key, &kind, name,
                         sizeof(name), &whose)) {
        return SHOW_FOUND;
    }
    if (record_parse(kind, fact->key, fact->fields, fact->field_count, &record, diag) != ERR_OK) {
        return SHOW_BAD;
    }
    record_free(record);
    return SHOW_FOUND;
}

bool show_is_secret(struct str field)
{
    return str_equal(field, STR("hash")) || str_equal(field, STR("hash2")) ||
           str_equal(field, STR("password"));
}
