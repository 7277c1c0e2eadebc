#include "agent/jose/jwt.h"

#include <stdlib.h>

#include "agent/base/copy.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/jose/jwt_inside.h"

struct jwt_verifier {
    struct jws_verifier *jws;
    const struct jwt_policy *policies;
    size_t policy_count;
    char user[JWT_SUBJECT_BYTES_MAX];
    char team[JWT_NAME_BYTES_MAX];
    char id[JWT_ID_BYTES_MAX];
    char roles[JWT_ROLES_BYTES];
};

/* One token's claims while they are read. */
struct reading {
    struct jwt_verifier *verifier;
    const struct jwt_policy *policy;
    const json_t *claims;
    enum jws_type type;
    int64_t now_s;
    struct str cert_sha256;
    struct jwt_identity identity;
};

/* ---- life ---- */

struct jwt_verifier *jwt_verifier_new(const struct jwt_policy *policies,
                                      struct jose_keys *const *fetched, size_t count,
                                      size_t max_bytes)
{
    struct jwt_verifier *verifier = calloc(1, sizeof(*verifier));
    struct jws_source *sources = calloc(count + 1, sizeof(*sources));

    if (verifier && sources) {
        for (size_t i = 0; i < count; i++) {
            bool is_fetched = fetched && fetched[i];
            sources[i].keys = is_fetched ? fetched[i] : policies[i].keys;
            sources[i].algorithms = policies[i].algorithms;
        }
        verifier->policies = policies;
        verifier->policy_count = count;
        verifier->jws = jws_verifier_new(sources, count, max_bytes);
    }
    free(sources);
    if (verifier && !verifier->jws) {
        free(verifier);
        return NULL;
    }
    return verifier;
}

void jwt_verifier_free(struct jwt_verifier *verifier)
{
    if (verifier) {
        jws_verifier_free(verifier->jws);
        free(verifier);
    }
}

/* ---- claims ---- */

const json_t *jwt_claim(const json_t *claims, struct str name)
{
    struct str rest = name, part;

    if (name.len == 0 || name.ptr[0] != '/') {
        return json_object_getn(claims, name.ptr, name.len);
    }
    rest = str_skip(rest, 1);
    while (claims && str_cut(&rest, '/', &part)) {
        claims = json_object_getn(claims, part.ptr, part.len);
    }
    return claims;
}

/* A text that may name somebody: not empty, bounded, without control characters. */
static bool is_nameable(struct str text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= max;
}

static struct str keep(char *memory, struct str text)
{
    copy_bytes(memory, text.ptr, text.len);
    return str_make(memory, text.len);
}

static enum jose_fault check_issuer(struct reading *reading)
{
    struct str issuer = jose_json_text(json_object_get(reading->claims, "iss"));

    return !str_is_absent(issuer) && str_equal(issuer, reading->policy->issuer) ? JOSE_NONE
                                                                                : JOSE_ISSUER;
}

static bool is_us(const struct jwt_policy *policy, const json_t *value)
{
    struct str audience = jose_json_text(value);

    for (size_t i = 0; i < policy->audiences.count && !str_is_absent(audience); i++) {
        if (str_equal(audience, policy->audiences.items[i])) {
            return true;
        }
    }
    return false;
}

/* RFC 7519 4.1.3: a text, or a list of texts. */
static enum jose_fault check_audience(struct reading *reading)
{
    const json_t *audience = json_object_get(reading->claims, "aud");
    bool is_named = is_us(reading->policy, audience);

    for (size_t i = 0; json_is_array(audience) && i < json_array_size(audience); i++) {
        const json_t *item = json_array_get(audience, i);

        if (!json_is_string(item)) {
            return JOSE_AUDIENCE;
        }
        is_named |= is_us(reading->policy, item);
    }
    return is_named ? JOSE_NONE : JOSE_AUDIENCE;
}

/* ---- times ---- */

/* RFC 7519 2: a number, maybe with a fraction, which makes no token good for longer. False where it
 * is none; *out stays 0 where there is no such claim. */
