#include "tests/fuzz/notify_world.h"

#include <stdio.h>

#include "agent/authn/apikey.h"
#include "agent/base/ensure.h"

struct field {
    const char *key;
    const char *field;
    const char *value;
};

static const struct field fields[] = {
    {"reeve:user:{alice}", "state", "active"},
    {"reeve:user:{alice}", "roles", "reader"},
    {"reeve:user:{alice}", "team", "payments"},
    {"reeve:user:{bob}", "state", "disabled"},
    {"reeve:user:{bob}", "roles", "reader"},
    {"reeve:role:reader", "rule:10", "allow GET * /v1/orders/**"},
    {"reeve:role:reader", "rule:20", "deny * * /v1/orders/secret"},
    {"reeve:role:reader", "rule:30", "allow PUT api.example.com /v1/{@team}/{@user}"},
    {"reeve:role:guest", "rule:10", "allow GET * /public/**"},
};

struct key {
    const char *text;
    const char *user;
    const char *field; /* beside state and hash; NULL: none */
    const char *value;
};

static const struct key keys[] = {
    {WORLD_KEY_GOOD, "alice", NULL, NULL},
    {WORLD_KEY_NEAR, "alice", "allow_from", "192.0.2.0/24"},
    {WORLD_KEY_DISABLED, "alice", "state", "disabled"},
    {WORLD_KEY_EXPIRED, "alice", "expires", "1700000000"},
    {WORLD_KEY_NARROW, "alice", "roles", ""},
    {WORLD_KEY_BOBS, "bob", NULL, NULL},
};

static void add_key(struct fake_store *fake, const struct key *key)
{
    char hash[APIKEY_HASH_TEXT_MAX];
    char name[64];

    ensure(apikey_hash_text(NULL, str_from_c(key->text), hash) == ERR_OK);
    snprintf(name, sizeof(name), "reeve:key:%.*s", APIKEY_ID_LENGTH, key->text + 3);
    fake_store_set(fake, name, "user", key->user);
    fake_store_set(fake, name, "state", "active");
    fake_store_set(fake, name, "hash", hash);
    if (key->field) {
        fake_store_set(fake, name, key->field, key->value);
    }
}

static void add_cert(struct fake_store *fake, char byte, const char *user, const char *state)
{
    char name[] = "reeve:cert:0000000000000000000000000000000000000000000000000000000000000000";

    for (size_t i = strlen("reeve:cert:"); i + 1 < sizeof(name); i += 2) {
        snprintf(name + i, 3, "%02x", (unsigned char)byte);
    }
    fake_store_set(fake, name, "user", user);
    fake_store_set(fake, name, "state", state);
}

void world_fill(struct fake_store *fake)
{
    add_cert(fake, WORLD_CERT_GOOD, "alice", "active");
    add_cert(fake, WORLD_CERT_DISABLED, "alice", "disabled");
    add_cert(fake, WORLD_CERT_BOBS, "bob", "active");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        fake_store_set(fake, fields[i].key, fields[i].field, fields[i].value);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        add_key(fake, &keys[i]);
    }
}
