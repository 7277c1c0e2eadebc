/*
 * Aims at jws_verify(), jwt_verify(), jose_keys_add(), jose_json_object(), enc_unbase64url().
 *
 * Input: a byte that says what follows.
 *   't' a token. Good are only the published ones, byte by byte.
 *   'c' a header, a line feed, claims: signed here with the one secret, so that everything behind
 *       the signature is reached. What is good is so for a second reader of the same JSON too.
 *   'k' keys. What is taken can be used, and holds to its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent/base/ensure.h"
#include "agent/jose/jwt.h"
#include "tests/support/forge.h"
#include "tests/unit/jose/vectors.h"

#define NOW       1700000000
#define LEEWAY    30
#define INPUT_MAX 16384
#define KEYS      "{\"keys\":[" A2_JWK "," A3_JWK "," A4_JWK "," ED_JWK "," C_RSA_JWK "]}"

static const char secret[] = "0123456789abcdef0123456789abcdef";
#define SECRET_JWK "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jose_keys *read_keys(const char *text)
{
    struct jose_keys *keys = jose_keys_new();
    struct diag diag;

    ensure(keys && jose_keys_add(keys, str_from_c(text), &diag) == ERR_OK);
    return keys;
}

/* ---- tokens ---- */

static bool is_published(struct str token)
{
    static const struct str published[] = {
        {A2_TOKEN, sizeof(A2_TOKEN) - 1}, {A3_TOKEN, sizeof(A3_TOKEN) - 1},
        {A4_TOKEN, sizeof(A4_TOKEN) - 1}, {ED_TOKEN, sizeof(ED_TOKEN) - 1},
        {C1_TOKEN, sizeof(C1_TOKEN) - 1}, {C2_TOKEN, sizeof(C2_TOKEN) - 1},
    };

    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        if (str_equal(token, published[i])) {
            return true;
        }
    }
    return false;
}

static void try_token(struct str token)
{
    static struct jose_keys *keys;
    static struct jws_verifier *verifier;
    struct jws jws;

    if (!verifier) {
        keys = read_keys(KEYS);
        const struct jws_source source = {keys, SIGNATURE_BIT(SIGNATURE_ALGORITHM_COUNT) - 1};
        verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
        ensure(verifier);
    }
    ensure((jws_verify(verifier, token, &jws) == JOSE_NONE) == is_published(token));
}

/* ---- claims ---- */

static struct str audiences[] = {{"api", 3}};
static struct str required[] = {{"/x/y", 4}};
static struct jwt_role roles[] = {{{"admin", 5}, {"ops", 3}}, {{"read", 4}, {"reader", 6}}};

static struct jwt_verifier *claims_verifier(void)
{
    static struct jwt_policy policies[1];
    static struct jwt_verifier *verifier;