static bool read_time(const json_t *claims, const char *name, bool rounds_up, int64_t *out)
{
    const json_t *value = json_object_get(claims, name);
    double number = json_number_value(value);

    if (!value) {
        return true;
    }
    if (!json_is_number(value) || !(number >= 0 && number <= (double)JWT_TIME_MAX)) {
        return false;
    }
    *out = (int64_t)number;
    *out += rounds_up && (double)*out < number;
    return true;
}

static enum jose_fault read_times(struct reading *reading)
{
    struct jwt_identity *identity = &reading->identity;
    int64_t not_before = 0;

    if (!json_object_get(reading->claims, "exp") ||
        !read_time(reading->claims, "exp", false, &identity->expires_s) ||
        !read_time(reading->claims, "nbf", true, &not_before) ||
        !read_time(reading->claims, "iat", false, &identity->issued_at_s)) {
        return JOSE_TIME;
    }
    identity->not_before_s =
        not_before > identity->issued_at_s ? not_before : identity->issued_at_s;
    return JOSE_NONE;
}

static enum jose_fault check_now(const struct jwt_identity *identity, int64_t now_s)
{
    int64_t leeway_s = identity->policy->leeway_s;

    if (now_s >= identity->expires_s + leeway_s) {
        return JOSE_EXPIRED;
    }
    return now_s + leeway_s < identity->not_before_s ? JOSE_NOT_YET : JOSE_NONE;
}

static enum jose_fault check_times(struct reading *reading)
{
    const struct jwt_identity *identity = &reading->identity;
    int64_t max_s = reading->policy->max_lifetime_s;
    enum jose_fault fault = read_times(reading);

    if (fault == JOSE_NONE) {
        fault = check_now(identity, reading->now_s);
    }
    if (fault == JOSE_NONE && max_s > 0 &&
        (!json_object_get(reading->claims, "iat") ||
         identity->expires_s - identity->issued_at_s > max_s)) {
        return JOSE_LIFETIME;
    }
    return fault;
}

/* ---- the rest ---- */

static enum jose_fault check_type(struct reading *reading)
{
    return (reading->policy->types & reading->type) != 0 ? JOSE_NONE : JOSE_TYPE;
}

static enum jose_fault check_subject(struct reading *reading)
{
    const json_t *subject = json_object_get(reading->claims, "sub");
    const json_t *id = json_object_get(reading->claims, "jti");
    struct str text = jose_json_text(id);

    if (subject && !is_nameable(jose_json_text(subject), JWT_SUBJECT_BYTES_MAX)) {
        return JOSE_SUBJECT;
    }
    if (id && (text.len == 0 || text.len > JWT_ID_BYTES_MAX)) {
        return JOSE_TOKEN_ID;
    }
    reading->identity.id = id ? keep(reading->verifier->id, text) : STR_ABSENT;
    return JOSE_NONE;
}

static enum jose_fault check_required(struct reading *reading)
{
    const struct str_list *required = &reading->policy->required;

    for (size_t i = 0; i < required->count; i++) {
        const json_t *claim = jwt_claim(reading->claims, required->items[i]);

        if (!claim || json_is_null(claim)) {
            return JOSE_REQUIRED;
        }
    }
    return JOSE_NONE;
}

static enum jose_fault read_user(struct reading *reading)
{
    struct str user = jose_json_text(jwt_claim(reading->claims, reading->policy->user_claim));

    if (!is_nameable(user, JWT_SUBJECT_BYTES_MAX)) {
        return JOSE_USER;
    }
    reading->identity.user = keep(reading->verifier->user, user);
    return JOSE_NONE;
}

/* A claim that is configured must be there: without it a token would be narrowed by nothing, and
 * escape its team's limits. */
static enum jose_fault read_roles(struct reading *reading)
{
    reading->identity.roles = STR("");
    if (reading->policy->roles_claim.len == 0) {
        return JOSE_NONE;
    }
    reading->identity.narrows_roles = true;
    return jwt_read_roles(reading->policy, reading->claims, reading->verifier->roles,
                          &reading->identity.roles);
}

