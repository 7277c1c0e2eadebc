#include "agent/access/rule.h"

#include "agent/access/template.h"

/* Cuts the next blank-separated word off *rest. */
static enum err word_next(struct str *rest, const char *what, struct str *word, struct diag *diag)
{
    if (!str_cut(rest, ' ', word) || word->len == 0) {
        diag_set(diag, "%s: missing, or a blank too many", what);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static enum err effect_read(struct str word, struct rule *out, struct diag *diag)
{
    if (!str_equal(word, STR("allow")) && !str_equal(word, STR("deny"))) {
        diag_set(diag, "expected allow or deny");
        return ERR_SYNTAX;
    }
    out->allows = str_equal(word, STR("allow"));
    return ERR_OK;
}

/* RFC 9110 5.6.2, without '*', which would look like a pattern and be none. */
static bool is_method_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'+-.^_`|~", c));
}

static const char *method_fault(struct str method)
{
    if (method.len == 0) {
        return "an empty method";
    }
    if (method.len > RULE_METHOD_BYTES_MAX) {
        return "a method of more than 32 characters";
    }
    for (size_t i = 0; i < method.len; i++) {
        if (!is_method_char(method.ptr[i])) {
            return "a character that is not of a method's name";
        }
    }
    return NULL;
}

static const char *limit_fault(struct str name)
{
    return str_is_name(name) ? NULL : "a limit's name is 1 to 64 of [A-Za-z0-9._@-]";
}

/* A comma-separated list without empty and double items. */
static const char *list_read(struct str list, const char *(*item_fault)(struct str),
                             struct str *items, size_t max, size_t *count)
{
    struct str item;

    *count = 0;
    while (str_cut(&list, ',', &item)) {
        const char *fault = item_fault(item);
        if (fault) {
            return fault;
        }
        if (*count == max) {
            return "too many";
        }
        for (size_t i = 0; i < *count; i++) {
            if (str_equal(items[i], item)) {
                return "the same twice";
            }
        }
        items[(*count)++] = item;
    }
    return NULL;
}

static enum err methods_read(struct str word, struct rule *out, struct diag *diag)
{
    const char *fault = NULL;

    if (!str_equal(word, STR("*"))) {
        fault = list_read(word, method_fault, out->methods, RULE_METHODS_MAX, &out->method_count);
    }
    if (fault) {
        diag_set(diag, "methods: %s", fault);
    }
    return fault ? ERR_SYNTAX : ERR_OK;
}

static const char *label_fault(struct str label)
{
    if (label.len == 0) {
        return "an empty label";
    }
    if (label.len > 63) {
        return "a label of more than 63 characters";
    }
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (c >= 'A' && c <= 'Z') {
            return "an upper-case letter";
        }
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
            return "a character that is not of a host's name";
        }
    }
    return NULL;
}

static const char *domain_fault(struct str domain)
{
    struct str label;
    size_t count = 0;

    if (domain.len > RULE_HOST_BYTES_MAX) {
        return "more than 253 characters";
    }
    while (str_cut(&domain, '.', &label)) {
        const char *fault = label_fault(label);
        if (fault) {
            return fault;
        }
        if (++count > RULE_LABELS_MAX) {
            return "more than 16 labels";
        }
    }
    return NULL;
}

static enum err host_read(struct str word, struct rule *out, struct diag *diag)
{
    const char *fault = NULL;

    if (str_starts_with(word, STR("*."))) {
        fault = domain_fault(str_skip(word, 2));
    } else if (!str_equal(word, STR("*"))) {
        fault = domain_fault(word);
    }
    if (fault) {
        diag_set(diag, "host: %s", fault);
        return ERR_SYNTAX;
    }
    out->host = word;
    return ERR_OK;
}

static enum err template_read(struct str word, struct rule *out, struct diag *diag)
{
    struct template template;
    struct diag inner;
    enum err err = template_parse(word, &template, &inner);

    if (err) {
        diag_set(diag, "template: %s", inner.text);
        return err;
    }
    out->template = word;
    return ERR_OK;
}

static enum err cost_read(struct str value, struct rule *out, struct diag *diag)
{
    uint64_t cost;

    if (!str_to_uint64(value, RULE_COST_MAX, &cost) || cost == 0) {
        diag_set(diag, "cost: expected 1 to %u", RULE_COST_MAX);
        return ERR_RANGE;
    }
    out->cost = (uint32_t)cost;
    return ERR_OK;
}

static enum err limits_read(struct str value, struct rule *out, struct diag *diag)
{
    const char *fault =
        list_read(value, limit_fault, out->limits, RULE_LIMITS_MAX, &out->limit_count);

    if (fault) {
        diag_set(diag, "limit: %s", fault);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static const struct option {
    struct str name; /* with the '=' */
    enum err (*read)(struct str value, struct rule *out, struct diag *diag);
} options[] = {
    {STR("cost="), cost_read},
    {STR("limit="), limits_read},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static enum err option_read(struct str word, unsigned *seen, struct rule *out, struct diag *diag)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!str_starts_with(word, options[i].name)) {
            continue;
        }
        if (*seen & (1u << i)) {
            diag_set(diag, "%.*s stands twice", STR_ARG(options[i].name));
            return ERR_SYNTAX;
        }
        *seen |= 1u << i;
        return options[i].read(str_skip(word, options[i].name.len), out, diag);
    }
    diag_set(diag, "an option that is neither cost= nor limit=");
    return ERR_SYNTAX;
}

static enum err options_read(struct str rest, struct rule *out, struct diag *diag)
{
    unsigned seen = 0;
    struct str word;

    if (!str_is_absent(rest) && !out->allows) {
        diag_set(diag, "a deny takes no options");
        return ERR_SYNTAX;
    }
    while (!str_is_absent(rest)) {
        enum err err = word_next(&rest, "options", &word, diag);
        if (!err) {
            err = option_read(word, &seen, out, diag);
        }
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static const struct word {
    const char *what;
    enum err (*read)(struct str word, struct rule *out, struct diag *diag);
} words[] = {
    {"allow or deny", effect_read},
    {"methods", methods_read},
    {"host", host_read},
    {"template", template_read},
};

static enum err words_read(struct str rest, struct rule *out, struct diag *diag)
{
    struct str word;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        enum err err = word_next(&rest, words[i].what, &word, diag);
        if (!err) {
            err = words[i].read(word, out, diag);
        }
        if (err) {
            return err;
        }
    }
    return options_read(rest, out, diag);
}

enum err rule_parse(struct str id, struct str text, struct rule *out, struct diag *diag)
{
    struct rule rule = {.id = id, .cost = 1};

    if (!str_is_name(id)) {
        diag_set(diag, "the id is not 1 to 64 of [A-Za-z0-9._@-]");
        return ERR_SYNTAX;
    }
    if (text.len > RULE_TEXT_MAX) {
        diag_set(diag, "more than %d bytes", RULE_TEXT_MAX);
        return ERR_RANGE;
    }
    enum err err = words_read(text, &rule, diag);
    if (!err) {
        *out = rule;
    }
    return err;
}
