#include "agent/config/value.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first, for printing. */
static const struct unit durations[] = {
    {"d", UINT64_C(86400000000)},
    {"h", UINT64_C(3600000000)},
    {"m", 60000000},
    {"s", 1000000},
    {"ms", 1000},
    {"us", 1},
};

static const struct unit sizes[] = {
    {"GiB", 1u << 30},
    {"MiB", 1u << 20},
    {"KiB", 1u << 10},
    {"", 1},
};

static bool parse(struct str text, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_equal(str_skip(text, digits), str_from_c(units[i].name))) {
            uint64_t factor = units[i].factor;

            if (!str_to_uint64(str_make(text.ptr, digits), INT64_MAX / factor, &number)) {
                return false;
            }
            *out = number * factor;
            return true;
        }
    }
    return false;
}

bool value_parse_duration(struct str text, uint64_t *us)
{
    if (str_equal(text, STR("0"))) {
        *us = 0;
        return true;
    }
    return parse(text, durations, COUNT(durations), us);
}

bool value_parse_size(struct str text, uint64_t *bytes)
{
    return parse(text, sizes, COUNT(sizes), bytes);
}

static void print(uint64_t value, const struct unit *units, char out[VALUE_TEXT_MAX])
{
    while (units->factor > 1 && (value == 0 || value % units->factor != 0)) {
        units++;
    }
    snprintf(out, VALUE_TEXT_MAX, "%llu%s", (unsigned long long)(value / units->factor),
             value == 0 ? "" : units->name);
}

void value_print_duration(uint64_t us, char out[VALUE_TEXT_MAX])
{
    print(us, durations, out);
}

void value_print_size(uint64_t bytes, char out[VALUE_TEXT_MAX])
{
    print(bytes, sizes, out);
}
