#include "agent/jose/keys.h"

#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/jose/json.h"
#include "agent/jose/jwk.h"

struct jose_keys *jose_keys_new(void)
{
    struct jose_keys *keys = calloc(1, sizeof(*keys));

    if (keys) {
        atomic_init(&keys->references, 1);
    }
    return keys;
}

struct jose_keys *jose_keys_ref(struct jose_keys *keys)
{
    if (keys) {
        atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    }
    return keys;
}

static void clear_key(struct jose_key *key)
{
    signature_key_free(key->key);
    free((char *)(uintptr_t)key->kid.ptr);
}

void jose_keys_unref(struct jose_keys *keys)
{
    if (keys && atomic_fetch_sub_explicit(&keys->references, 1, memory_order_acq_rel) == 1) {
        for (size_t i = 0; i < keys->count; i++) {
            clear_key(&keys->items[i]);
        }
        free(keys);
    }
}

static bool is_secret(const struct jose_key *key)
{
    return signature_key_type(key->key) == SIGNATURE_KEY_SECRET;
}

bool jose_keys_are_secret(const struct jose_keys *keys)
{
    return keys->count > 0 && is_secret(&keys->items[0]);
}

size_t jose_keys_unnamed(const struct jose_keys *keys, enum signature_algorithm algorithm)
{
    size_t count = 0;

    for (size_t i = 0; i < keys->count; i++) {
        const struct jose_key *key = &keys->items[i];
        count += str_is_absent(key->kid) && (key->algorithms & SIGNATURE_BIT(algorithm)) != 0;
    }
    return count;
}

/* What only shows beside the other keys. */
static enum err check_beside(const struct jose_keys *keys, const struct jose_key *key,
                             struct diag *diag)
{
    if (keys->count == JOSE_KEYS_MAX) {
        diag_set(diag, "more than %d keys", JOSE_KEYS_MAX);
        return ERR_FULL;
    }
    /* Who could read a secret could sign; beside public keys it invites confusing the two. */
    if (keys->count > 0 && is_secret(key) != is_secret(&keys->items[0])) {
        diag_set(diag, "a secret beside public keys");
        return ERR_RANGE;
    }
    for (size_t i = 0; i < keys->count && !str_is_absent(key->kid); i++) {
        if (str_equal(keys->items[i].kid, key->kid)) {
            diag_set(diag, "this kid stands there twice");
            return ERR_RANGE;
        }
    }
    return ERR_OK;
}

/* Takes what key owns. */
static enum err add(struct jose_keys *keys, struct jose_key *key, struct diag *diag)
{
    enum err e = check_beside(keys, key, diag);

    if (e == ERR_OK) {
        e = signature_key_digest(key->key, key->digest);
        if (e != ERR_OK) {
            diag_set(diag, "%s", err_text(e));
        }
    }
    if (e != ERR_OK) {
        clear_key(key);
        return e;
    }
    keys->items[keys->count++] = *key;
    return ERR_OK;
}

static enum err add_pem(struct jose_keys *keys, struct str text, struct diag *diag)
{
    struct jose_key key = {.kid = STR_ABSENT};
    enum err e = signature_key_pem(text, &key.key, diag);

    if (e != ERR_OK) {
        return e;
    }
    key.algorithms = signature_key_algorithms(key.key);
    return add(keys, &key, diag);
}

static enum err add_jwk(struct jose_keys *keys, const json_t *jwk, bool must_be_ours,
                        struct diag *diag)
{
    struct jose_key key;

    switch (jwk_read(jwk, &key, diag)) {
    case JWK_READ:
        return add(keys, &key, diag);
    case JWK_OTHER:
        return must_be_ours ? ERR_MISSING : ERR_OK;
    case JWK_REFUSED:
        break;
    }
    return ERR_RANGE;
}

