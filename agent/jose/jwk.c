#include "agent/jose/jwk.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/log.h"

/* The longest number taken: twice an RSA modulus, so that one too long can be told. */
#define NUMBER_BYTES_MAX (2 * SIGNATURE_BYTES_MAX)

struct number {
    uint8_t bytes[NUMBER_BYTES_MAX];
    size_t length;
};

static enum jwk_result refuse(struct diag *diag, const char *why)
{
    diag_set(diag, "%s", why);
    return JWK_REFUSED;
}

static enum jwk_result pass_over(struct diag *diag, const char *member, struct str value)
{
    diag_set(diag, "%s \"%s\" is not for verifying here", member, log_quote(value).text);
    return JWK_OTHER;
}

static struct str text_of(const json_t *jwk, const char *member)
{
    return jose_json_text(json_object_get(jwk, member));
}

static bool has(const json_t *jwk, const char *member)
{
    return json_object_get(jwk, member) != NULL;
}

/* ---- what every key may have ---- */

static enum jwk_result check_use(const json_t *jwk, struct diag *diag)
{
    struct str use = text_of(jwk, "use");

    if (has(jwk, "use") && str_is_absent(use)) {
        return refuse(diag, "use is not a text");
    }
    return str_is_absent(use) || str_equal(use, STR("sig")) ? JWK_READ
                                                            : pass_over(diag, "use", use);
}

static bool stands_twice(const json_t *list, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (json_equal(json_array_get(list, i), json_array_get(list, index))) {
            return true;
        }
    }
    return false;
}

/* RFC 7517 4.3. */
static enum jwk_result check_operations(const json_t *jwk, struct diag *diag)
{
    const json_t *list = json_object_get(jwk, "key_ops");
    bool verifies = false;

    if (!list) {
        return JWK_READ;
    }
    if (!json_is_array(list) || json_array_size(list) > 16) {
        return refuse(diag, "key_ops is not a list of at most 16");
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str operation = jose_json_text(json_array_get(list, i));

        if (str_is_absent(operation) || stands_twice(list, i)) {
            return refuse(diag, "key_ops holds what is not a text, or one twice");
        }
        verifies |= str_equal(operation, STR("verify"));
    }
    return verifies ? JWK_READ : pass_over(diag, "key_ops", STR("without verify"));
}

/* *algorithms becomes what alg leaves. */
static enum jwk_result check_algorithm(const json_t *jwk, unsigned *algorithms, struct diag *diag)
{
    struct str name = text_of(jwk, "alg");
    enum signature_algorithm algorithm;

    if (!has(jwk, "alg")) {
        return JWK_READ;
    }
    if (str_is_absent(name)) {
        return refuse(diag, "alg is not a text");
    }
    if (!signature_algorithm_find(name, &algorithm)) {
        return pass_over(diag, "alg", name);
    }
    *algorithms &= SIGNATURE_BIT(algorithm);
    return *algorithms != 0 ? JWK_READ
                            : refuse(diag, "alg does not go with the key's kind or size");
}

static enum jwk_result read_kid(const json_t *jwk, struct str *out, struct diag *diag)
{
    struct str kid = text_of(jwk, "kid");

    *out = STR_ABSENT;
    if (!has(jwk, "kid")) {
        return JWK_READ;
    }
    if (kid.len == 0 || kid.len > JOSE_KEY_ID_BYTES_MAX) {
        return refuse(diag, "kid is not a text of 1 to 256 bytes");
    }
    char *copy = strndup(kid.ptr, kid.len);
    if (!copy) {
        return refuse(diag, "out of memory");
    }
    *out = str_make(copy, kid.len);
    return JWK_READ;
}

/* ---- numbers ---- */

/* Members of private keys: RFC 7518 6.2.2, 6.3.2, and the secret of 6.4. */
static enum jwk_result check_private(const json_t *jwk, struct diag *diag)
{
    static const char *const members[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
    bool is_secret = str_equal(text_of(jwk, "kty"), STR("oct"));

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (has(jwk, members[i])) {
            diag_set(diag, "a private key (it has \"%s\"), which has no place here", members[i]);
            return JWK_REFUSED;
        }
    }
    return !is_secret && has(jwk, "k") ? refuse(diag, "a secret (\"k\") in a key that is not oct")
                                       : JWK_READ;
}

static bool read_number(const json_t *jwk, const char *member, struct number *out,
                        struct diag *diag)
{
    struct str text = text_of(jwk, member);

    if (text.len == 0 ||
        enc_unbase64url(text, out->bytes, sizeof(out->bytes), &out->length) != ERR_OK) {
        diag_set(diag, "%s is missing, too long or not base64url", member);
        return false;
    }
    return true;
}

static struct str number_str(const struct number *number)
{
    return str_make((const char *)number->bytes, number->length);
}

static enum jwk_result result_of(enum err e)
{
    return e == ERR_OK ? JWK_READ : JWK_REFUSED;
}

/* Two numbers, or one. */
struct numbers {
    struct number first, second;
};

