/*
 * Tokens that Reeve mints. libjwt signs them; what it would sign against the rules (a curve or a size
 * that the algorithm is not for) is refused before, and what it gave is verified by our own code
 * before it is shown.
 */
#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/config/secret.h"
#include "agent/config/value.h"
#include "agent/ctl/command.h"
#include "agent/jose/json.h"
#include "agent/jose/jws.h"
#include "agent/jose/jwt.h"

#define KEY_BYTES_MAX    (64u * 1024)
#define CLAIMS_BYTES_MAX (16u * 1024)
#define TOKEN_ID_BYTES   16
#define LIFETIME_S_MAX   (366 * 86400)

struct options {
    enum signature_algorithm algorithm;
    bool has_algorithm;
    const char *key_file;
    const char *kid;
    uint64_t expires_us; /* from now; 0: what the claims say */
    uint64_t now_s;
};

/* ---- arguments ---- */

static bool set(struct options *out, const char *name, const char *value)
{
    if (strcmp(name, "--alg") == 0) {
        out->has_algorithm = signature_algorithm_find(str_from_c(value), &out->algorithm);
        return out->has_algorithm;
    }
    if (strcmp(name, "--key-file") == 0) {
        out->key_file = value;
        return true;
    }
    if (strcmp(name, "--kid") == 0) {
        out->kid = value;
        return value[0] != '\0' && strlen(value) <= JOSE_KEY_ID_BYTES_MAX;
    }
    if (strcmp(name, "--now") == 0) {
        return str_to_uint64(str_from_c(value), JWT_TIME_MAX - LIFETIME_S_MAX, &out->now_s);
    }
    return strcmp(name, "--expires") == 0 &&
           value_parse_duration(str_from_c(value), &out->expires_us) &&
           out->expires_us >= 1000000 && out->expires_us / 1000000 <= LIFETIME_S_MAX;
}

static int parse(int argc, char **argv, struct options *out)
{
    for (int i = 0; i < argc; i += 2) {
        if (i + 1 >= argc || !set(out, argv[i], argv[i + 1])) {
            return command_refuse_argument("token mint", argv[i]);
        }
    }
    if (!out->has_algorithm || !out->key_file) {
        command_fail("token mint: --alg and --key-file are needed");
        return COMMAND_USAGE;
    }
    return 0;
}

/* ---- the key ---- */

/* libjwt 1.10 signs with these. */
static jwt_alg_t libjwt_algorithm(enum signature_algorithm algorithm)
{
    static const jwt_alg_t algorithms[SIGNATURE_ALGORITHM_COUNT] = {
        [SIGNATURE_HS256] = JWT_ALG_HS256, [SIGNATURE_HS384] = JWT_ALG_HS384,
        [SIGNATURE_HS512] = JWT_ALG_HS512, [SIGNATURE_RS256] = JWT_ALG_RS256,
        [SIGNATURE_RS384] = JWT_ALG_RS384, [SIGNATURE_RS512] = JWT_ALG_RS512,
        [SIGNATURE_ES256] = JWT_ALG_ES256, [SIGNATURE_ES384] = JWT_ALG_ES384,
        [SIGNATURE_ES512] = JWT_ALG_ES512,
    };

    return algorithms[algorithm];
}

/* What signs, as libjwt takes it, and what verifies. */
struct signer {
    struct file_text text;                      /* of the file */
    uint8_t secret[SIGNATURE_SECRET_BYTES_MAX]; /* of a JWK */
    const void *bytes;
    size_t length;
    struct jose_keys *keys;
};

static void signer_free(struct signer *signer)
{
    file_text_free(&signer->text);
    crypto_wipe(signer->secret, sizeof(signer->secret));
    jose_keys_unref(signer->keys);
}

static enum err take_secret(struct signer *signer, struct diag *diag)
{
    struct str text = str_make(signer->text.bytes, signer->text.length);
    enum err e = jose_keys_add(signer->keys, text, diag);
    json_t *jwk = e == ERR_OK ? jose_json_object(text) : NULL;
    struct str k = jose_json_text(json_object_get(jwk, "k"));

    if (e == ERR_OK &&
        enc_unbase64url(k, signer->secret, sizeof(signer->secret), &signer->length) != ERR_OK) {
        diag_set(diag, "not one JWK of kty oct");
        e = ERR_SYNTAX;
    }
    json_decref(jwk);
    signer->bytes = signer->secret;
    return e;
}

static enum err take_private(struct signer *signer, struct diag *diag)
{
    struct jose_key *key = &signer->keys->items[0];
    enum err e = signature_key_of_private(str_make(signer->text.bytes, signer->text.length),
                                          &key->key, diag);

    if (e == ERR_OK) {
        key->algorithms = signature_key_algorithms(key->key);
        signer->keys->count = 1;
    }
    signer->bytes = signer->text.bytes;
    signer->length = signer->text.length;
    return e;
}