/* "key 2 ("k2"): ..." */
static void name_key(size_t index, const json_t *jwk, struct diag *diag)
{
    struct str kid = jose_json_text(json_object_get(jwk, "kid"));
    struct diag why = *diag;

    if (str_is_absent(kid)) {
        diag_set(diag, "key %zu: %s", index + 1, why.text);
    } else {
        diag_set(diag, "key %zu (\"%s\"): %s", index + 1, log_quote(kid).text, why.text);
    }
}

static enum err add_set(struct jose_keys *keys, const json_t *list, struct diag *diag)
{
    size_t before = keys->count;

    if (!json_is_array(list) || json_array_size(list) > JOSE_KEYS_MAX) {
        diag_set(diag, "\"keys\" is not a list of at most %d", JOSE_KEYS_MAX);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *jwk = json_array_get(list, i);
        enum err e = add_jwk(keys, jwk, false, diag);

        if (e != ERR_OK) {
            name_key(i, jwk, diag);
            return e;
        }
    }
    if (keys->count == before) {
        diag_set(diag, "no key to verify with");
        return ERR_MISSING;
    }
    return ERR_OK;
}

static enum err add_json(struct jose_keys *keys, struct str text, struct diag *diag)
{
    json_t *object = jose_json_object(text);
    enum err e;

    if (!object) {
        diag_set(diag, "not one JSON object, or it has a member twice");
        return ERR_SYNTAX;
    }
    const json_t *list = json_object_get(object, "keys");
    if (list && json_object_get(object, "kty")) {
        diag_set(diag, "both a key and a set of keys");
        e = ERR_SYNTAX;
    } else {
        e = list ? add_set(keys, list, diag) : add_jwk(keys, object, true, diag);
    }
    json_decref(object);
    return e;
}

static bool are_same(const struct jose_key *a, const struct jose_key *b)
{
    return a->algorithms == b->algorithms && str_is_absent(a->kid) == str_is_absent(b->kid) &&
           str_equal(a->kid, b->kid) && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

bool jose_keys_have(const struct jose_keys *keys, const struct jose_key *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (are_same(&keys->items[i], key)) {
            return true;
        }
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum err jose_keys_add(struct jose_keys *keys, struct str text, struct diag *diag)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = str_skip(text, 1);
    }
    if (text.len > JOSE_KEYS_BYTES_MAX) {
        diag_set(diag, "larger than %u bytes", JOSE_KEYS_BYTES_MAX);
        return ERR_RANGE;
    }
    if (str_starts_with(text, STR("{"))) {
        return add_json(keys, text, diag);
    }
    if (str_starts_with(text, STR("-----BEGIN "))) {
        return add_pem(keys, text, diag);
    }
    diag_set(diag, "expected a JWK, a JWK Set or a public key in PEM");
    return ERR_SYNTAX;
}

static enum err check_published(const struct jose_keys *keys, struct diag *diag)
{
    size_t unnamed = 0;

    if (jose_keys_are_secret(keys)) {
        diag_set(diag, "a secret (kty oct), which has no place in what is published");
        return ERR_RANGE;
    }
    for (size_t i = 0; i < keys->count; i++) {
        unnamed += str_is_absent(keys->items[i].kid);
    }
    if (unnamed > 1) {
        diag_set(diag, "%zu keys without a kid", unnamed);
        return ERR_RANGE;
    }
    return ERR_OK;
}

enum err jose_keys_add_published(struct jose_keys *keys, struct str text, struct diag *diag)
{
    if (text.len > JOSE_KEYS_BYTES_MAX) {
        diag_set(diag, "larger than %u bytes", JOSE_KEYS_BYTES_MAX);
        return ERR_RANGE;
    }
    json_t *object = jose_json_object(text);
    const json_t *list = json_object_get(object, "keys");
    enum err e = ERR_SYNTAX;
    if (list) {
        e = add_set(keys, list, diag);
    } else {
        diag_set(diag, "not a JWK Set, which is one JSON object with \"keys\"");
    }
    json_decref(object);
    return e == ERR_OK ? check_published(keys, diag) : e;
}
