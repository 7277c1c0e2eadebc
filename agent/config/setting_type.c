/* The types of settings. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/config/address.h"
#include "agent/config/setting.h"
#include "agent/config/value.h"

static enum err set_text(const struct setting *setting, void *field, struct str text,
                         struct diag *diag)
{
    char **out = field;

    (void)diag;
    if (!setting->is_valid(text)) {
        return ERR_SYNTAX;
    }
    char *copy = strndup(text.ptr, text.len);
    if (!copy) {
        return ERR_MEMORY;
    }
    free(*out);
    *out = copy;
    return ERR_OK;
}

static bool texts_are_equal(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return str_equal(str_from_c(*x), str_from_c(*y));
}

static void clear_text(void *field)
{
    char **text = field;

    free(*text);
    *text = NULL;
}

static void describe_text(const struct setting *setting, struct diag *out)
{
    diag_set(out, "%s", setting->wants);
}

const struct setting_type setting_text = {.name = "text",
                                          .set = set_text,
                                          .describe = describe_text,
                                          .is_equal = texts_are_equal,
                                          .clear = clear_text};

static bool in_range(const struct setting *setting, uint64_t value)
{
    return value >= setting->min && value <= setting->max;
}

static enum err set_number(const struct setting *setting, void *field, struct str text,
                           struct diag *diag)
{
    uint64_t value;

    (void)diag;
    if (!str_to_uint64(text, UINT32_MAX, &value)) {
        return ERR_SYNTAX;
    }
    if (!in_range(setting, value)) {
        return ERR_RANGE;
    }
    *(unsigned *)field = (unsigned)value;
    return ERR_OK;
}

static void describe_number(const struct setting *setting, struct diag *out)
{
    diag_set(out, "a number from %llu to %llu", (unsigned long long)setting->min,
             (unsigned long long)setting->max);
}

const struct setting_type setting_number = {
    .name = "number", .set = set_number, .describe = describe_number, .bytes = sizeof(unsigned)};

static enum err set_duration(const struct setting *setting, void *field, struct str text,
                             struct diag *diag)
{
    uint64_t us;

    (void)diag;
    if (!value_parse_duration(text, &us)) {
        return ERR_SYNTAX;
    }
    if (!in_range(setting, us)) {
        return ERR_RANGE;
    }
    *(int64_t *)field = (int64_t)us;
    return ERR_OK;
}

static void describe_duration(const struct setting *setting, struct diag *out)
{
    char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX];

    value_print_duration(setting->min, min);
    value_print_duration(setting->max, max);
    diag_set(out, "a duration from %s to %s", min, max);
}

const struct setting_type setting_duration = {.name = "duration",
                                              .set = set_duration,
                                              .describe = describe_duration,
                                              .bytes = sizeof(int64_t)};

static enum err set_size(const struct setting *setting, void *field, struct str text,
                         struct diag *diag)
{
    uint64_t bytes;

    (void)diag;
    if (!value_parse_size(text, &bytes)) {
        return ERR_SYNTAX;
    }
    if (!in_range(setting, bytes)) {
        return ERR_RANGE;
    }
    *(size_t *)field = (size_t)bytes;
    return ERR_OK;
}

static void describe_size(const struct setting *setting, struct diag *out)
{
    char min[VALUE_TEXT_MAX], max[VALUE_TEXT_MAX];

    value_print_size(setting->min, min);
    value_print_size(setting->max, max);
    diag_set(out, "a size from %s to %s", min, max);
}

const struct setting_type setting_size = {
    .name = "size", .set = set_size, .describe = describe_size, .bytes = sizeof(size_t)};

static enum err set_bool(const struct setting *setting, void *field, struct str text,
                         struct diag *diag)
{
    bool is_true = str_equal(text, STR("true"));

    (void)setting;
    (void)diag;
    if (!is_true && !str_equal(text, STR("false"))) {
        return ERR_SYNTAX;
    }
    *(bool *)field = is_true;
    return ERR_OK;
}

static void describe_bool(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "true or false");
}

const struct setting_type setting_bool = {
    .name = "boolean", .set = set_bool, .describe = describe_bool, .bytes = sizeof(bool)};

static enum err set_mode(const struct setting *setting, void *field, struct str text,
                         struct diag *diag)
{
    unsigned mode = 0;

    (void)setting;
    (void)diag;
    if (text.len != 4 || text.ptr[0] != '0') {
        return ERR_SYNTAX;
    }
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7') {
            return ERR_SYNTAX;
        }
        mode = mode * 8 + (unsigned)(text.ptr[i] - '0');
    }
    *(unsigned *)field = mode;
    return ERR_OK;
}

static void describe_mode(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "an octal mode from 0000 to 0777");
}

const struct setting_type setting_mode = {
    .name = "mode", .set = set_mode, .describe = describe_mode, .bytes = sizeof(unsigned)};

/* The enums of struct config all have the size of an unsigned. */
static enum err set_choice(const struct setting *setting, void *field, struct str text,
                           struct diag *diag)
{
    unsigned value;
    enum err e = choice_find(setting->choices, text, &value, diag);

    if (e == ERR_OK) {
        memcpy(field, &value, sizeof(value));
    }
    return e;
}

static void describe_choice(const struct setting *setting, struct diag *out)
{
    choice_describe(setting->choices, out);
}

const struct setting_type setting_choice = {
    .name = "choice", .set = set_choice, .describe = describe_choice, .bytes = sizeof(unsigned)};
