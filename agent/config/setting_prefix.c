/* The type of settings that are lists of addresses and prefixes. */
#include <stdlib.h>

#include "agent/config/setting.h"

#define PREFIXES_MAX 256

static enum err add_prefix(const struct setting *setting, void *field, struct str text,
                           struct diag *diag)
{
    struct config_prefix_list *list = field;
    struct ip_prefix prefix;

    (void)setting;
    if (!ip_prefix_parse(text, &prefix)) {
        return ERR_SYNTAX;
    }
    if (list->count == PREFIXES_MAX) {
        diag_set(diag, "more than %d prefixes", PREFIXES_MAX);
        return ERR_RANGE;
    }
    struct ip_prefix *grown = realloc(list->items, (list->count + 1) * sizeof(*grown));
    if (!grown) {
        return ERR_MEMORY;
    }
    list->items = grown;
    list->items[list->count++] = prefix;
    return ERR_OK;
}

static void describe_prefixes(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "up to %d addresses or prefixes, as 192.0.2.0/24", PREFIXES_MAX);
}

static bool prefixes_are_equal(const void *a, const void *b)
{
    const struct config_prefix_list *x = a, *y = b;

    return x->count == y->count &&
           (x->count == 0 || memcmp(x->items, y->items, x->count * sizeof(*x->items)) == 0);
}

static void clear_prefixes(void *field)
{
    struct config_prefix_list *list = field;

    free(list->items);
    *list = (struct config_prefix_list){.items = NULL};
}

const struct setting_type setting_prefixes = {.name = "list of prefixes",
                                              .set = add_prefix,
                                              .describe = describe_prefixes,
                                              .is_equal = prefixes_are_equal,
                                              .clear = clear_prefixes};
