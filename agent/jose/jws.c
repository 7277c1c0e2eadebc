#include "agent/jose/jws.h"

#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/jose/json.h"

/* A key of a source, with a context for each algorithm that both allow. */
struct candidate {
    const struct jose_key *key;
    size_t source;
    struct signature_check *checks[SIGNATURE_ALGORITHM_COUNT]; /* NULL: not allowed */
};

struct jws_verifier {
    size_t max_bytes;
    unsigned algorithms; /* that any source allows */
    uint8_t *decoded;    /* header, payload and signature, one after the other */
    size_t count;
    struct candidate candidates[];
};

struct parts {
    struct str signed_text;                /* "header.payload" as it came */
    struct str header, payload, signature; /* decoded */
};

struct header {
    enum signature_algorithm algorithm;
    enum jws_type type;
    struct str kid; /* absent: none */
};

/* ---- life ---- */

static bool fill_candidate(struct candidate *candidate, unsigned algorithms)
{
    for (unsigned i = 0; i < SIGNATURE_ALGORITHM_COUNT; i++) {
        if ((algorithms & SIGNATURE_BIT(i)) == 0) {
            continue;
        }
        candidate->checks[i] =
            signature_check_new(candidate->key->key, (enum signature_algorithm)i);
        if (!candidate->checks[i]) {
            return false;
        }
    }
    return true;
}

static bool fill(struct jws_verifier *verifier, const struct jws_source *sources, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        for (size_t k = 0; k < sources[s].keys->count; k++) {
            struct candidate *candidate = &verifier->candidates[verifier->count++];

            candidate->key = &sources[s].keys->items[k];
            candidate->source = s;
            if (!fill_candidate(candidate, candidate->key->algorithms & sources[s].algorithms)) {
                return false;
            }
        }
        verifier->algorithms |= sources[s].algorithms;
    }
    verifier->decoded = malloc(verifier->max_bytes);
    return verifier->decoded != NULL;
}

struct jws_verifier *jws_verifier_new(const struct jws_source *sources, size_t count,
                                      size_t max_bytes)
{
    struct jws_verifier *verifier;
    size_t keys = 0;

    ensure(max_bytes > 0 && max_bytes <= JWS_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        keys += sources[i].keys->count;
    }
    verifier = calloc(1, sizeof(*verifier) + keys * sizeof(verifier->candidates[0]));
    if (!verifier) {
        return NULL;
    }
    verifier->max_bytes = max_bytes;
    if (!fill(verifier, sources, count)) {
        jws_verifier_free(verifier);
        return NULL;
    }
    return verifier;
}

void jws_verifier_free(struct jws_verifier *verifier)
{
    if (!verifier) {
        return;
    }
    for (size_t i = 0; i < verifier->count; i++) {
        for (size_t a = 0; a < SIGNATURE_ALGORITHM_COUNT; a++) {
            signature_check_free(verifier->candidates[i].checks[a]);
        }
    }
    if (verifier->decoded) {
        crypto_wipe(verifier->decoded, verifier->max_bytes);
        free(verifier->decoded);
    }
    free(verifier);
}

/* ---- 1, 2: the form ---- */

static bool decode_part(struct str text, uint8_t **at, const uint8_t *end, struct str *out)
{
    size_t length;

    if (text.len == 0 || enc_unbase64url(text, *at, (size_t)(end - *at), &length) != ERR_OK) {
        return false;
    }
    *out = str_make((const char *)*at, length);
    *at += length;
    return true;
}

static enum jose_fault take_apart(struct jws_verifier *verifier, struct str token,
                                  struct parts *out)
{
    uint8_t *at = verifier->decoded;
    const uint8_t *end = at + verifier->max_bytes;
    struct str rest = token, header, payload;

    if (token.len == 0 || token.len > verifier->max_bytes) {
        return JOSE_SIZE;
    }
    if (!str_cut(&rest, '.', &header) || !str_cut(&rest, '.', &payload) || str_is_absent(rest)) {
        return JOSE_FORM;
    }
    out->signed_text = str_make(token.ptr, header.len + 1 + payload.len);
    /* A third dot is no digit of base64url. */
    return decode_part(header, &at, end, &out->header) &&
                   decode_part(payload, &at, end, &out->payload) &&
                   decode_part(rest, &at, end, &out->signature)
               ? JOSE_NONE
               : JOSE_FORM;
}

/* ---- 3 to 6: the header ---- */

/* Each would change what is signed, how it is read, or where the key comes from; "cty" says that a
 * token is inside. */
static const char *const refused_members[] = {"crit", "b64", "zip", "enc", "jwk",
                                              "jku",  "x5u", "x5c", "cty"};

static bool has_refused_member(const json_t *object)
{
    for (size_t i = 0; i < sizeof(refused_members) / sizeof(refused_members[0]); i++) {
        if (json_object_get(object, refused_members[i])) {
            return true;
        }
    }
    return false;
}

static enum jws_type type_of(const json_t *value)
{
    struct str text = jose_json_text(value), prefix = STR("application/");

    if (!value) {
        return JWS_TYPE_ABSENT;
    }
    if (text.len > prefix.len && str_equal_nocase(str_make(text.ptr, prefix.len), prefix)) {
        text = str_skip(text, prefix.len);
    }
    if (str_equal_nocase(text, STR("JWT"))) {
        return JWS_TYPE_JWT;
    }
    return str_equal_nocase(text, STR("at+jwt")) ? JWS_TYPE_AT_JWT : JWS_TYPE_OTHER;
}

