/* The types of the settings `listen`, `redis` and `sentinels`. */
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/config/address.h"
#include "agent/config/setting.h"

#define ADDRESSES_MAX 16

/* Takes the address, in any case. */
static enum err add(struct config_address_list *list, struct config_address address,
                    struct diag *diag)
{
    struct config_address *grown;

    if (list->count == ADDRESSES_MAX) {
        diag_set(diag, "more than %d addresses", ADDRESSES_MAX);
        address_free(&address);
        return ERR_RANGE;
    }
    grown = realloc(list->items, (list->count + 1) * sizeof(*grown));
    if (!grown) {
        address_free(&address);
        return ERR_MEMORY;
    }
    list->items = grown;
    list->items[list->count++] = address;
    return ERR_OK;
}

static enum err add_address(const struct setting *setting, void *field, struct str text,
                            struct diag *diag)
{
    struct config_address address;
    enum err e = address_parse(text, &address, diag);

    (void)setting;
    return e == ERR_OK ? add(field, address, diag) : e;
}

static void describe_addresses(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "up to %d of tcp://ADDRESS:PORT and unix:///PATH", ADDRESSES_MAX);
}

static bool addresses_are_equal(const void *a, const void *b)
{
    const struct config_address_list *x = a, *y = b;

    if (x->count != y->count) {
        return false;
    }
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->items[i].text, y->items[i].text) != 0) {
            return false;
        }
    }
    return true;
}

static void clear_addresses(void *field)
{
    struct config_address_list *list = field;

    for (size_t i = 0; i < list->count; i++) {
        address_free(&list->items[i]);
    }
    free(list->items);
    *list = (struct config_address_list){.items = NULL};
}

const struct setting_type setting_addresses = {.name = "list of addresses",
                                               .set = add_address,
                                               .describe = describe_addresses,
                                               .is_equal = addresses_are_equal,
                                               .clear = clear_addresses};

static enum err add_sentinel(const struct setting *setting, void *field, struct str text,
                             struct diag *diag)
{
    struct config_sentinel *sentinel = field;
    struct config_address address;
    enum err e = address_parse_sentinel(text, &address, diag);

    (void)setting;
    return e == ERR_OK ? add(&sentinel->addresses, address, diag) : e;
}

static void describe_sentinels(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "up to %d of tcp://HOST:PORT", ADDRESSES_MAX);
}

/* The password is what a file holds, so no other setting's value would tell that it changed. */
static bool sentinels_are_equal(const void *a, const void *b)
{
    const struct config_sentinel *x = a, *y = b;

    return addresses_are_equal(&x->addresses, &y->addresses) &&
           str_equal(str_from_c(x->password), str_from_c(y->password));
}

static void clear_sentinels(void *field)
{
    struct config_sentinel *sentinel = field;

    clear_addresses(&sentinel->addresses);
    if (sentinel->password) {
        crypto_wipe(sentinel->password, strlen(sentinel->password));
    }
    free(sentinel->password);
    sentinel->password = NULL;
}

const struct setting_type setting_sentinels = {.name = "list of addresses",
                                               .set = add_sentinel,
                                               .describe = describe_sentinels,
                                               .is_equal = sentinels_are_equal,
                                               .clear = clear_sentinels};

static enum err set_store(const struct setting *setting, void *field, struct str text,
                          struct diag *diag)
{
    struct config_store *store = field, parsed;
    enum err e = address_parse_store(text, &parsed, diag);

    (void)setting;
    if (e == ERR_OK) {
        address_free_store(store);
        *store = parsed;
    }
    return e;
}

static void describe_store(const struct setting *setting, struct diag *out)
{
    (void)setting;
    diag_set(out, "redis://[user:password@]HOST[:PORT][/DB] or "
                  "unix://[user:password@]/PATH[?db=N]");
}

static bool stores_are_equal(const void *a, const void *b)
{
    const struct config_store *x = a, *y = b;

    return strcmp(x->address.text, y->address.text) == 0 &&
           str_equal(str_from_c(x->user), str_from_c(y->user)) &&
           str_equal(str_from_c(x->password), str_from_c(y->password));
}

static void clear_store(void *field)
{
    address_free_store(field);
}

const struct setting_type setting_store = {.name = "URL",
                                           .set = set_store,
                                           .describe = describe_store,
                                           .is_equal = stores_are_equal,
                                           .clear = clear_store};