    if (!verifier) {
        policies[0] = (struct jwt_policy){.issuer = STR("https://id"),
                                          .keys = read_keys(SECRET_JWK),
                                          .algorithms = SIGNATURE_BIT(SIGNATURE_HS256),
                                          .types = JWS_TYPE_JWT | JWS_TYPE_AT_JWT,
                                          .audiences = {audiences, 1},
                                          .leeway_s = LEEWAY,
                                          .max_lifetime_s = 3600,
                                          .user_claim = STR("sub"),
                                          .required = {required, 1},
                                          .roles_claim = STR("/realm/roles"),
                                          .roles = {roles, 2},
                                          .team_claim = STR("team")};
        verifier = jwt_verifier_new(policies, NULL, 1, JWS_BYTES_MAX);
        ensure(verifier);
    }
    return verifier;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static bool names_us(const json_t *audience)
{
    const char *text = json_string_value(audience);
    bool is_named = text && strcmp(text, "api") == 0;

    for (size_t i = 0; i < json_array_size(audience); i++) {
        text = json_string_value(json_array_get(audience, i));
        is_named |= text && strcmp(text, "api") == 0;
    }
    return is_named;
}

/* Without strictness: a member that stands there twice would be read as its last. */
static void check_header(struct str text)
{
    json_t *header = json_loadb(text.ptr, text.len, 0, NULL);

    ensure(header && strcmp(text_at(header, "alg"), "HS256") == 0);
    ensure(!json_object_get(header, "crit") && !json_object_get(header, "b64"));
    ensure(!json_object_get(header, "jwk") && !json_object_get(header, "jku"));
    ensure(strlen(text_at(header, "typ")) >= 3);
    json_decref(header);
}

static void check_claims(struct str text, const struct jwt_identity *identity)
{
    json_t *claims = json_loadb(text.ptr, text.len, 0, NULL);
    double expires = json_number_value(json_object_get(claims, "exp"));
    double issued = json_number_value(json_object_get(claims, "iat"));

    ensure(claims && strcmp(text_at(claims, "iss"), "https://id") == 0);
    ensure(names_us(json_object_get(claims, "aud")));
    ensure(expires > NOW - LEEWAY && expires - issued < 3601 && issued <= NOW + LEEWAY + 1);
    ensure(json_number_value(json_object_get(claims, "nbf")) <= NOW + LEEWAY);
    ensure(str_equal(identity->user, str_from_c(text_at(claims, "sub"))));
    ensure(str_equal(identity->team, str_from_c(text_at(claims, "team"))));
    ensure(json_object_get(json_object_get(claims, "x"), "y"));
    ensure(str_equal(identity->claims, text));
    json_decref(claims);
}

static void check_roles(struct str text)
{
    struct str role, rest = text;

    while (rest.len > 0 && str_cut(&rest, ',', &role)) {
        ensure(str_equal(role, STR("ops")) || str_equal(role, STR("reader")));
    }
    ensure(text.len <= 10);
}

static void try_claims(struct str input)
{
    struct jwt_verifier *verifier = claims_verifier();
    struct str claims = input, header;
    struct jwt_identity identity;

    if (!str_cut(&claims, '\n', &header) || str_is_absent(claims)) {
        return;
    }
    char *token = forge_mac_token(STR(secret), "HS256", header, claims);
    enum jose_fault fault = jwt_verify(verifier, str_from_c(token), NOW, STR_ABSENT, &identity);
    ensure((unsigned)fault < JOSE_FAULT_COUNT && fault != JOSE_SIGNATURE);
    if (fault == JOSE_NONE) {
        check_header(header);
        check_claims(claims, &identity);
        check_roles(identity.roles);
        ensure(!identity.is_bound && jwt_still_holds(&identity, NOW, STR_ABSENT) == JOSE_NONE);
    }
    free(token);
}

/* ---- keys ---- */

static void try_keys(struct str text)
{
    struct jose_keys *keys = jose_keys_new();
    struct diag diag = {""};

    ensure(keys);
    if (jose_keys_add(keys, text, &diag) == ERR_OK) {
        ensure(keys->count > 0 && keys->count <= JOSE_KEYS_MAX);
        for (size_t i = 0; i < keys->count; i++) {
            const struct jose_key *key = &keys->items[i];
            ensure(key->algorithms != 0);
            ensure((key->algorithms & ~signature_key_algorithms(key->key)) == 0);
            ensure(key->kid.len <= JOSE_KEY_ID_BYTES_MAX);
        }
    } else {
        ensure(diag.text[0] != '\0');
    }
    jose_keys_unref(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX) {
        return 0;
    }
    /* To the byte, so that a sanitizer sees what is read behind it. */
    char *text = malloc(size);
    ensure(text);
    memcpy(text, data + 1, size - 1);
    struct str input = str_make(text, size - 1);
    switch (data[0]) {
    case 't':
        try_token(input);
        break;
    case 'c':
        try_claims(input);
        break;
    case 'k':
        try_keys(input);
        break;
    default:
        break;
    }
    free(text);
    return 0;
}