static enum jose_fault read_team(struct reading *reading)
{
    reading->identity.team = STR("");
    if (reading->policy->team_claim.len == 0) {
        return JOSE_NONE;
    }
    struct str team = jose_json_text(jwt_claim(reading->claims, reading->policy->team_claim));
    if (!str_is_name(team)) {
        return JOSE_TEAM;
    }
    reading->identity.team = keep(reading->verifier->team, team);
    return JOSE_NONE;
}

/* A binding that can not be checked refuses: somebody meant the token for one holder. */
static enum jose_fault read_binding(struct reading *reading)
{
    const json_t *binding = json_object_get(reading->claims, "cnf");
    struct str print = jose_json_text(json_object_get(binding, "x5t#S256"));
    size_t length = 0;

    if (!binding) {
        return JOSE_NONE;
    }
    if (json_object_size(binding) != 1 || str_is_absent(print) ||
        enc_unbase64url(print, reading->identity.cert_sha256, JWT_CERT_BYTES, &length) != ERR_OK ||
        length != JWT_CERT_BYTES) {
        return JOSE_BINDING;
    }
    reading->identity.is_bound = true;
    return JOSE_NONE;
}

static enum jose_fault check_holder(const struct jwt_identity *identity, struct str cert_sha256)
{
    bool is_holder = !identity->is_bound ||
                     (cert_sha256.len == JWT_CERT_BYTES &&
                      crypto_equal(identity->cert_sha256, cert_sha256.ptr, JWT_CERT_BYTES));

    return is_holder ? JOSE_NONE : JOSE_OTHER_HOLDER;
}

static enum jose_fault check_binding(struct reading *reading)
{
    enum jose_fault fault = read_binding(reading);

    return fault == JOSE_NONE ? check_holder(&reading->identity, reading->cert_sha256) : fault;
}

static enum jose_fault check_claims(struct reading *reading)
{
    static enum jose_fault (*const checks[])(struct reading *) = {
        check_issuer,   check_audience, check_times, check_type, check_subject,
        check_required, read_user,      read_roles,  read_team,  check_binding};

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        enum jose_fault fault = checks[i](reading);
        if (fault != JOSE_NONE) {
            return fault;
        }
    }
    return JOSE_NONE;
}

enum jose_fault jwt_verify(struct jwt_verifier *verifier, struct str token, int64_t now_s,
                           struct str cert_sha256, struct jwt_identity *out)
{
    struct jws jws;
    enum jose_fault fault = jws_verify(verifier->jws, token, &jws);

    if (fault != JOSE_NONE) {
        return fault;
    }
    const struct jwt_policy *policy = &verifier->policies[jws.source];
    json_t *claims = jose_json_object(jws.payload);
    if (!claims) {
        return JOSE_CLAIMS;
    }
    struct reading reading = {
        .verifier = verifier,
        .policy = policy,
        .claims = claims,
        .type = jws.type,
        .now_s = now_s,
        .cert_sha256 = cert_sha256,
        .identity = {.policy = policy, .key = jws.key, .claims = jws.payload}};
    fault = check_claims(&reading);
    json_decref(claims);
    if (fault == JOSE_NONE) {
        *out = reading.identity;
    }
    return fault;
}

static const struct jwt_policy *find_publisher(const struct jwt_verifier *verifier,
                                               struct str issuer)
{
    for (size_t i = 0; i < verifier->policy_count && !str_is_absent(issuer); i++) {
        const struct jwt_policy *policy = &verifier->policies[i];

        if (policy->published.url.len > 0 && str_equal(issuer, policy->issuer)) {
            return policy;
        }
    }
    return NULL;
}

const struct jwt_policy *jwt_claimed_publisher(struct jwt_verifier *verifier, struct str token)
{
    struct str payload;

    if (jws_peek(verifier->jws, token, &payload) != JOSE_NONE) {
        return NULL;
    }
    json_t *claims = jose_json_object(payload);
    const struct jwt_policy *policy =
        find_publisher(verifier, jose_json_text(json_object_get(claims, "iss")));
    json_decref(claims);
    return policy;
}

enum jose_fault jwt_still_holds(const struct jwt_identity *identity, int64_t now_s,
                                struct str cert_sha256)
{
    enum jose_fault fault = check_now(identity, now_s);

    return fault == JOSE_NONE ? check_holder(identity, cert_sha256) : fault;
}