static bool take_key(const struct options *options, struct signer *signer)
{
    unsigned bit = SIGNATURE_BIT(options->algorithm);
    struct diag diag = {"out of memory"};

    if (secret_read(options->key_file, KEY_BYTES_MAX, &signer->text, &diag) != ERR_OK) {
        command_fail("%s", diag.text);
        return false;
    }
    signer->keys = jose_keys_new();
    bool is_secret = (bit & SIGNATURE_HMAC_ALL) != 0;
    if (!signer->keys ||
        (is_secret ? take_secret(signer, &diag) : take_private(signer, &diag)) != ERR_OK) {
        command_fail("%s: %s", options->key_file, diag.text);
        return false;
    }
    if ((signer->keys->items[0].algorithms & bit) == 0) {
        command_fail("%s: the key is not for %s", options->key_file,
                     signature_algorithm_name(options->algorithm));
        return false;
    }
    return true;
}

/* ---- claims ---- */

static json_t *read_claims(void)
{
    static char text[CLAIMS_BYTES_MAX + 1];
    size_t length = fread(text, 1, sizeof(text), stdin);
    json_t *claims = length <= CLAIMS_BYTES_MAX ? jose_json_object(str_make(text, length)) : NULL;

    if (!claims) {
        command_fail("stdin: expected the claims, one JSON object of at most %u bytes",
                     CLAIMS_BYTES_MAX);
    }
    return claims;
}

/* iat, exp and a jti of its own, where the claims do not say them. */
static bool add_times(const struct options *options, json_t *claims)
{
    uint8_t random[TOKEN_ID_BYTES];
    char id[2 * TOKEN_ID_BYTES + 1] = "";
    json_int_t now_s = (json_int_t)options->now_s;
    json_int_t lifetime_s = (json_int_t)(options->expires_us / 1000000);

    if (options->expires_us == 0) {
        return true;
    }
    if (json_object_get(claims, "iat") || json_object_get(claims, "exp")) {
        command_fail("the claims have iat or exp already: leave out --expires");
        return false;
    }
    if (crypto_random(random, sizeof(random)) != ERR_OK) {
        command_fail("no random bytes");
        return false;
    }
    enc_hex(random, sizeof(random), id);
    return json_object_set_new(claims, "iat", json_integer(now_s)) == 0 &&
           json_object_set_new(claims, "exp", json_integer(now_s + lifetime_s)) == 0 &&
           (json_object_get(claims, "jti") ||
            json_object_set_new(claims, "jti", json_string(id)) == 0);
}

/* ---- the token ---- */

static char *sign(const struct options *options, const struct signer *signer, const char *claims)
{
    char *token = NULL;
    jwt_t *jwt = NULL;

    if (jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, claims) == 0 &&
        (!options->kid || jwt_add_header(jwt, "kid", options->kid) == 0) &&
        jwt_set_alg(jwt, libjwt_algorithm(options->algorithm), signer->bytes,
                    (int)signer->length) == 0) {
        token = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    return token;
}

static bool is_good(const struct options *options, const struct signer *signer, const char *token)
{
    const struct jws_source source = {signer->keys, SIGNATURE_BIT(options->algorithm)};
    struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_MAX);
    struct jws jws;
    enum jose_fault fault = verifier ? jws_verify(verifier, str_from_c(token), &jws) : JOSE_MEMORY;

    jws_verifier_free(verifier);
    if (fault != JOSE_NONE) {
        command_fail("what was signed does not verify: %s", jose_fault_text(fault));
    }
    return fault == JOSE_NONE;
}

static int mint(const struct options *options, const struct signer *signer)
{
    json_t *claims = read_claims();
    char *text = NULL, *token = NULL;
    int status = 1;

    if (claims && add_times(options, claims)) {
        text = json_dumps(claims, JSON_COMPACT);
        token = text ? sign(options, signer, text) : NULL;
        if (!token) {
            command_fail("the token can not be signed");
        } else if (is_good(options, signer, token)) {
            puts(token);
            status = 0;
        }
    }
    json_decref(claims);
    free(text);
    free(token);
    return status;
}

int command_token_mint(int argc, char **argv)
{
    struct options options = {.now_s = (uint64_t)now_wall_s(clock_read())};
    struct signer signer = {.bytes = NULL};
    int status = parse(argc, argv, &options);

    if (status != 0) {
        return status;
    }
    if (libjwt_algorithm(options.algorithm) == JWT_ALG_NONE) {
        return command_fail("token mint: libjwt does not sign %s",
                            signature_algorithm_name(options.algorithm));
    }
    status = take_key(&options, &signer) ? mint(&options, &signer) : 1;
    signer_free(&signer);
    return status;
}
