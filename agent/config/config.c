#include "agent/config/config.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/config/draft.h"
#include "agent/config/section.h"

struct snapshot {
    struct config config; /* first, so that a config is its snapshot */
    atomic_uint references;
};

static void free_config(struct config *config)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        setting_clear(setting, config);
    }
    for (size_t i = 0; sections[i]; i++) {
        section_clear(sections[i], config);
    }
    pepper_wipe(&config->peppers);
    if (config->audit_address_key) {
        crypto_wipe(config->audit_address_key, strlen(config->audit_address_key));
        free(config->audit_address_key);
    }
    free(config);
}

static void set_defaults(struct draft *draft)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        struct diag diag;

        if (setting->initial &&
            setting_set(setting, draft->config, str_from_c(setting->initial), &diag) != ERR_OK) {
            draft_error(draft, "default", "%s: %s", setting->name, diag.text);
        }
    }
}

/* Everybody on the machine may read our arguments. */
static void refuse_password(struct draft *draft, const struct setting *setting, const char *where)
{
    if (setting->is_secret && draft->config->store.password) {
        draft_error(draft, where,
                    "%s: an argument list is no place for a password; set redis_password_file",
                    setting->name);
    }
}

static void set_override(struct draft *draft, const struct config_override *override)
{
    static const char where[] = "command line";
    const struct setting *setting = setting_find(override->name);
    struct str rest = str_from_c(override->value), item;

    if (!setting) {
        draft_error(draft, where, "no such option '%s'",
                    log_quote(str_from_c(override->name)).text);
        return;
    }
    setting_clear(setting, draft->config);
    if (!setting->is_list) {
        draft_set(draft, setting, where, rest);
        refuse_password(draft, setting, where);
        return;
    }
    while (str_cut(&rest, ',', &item)) {
        draft_set(draft, setting, where, item);
    }
}

static void fill(struct draft *draft, const struct config_override *overrides, size_t count)
{
    set_defaults(draft);
    bool is_whole = draft_parse_file(draft);
    for (size_t i = 0; i < count; i++) {
        draft_hash(draft, str_from_c(overrides[i].name));
        draft_hash(draft, str_from_c(overrides[i].value));
        set_override(draft, &overrides[i]);
    }
    if (is_whole) {
        draft_complete(draft);
    }
}

enum err config_load(const char *path, const struct config_override *overrides,
                     size_t override_count, FILE *errors, struct config **out)
{
    struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct draft draft;

    if (!snapshot) {
        fprintf(errors, "%s: out of memory\n", path);
        return ERR_MEMORY;
    }
    draft_init(&draft, &snapshot->config, path, errors);
    fill(&draft, overrides, override_count);
    unsigned error_count = draft.error_count;
    draft_fini(&draft);
    if (error_count > 0) {
        free_config(&snapshot->config);
        return ERR_SYNTAX;
    }
    atomic_init(&snapshot->references, 1);
    *out = &snapshot->config;
    return ERR_OK;
}

struct config *config_ref(struct config *config)
{
    struct snapshot *snapshot = (struct snapshot *)config;

    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return config;
}

void config_unref(struct config *config)
{
    struct snapshot *snapshot = (struct snapshot *)config;

    if (snapshot &&
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) == 1) {
        free_config(config);
    }
}

static bool sinks_are_equal(const struct config *a, const struct config *b)
{
    bool are_equal = a->sink_count == b->sink_count;

    for (size_t i = 0; i < a->sink_count && are_equal; i++) {
        are_equal = sink_policy_is_equal(&a->sinks[i], &b->sinks[i]);
    }
    return are_equal;
}

/* False where it does not fit. */
static bool add_name(char *out, size_t capacity, size_t *used, const char *name)
{
    int length = snprintf(out + *used, capacity - *used, "%s%s", *used > 0 ? ", " : "", name);

    if (length < 0 || (size_t)length >= capacity - *used) {
        out[*used] = '\0';
        return false;
    }
    *used += (size_t)length;
    return true;
}

void config_restart_only(const struct config *before, const struct config *after, char *out,
                         size_t capacity)
{
    size_t used = 0;

    out[0] = '\0';
    for (const struct setting *setting = settings; setting->name; setting++) {
        if (setting->needs_restart && !setting_is_equal(setting, before, after) &&
            !add_name(out, capacity, &used, setting->name)) {
            return;
        }
    }
    if (!sinks_are_equal(before, after)) {
        (void)add_name(out, capacity, &used, sink_section.name);
    }
}

const struct gate *config_gate(const struct config *config, struct str frontend)
{
    const struct gate *rest = NULL;

    for (size_t i = 0; i < config->gate_count; i++) {
        const struct gate *gate = &config->gates[i];

        if (str_equal(gate->name, STR("*"))) {
            rest = gate;
        } else if (str_equal(gate->name, frontend)) {
            return gate;
        }
    }
    return rest;
}