/* As `echo` makes it: whoever signs most likely has the text without that. Of random bytes none in
 * 10^14 looks so. */
static bool is_text_line(const struct number *number)
{
    size_t length = number->length;

    if (length == 0 || number->bytes[length - 1] != '\n') {
        return false;
    }
    for (size_t i = 0; i + 1 < length; i++) {
        if ((number->bytes[i] < 0x20 && number->bytes[i] != '\r') || number->bytes[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static enum jwk_result read_oct(const json_t *jwk, struct numbers *numbers,
                                struct signature_key **out, struct diag *diag)
{
    if (!read_number(jwk, "k", &numbers->first, diag)) {
        return JWK_REFUSED;
    }
    if (is_text_line(&numbers->first)) {
        return refuse(diag, "a secret that ends in a newline");
    }
    return result_of(signature_key_secret(number_str(&numbers->first), out, diag));
}

static enum jwk_result read_rsa(const json_t *jwk, struct numbers *numbers,
                                struct signature_key **out, struct diag *diag)
{
    if (!read_number(jwk, "n", &numbers->first, diag) ||
        !read_number(jwk, "e", &numbers->second, diag)) {
        return JWK_REFUSED;
    }
    return result_of(
        signature_key_rsa(number_str(&numbers->first), number_str(&numbers->second), out, diag));
}

static enum jwk_result read_ec(const json_t *jwk, struct numbers *numbers,
                               struct signature_key **out, struct diag *diag)
{
    static const struct {
        const char *name;
        enum signature_key_type type;
    } curves[] = {{"P-256", SIGNATURE_KEY_P256},
                  {"P-384", SIGNATURE_KEY_P384},
                  {"P-521", SIGNATURE_KEY_P521}};
    struct str name = text_of(jwk, "crv");

    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (!str_equal(name, str_from_c(curves[i].name))) {
            continue;
        }
        if (!read_number(jwk, "x", &numbers->first, diag) ||
            !read_number(jwk, "y", &numbers->second, diag)) {
            return JWK_REFUSED;
        }
        return result_of(signature_key_ec(curves[i].type, number_str(&numbers->first),
                                          number_str(&numbers->second), out, diag));
    }
    return str_is_absent(name) ? refuse(diag, "crv is missing") : pass_over(diag, "crv", name);
}

static enum jwk_result read_okp(const json_t *jwk, struct numbers *numbers,
                                struct signature_key **out, struct diag *diag)
{
    struct str name = text_of(jwk, "crv");

    if (str_is_absent(name)) {
        return refuse(diag, "crv is missing");
    }
    if (!str_equal(name, STR("Ed25519"))) {
        return pass_over(diag, "crv", name);
    }
    if (!read_number(jwk, "x", &numbers->first, diag)) {
        return JWK_REFUSED;
    }
    return result_of(signature_key_ed25519(number_str(&numbers->first), out, diag));
}

static enum jwk_result read_key(const json_t *jwk, struct signature_key **out, struct diag *diag)
{
    static const struct {
        const char *kty;
        enum jwk_result (*read)(const json_t *, struct numbers *, struct signature_key **,
                                struct diag *);
    } kinds[] = {{"oct", read_oct}, {"RSA", read_rsa}, {"EC", read_ec}, {"OKP", read_okp}};
    struct str kty = text_of(jwk, "kty");
    struct numbers numbers;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_equal(kty, str_from_c(kinds[i].kty))) {
            enum jwk_result result = kinds[i].read(jwk, &numbers, out, diag);
            crypto_wipe(&numbers, sizeof(numbers));
            return result;
        }
    }
    return str_is_absent(kty) ? refuse(diag, "kty is missing") : pass_over(diag, "kty", kty);
}

/* What is private is refused even in a key that would be passed over. */
static enum jwk_result check_purpose(const json_t *jwk, struct diag *diag)
{
    enum jwk_result result = check_private(jwk, diag);

    if (result == JWK_READ) {
        result = check_use(jwk, diag);
    }
    return result == JWK_READ ? check_operations(jwk, diag) : result;
}

enum jwk_result jwk_read(const json_t *jwk, struct jose_key *out, struct diag *diag)
{
    struct jose_key made = {.kid = STR_ABSENT};
    enum jwk_result result =
        json_is_object(jwk) ? check_purpose(jwk, diag) : refuse(diag, "not a JSON object");

    if (result == JWK_READ) {
        unsigned any = ~0u;
        result = check_algorithm(jwk, &any, diag);
    }
    if (result == JWK_READ) {
        result = read_key(jwk, &made.key, diag);
    }
    if (result == JWK_READ) {
        made.algorithms = signature_key_algorithms(made.key);
        result = check_algorithm(jwk, &made.algorithms, diag);
    }
    if (result == JWK_READ) {
        result = read_kid(jwk, &made.kid, diag);
    }
    if (result == JWK_READ) {
        *out = made;
    } else {
        signature_key_free(made.key);
    }
    return result;
}