static enum jose_fault read_members(const struct jws_verifier *verifier, const json_t *object,
                                    struct header *out)
{
    const json_t *kid = json_object_get(object, "kid");
    struct str algorithm = jose_json_text(json_object_get(object, "alg"));

    if (has_refused_member(object)) {
        return JOSE_HEADER_MEMBER;
    }
    if (!signature_algorithm_find(algorithm, &out->algorithm) ||
        (verifier->algorithms & SIGNATURE_BIT(out->algorithm)) == 0) {
        return JOSE_ALGORITHM;
    }
    out->kid = jose_json_text(kid);
    if (kid && (out->kid.len == 0 || out->kid.len > JOSE_KEY_ID_BYTES_MAX)) {
        return JOSE_KEY_ID;
    }
    out->type = type_of(json_object_get(object, "typ"));
    return JOSE_NONE;
}

/* ---- 6 to 9: the key and the signature ---- */

struct picked {
    const struct candidate *items[JWS_TRIES_MAX];
    size_t count; /* may be more than were kept */
};

static void pick(struct picked *picked, const struct candidate *candidate)
{
    if (picked->count < JWS_TRIES_MAX) {
        picked->items[picked->count] = candidate;
    }
    picked->count++;
}

/* Of each source that has one key for the algorithm, and no more, that key, if it has a kid. */
static void pick_singles(const struct jws_verifier *verifier, enum signature_algorithm algorithm,
                         struct picked *picked)
{
    for (size_t i = 0, end; i < verifier->count; i = end) {
        const struct candidate *first = &verifier->candidates[i], *last = NULL;
        size_t count = 0;

        for (end = i; end < verifier->count; end++) {
            const struct candidate *candidate = &verifier->candidates[end];
            if (candidate->source != first->source) {
                break;
            }
            last = candidate->checks[algorithm] ? candidate : last;
            count += candidate->checks[algorithm] ? 1 : 0;
        }
        if (count == 1 && !str_is_absent(last->key->kid)) {
            pick(picked, last);
        }
    }
}

/* Those of that kid; an absent one: those without. */
static void pick_named(const struct jws_verifier *verifier, enum signature_algorithm algorithm,
                       struct str kid, struct picked *picked)
{
    for (size_t i = 0; i < verifier->count; i++) {
        const struct candidate *candidate = &verifier->candidates[i];
        struct str own = candidate->key->kid;

        if (candidate->checks[algorithm] && str_is_absent(own) == str_is_absent(kid) &&
            str_equal(own, kid)) {
            pick(picked, candidate);
        }
    }
}

/* More keys than may be tried are no key. */
static enum jose_fault pick_keys(const struct jws_verifier *verifier, const struct header *header,
                                 struct picked *out)
{
    *out = (struct picked){.count = 0};
    if (!str_is_absent(header->kid)) {
        pick_named(verifier, header->algorithm, header->kid, out);
    }
    if (out->count == 0) {
        pick_named(verifier, header->algorithm, STR_ABSENT, out);
    }
    if (str_is_absent(header->kid)) {
        struct picked more = *out;
        pick_singles(verifier, header->algorithm, &more);
        *out = more.count <= JWS_TRIES_MAX ? more : *out;
    }
    return out->count > 0 && out->count <= JWS_TRIES_MAX ? JOSE_NONE : JOSE_NO_KEY;
}

static enum jose_fault check(const struct header *header, const struct parts *parts,
                             const struct picked *picked, struct jws *out)
{
    enum jose_fault fault = JOSE_SIGNATURE_LENGTH;

    for (size_t i = 0; i < picked->count; i++) {
        const struct candidate *candidate = picked->items[i];
        struct signature_check *check = candidate->checks[header->algorithm];

        if (signature_check_length(check) != parts->signature.len) {
            continue;
        }
        fault = JOSE_SIGNATURE;
        if (signature_is_good(check, parts->signed_text, parts->signature)) {
            *out = (struct jws){.payload = parts->payload,
                                .source = candidate->source,
                                .key = candidate->key,
                                .algorithm = header->algorithm,
                                .type = header->type};
            return JOSE_NONE;
        }
    }
    return fault;
}

static enum jose_fault check_parts(const struct jws_verifier *verifier, const struct parts *parts,
                                   struct jws *out)
{
    json_t *object = jose_json_object(parts->header);
    struct picked picked;
    struct header header;

    if (!object) {
        return JOSE_HEADER;
    }
    enum jose_fault fault = read_members(verifier, object, &header);
    if (fault == JOSE_NONE) {
        fault = pick_keys(verifier, &header, &picked);
    }
    if (fault == JOSE_NONE) {
        fault = check(&header, parts, &picked, out);
    }
    json_decref(object);
    return fault;
}

enum jose_fault jws_verify(struct jws_verifier *verifier, struct str token, struct jws *out)
{
    struct parts parts;
    enum jose_fault fault = take_apart(verifier, token, &parts);

    return fault == JOSE_NONE ? check_parts(verifier, &parts, out) : fault;
}

enum jose_fault jws_peek(struct jws_verifier *verifier, struct str token, struct str *payload)
{
    struct parts parts;
    enum jose_fault fault = take_apart(verifier, token, &parts);

    if (fault == JOSE_NONE) {
        *payload = parts.payload;
    }
    return fault;
}
