/* The fields of an issuer: whose tokens are taken, and what is made of them. */
#include <stddef.h>
#include <stdlib.h>

#include "agent/config/key_file.h"
#include "agent/config/published.h"
#include "agent/config/section.h"
#include "agent/config/text.h"
#include "agent/config/value.h"
#include "agent/jose/jwt.h"

#define LIFETIME_S_MAX (366 * 86400)
#define LEEWAY_S       30
#define TYPES          (JWS_TYPE_JWT | JWS_TYPE_AT_JWT)
#define SECOND_US      UINT64_C(1000000)

static const struct choice algorithms[] = {
    {"HS256", SIGNATURE_HS256, NULL}, {"HS384", SIGNATURE_HS384, NULL},
    {"HS512", SIGNATURE_HS512, NULL}, {"RS256", SIGNATURE_RS256, NULL},
    {"RS384", SIGNATURE_RS384, NULL}, {"RS512", SIGNATURE_RS512, NULL},
    {"PS256", SIGNATURE_PS256, NULL}, {"PS384", SIGNATURE_PS384, NULL},
    {"PS512", SIGNATURE_PS512, NULL}, {"ES256", SIGNATURE_ES256, NULL},
    {"ES384", SIGNATURE_ES384, NULL}, {"ES512", SIGNATURE_ES512, NULL},
    {"EdDSA", SIGNATURE_EDDSA, NULL}, {NULL, 0, NULL},
};

static const struct choice types[] = {
    {"JWT", JWS_TYPE_JWT, NULL},
    {"at+jwt", JWS_TYPE_AT_JWT, NULL},
    {"absent", JWS_TYPE_ABSENT, NULL},
    {NULL, 0, NULL},
};

static const struct choice users[] = {
    {"store", false, NULL},
    {"token", true, NULL},
    {NULL, 0, NULL},
};

static const struct choice revocations[] = {
    {"required", true, NULL},
    {"best_effort", false, NULL},
    {NULL, 0, NULL},
};

static void apply_algorithm(void *item, unsigned value)
{
    ((struct jwt_policy *)item)->algorithms |= SIGNATURE_BIT(value);
}

static void apply_type(void *item, unsigned value)
{
    ((struct jwt_policy *)item)->types |= value;
}

static void apply_users(void *item, unsigned value)
{
    ((struct jwt_policy *)item)->has_users = value != 0;
}

static void apply_revocation(void *item, unsigned value)
{
    ((struct jwt_policy *)item)->needs_revocations = value != 0;
}

/* ---- texts ---- */

static enum err set_issuer(void *item, struct str text, struct diag *diag)
{
    return text_replace(text, &((struct jwt_policy *)item)->issuer, "the text of iss", diag);
}

static enum err add_audience(void *item, struct str text, struct diag *diag)
{
    return text_add(text, &((struct jwt_policy *)item)->audiences, "a text of aud", diag);
}

static enum err add_required(void *item, struct str text, struct diag *diag)
{
    return text_add(text, &((struct jwt_policy *)item)->required, "a claim", diag);
}

static enum err set_user_claim(void *item, struct str text, struct diag *diag)
{
    return text_replace(text, &((struct jwt_policy *)item)->user_claim, "a claim", diag);
}

static enum err set_roles_claim(void *item, struct str text, struct diag *diag)
{
    return text_replace(text, &((struct jwt_policy *)item)->roles_claim, "a claim", diag);
}

static enum err set_team_claim(void *item, struct str text, struct diag *diag)
{
    return text_replace(text, &((struct jwt_policy *)item)->team_claim, "a claim", diag);
}

/* The role stands behind the last '=', so the value may hold some. */
static enum err add_role(void *item, struct str text, struct diag *diag)
{
    struct jwt_roles *roles = &((struct jwt_policy *)item)->roles;
    const char *equals = text.len > 0 ? memrchr(text.ptr, '=', text.len) : NULL;
    struct jwt_role made = {.value = STR_ABSENT, .role = STR_ABSENT};

    if (!equals || !text_is_line(text) || equals == text.ptr ||
        !str_is_name(str_skip(text, (size_t)(equals - text.ptr) + 1))) {
        return text_refuse(ERR_SYNTAX, diag, "value=role", text);
    }
    enum err e = text_grow(&roles->items, roles->count, sizeof(roles->items[0]), diag);
    if (e == ERR_OK) {
        e = text_own(str_make(text.ptr, (size_t)(equals - text.ptr)), &made.value, diag);
    }
    if (e == ERR_OK) {
        e = text_own(str_skip(text, (size_t)(equals - text.ptr) + 1), &made.role, diag);
    }
    if (e == ERR_OK) {
        roles->items[roles->count++] = made;
    } else {
        text_drop(&made.value);
    }
    return e;
}

/* ---- times ---- */

/* Tokens count in seconds. */
static enum err set_seconds(struct str text, int64_t max_s, const char *wanted, int64_t *out,
                            struct diag *diag)
{
    uint64_t us;

    if (!value_parse_duration(text, &us) || us % SECOND_US != 0 ||
        us > (uint64_t)max_s * SECOND_US) {
        return text_refuse(ERR_RANGE, diag, wanted, text);
    }
    *out = (int64_t)(us / SECOND_US);
    return ERR_OK;
}

static enum err set_leeway(void *item, struct str text, struct diag *diag)
{
    return set_seconds(text, JWT_LEEWAY_S_MAX, "whole seconds from 0 to 60s",
                       &((struct jwt_policy *)item)->leeway_s, diag);
}

static enum err set_lifetime(void *item, struct str text, struct diag *diag)
{
    return set_seconds(text, LIFETIME_S_MAX, "whole seconds up to 366d",
                       &((struct jwt_policy *)item)->max_lifetime_s, diag);
}

/* ---- keys ---- */

/* Read at once, so that the file and the fault are told with the line that names it. */
static enum err add_keys(void *item, struct str text, struct diag *diag)
{
    struct jwt_policy *policy = item;
    struct str source = STR_ABSENT;

    if (!policy->keys) {
        policy->keys = jose_keys_new();
    }
    if (!policy->keys) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    enum err e = text_replace(text, &source, "a path, env:NAME or credential:NAME", diag);
    if (e == ERR_OK) {
        e = key_file_add(source.ptr, policy->keys, diag);
    }
    text_drop(&source);
    return e;
}

/* ---- keys that are published ---- */

static enum err set_url(void *item, struct str text, struct diag *diag)
{
    return published_set_url(&((struct jwt_policy *)item)->published, text, diag);
}

static enum err set_ca_file(void *item, struct str text, struct diag *diag)
{
    return published_set_ca_file(&((struct jwt_policy *)item)->published, text, diag);
}

static enum err set_interval(struct str text, int64_t max_s, const char *wanted, int64_t *out_us,
                             struct diag *diag)
{
    int64_t seconds = 0;
    enum err e = set_seconds(text, max_s, wanted, &seconds, diag);

    if (e == ERR_OK && seconds == 0) {
        return text_refuse(ERR_RANGE, diag, wanted, text);
    }
    if (e == ERR_OK) {
        *out_us = seconds * (int64_t)SECOND_US;
    }
    return e;
}

static enum err set_refresh(void *item, struct str text, struct diag *diag)
{
    return set_interval(text, 86400, "whole seconds from 1s to 1d",
                        &((struct jwt_policy *)item)->published.refresh_us, diag);
}

static enum err set_max_age(void *item, struct str text, struct diag *diag)
{
    return set_interval(text, 30 * 86400, "whole seconds from 1s to 30d",
                        &((struct jwt_policy *)item)->published.max_age_us, diag);
}

static enum err set_timeout(void *item, struct str text, struct diag *diag)
{
    return set_interval(text, 60, "whole seconds from 1s to 60s",
                        &((struct jwt_policy *)item)->published.timeout_us, diag);
}

static enum err set_cooldown(void *item, struct str text, struct diag *diag)
{
    return set_interval(text, 3600, "whole seconds from 1s to 1h",
                        &((struct jwt_policy *)item)->published.cooldown_us, diag);
}

/* ---- the whole ---- */

static enum err init(void *item, const char *title, struct diag *diag)
{
    struct jwt_policy *policy = item;

    policy->leeway_s = LEEWAY_S;
    policy->needs_revocations = true;
    enum err e = text_own_title(title, &policy->name, diag);
    return e == ERR_OK ? text_own(STR("sub"), &policy->user_claim, diag) : e;
}

static void fini(void *item)
{
    struct jwt_policy *policy = item;

    text_drop(&policy->name);
    text_drop(&policy->origin);
    text_drop(&policy->issuer);
    text_drop(&policy->user_claim);
    text_drop(&policy->roles_claim);
    text_drop(&policy->team_claim);
    text_list_drop(&policy->audiences);
    text_list_drop(&policy->required);
    for (size_t i = 0; i < policy->roles.count; i++) {
        text_drop(&policy->roles.items[i].value);
        text_drop(&policy->roles.items[i].role);
    }
    free(policy->roles.items);
    published_fini(&policy->published);
    jose_keys_unref(policy->keys);
    *policy = (struct jwt_policy){.leeway_s = 0};
}

static bool is_published(const struct jwt_policy *policy)
{
    return policy->published.url.len > 0;
}

static bool has_idle_options(const struct jwt_policy *policy)
{
    const struct jwt_published *published = &policy->published;

    return !is_published(policy) &&
           (published->ca_pem.len > 0 || published->refresh_us > 0 || published->max_age_us > 0 ||
            published->timeout_us > 0 || published->cooldown_us > 0);
}

/* NULL where nothing is missing. */
static const char *find_missing(const struct jwt_policy *policy)
{
    return policy->issuer.len == 0    ? "issuer: set it to what iss must be"
           : policy->algorithms == 0  ? "algorithms: set those that its tokens are signed with"
           : has_idle_options(policy) ? "jwks_url: without it the other jwks options have no "
                                        "meaning"
           : policy->keys && is_published(policy)
               ? "keys: its keys are at jwks_url; set one of both"
           : !policy->keys && !is_published(policy)
               ? "keys: set the files that hold its keys, or jwks_url"
           : policy->audiences.count == 0 ? "audience: set what aud must name"
           : policy->has_users && policy->roles_claim.len == 0
               ? "roles_claim: set it; users of a token have no other roles"
           : !policy->has_users && policy->team_claim.len > 0
               ? "team_claim: a user in the store has its team there"
           : policy->roles.count > 0 && policy->roles_claim.len == 0
               ? "roles: without roles_claim they have no meaning"
               : NULL;
}

static bool has_key_for(const struct jwt_policy *policy, unsigned algorithm)
{
    for (size_t i = 0; i < policy->keys->count; i++) {
        if ((policy->keys->items[i].algorithms & SIGNATURE_BIT(algorithm)) != 0) {
            return true;
        }
    }
    return false;
}

static enum err check_published(struct jwt_policy *policy, struct diag *diag)
{
    if ((policy->algorithms & SIGNATURE_HMAC_ALL) != 0) {
        diag_set(diag, "algorithms: HS256, HS384 and HS512 need a secret, which nobody publishes");
        return ERR_RANGE;
    }
    policy->keys = jose_keys_new();
    if (!policy->keys) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    return published_complete(&policy->published, diag);
}

static enum err check(void *item, struct diag *diag)
{
    struct jwt_policy *policy = item;
    const char *missing = find_missing(policy);

    if (missing) {
        diag_set(diag, "%s", missing);
        return ERR_RANGE;
    }
    policy->types = policy->types ? policy->types : TYPES;
    if (is_published(policy)) {
        return check_published(policy, diag);
    }
    for (unsigned i = 0; i < SIGNATURE_ALGORITHM_COUNT; i++) {
        if ((policy->algorithms & SIGNATURE_BIT(i)) != 0 && !has_key_for(policy, i)) {
            diag_set(diag, "algorithms: no key is good for %s",
                     signature_algorithm_name((enum signature_algorithm)i));
            return ERR_RANGE;
        }
    }
    return ERR_OK;
}

static const struct section_field fields[] = {
    {"issuer", false, NULL, .set = set_issuer, .takes = "a text",
     .help = "What iss of its tokens must be, exactly."},
    {"keys", true, NULL, .set = add_keys, .takes = "paths, env:NAME or credential:NAME",
     .help =
         "A public key in PEM, a JWK or a JWK Set each. Read again on reload. Secrets (kty oct) "
         "must be private files."},
    {"jwks_url", false, NULL, .set = set_url, .takes = "https://host[:port]/path",
     .help = "Instead of keys: where the issuer publishes its JWK Set. Redirects are not followed, "
             "and proxies not used. An unknown kid has it fetched again."},
    {"jwks_ca_file", false, NULL, .set = set_ca_file, .takes = "a path",
     .help = "Certificates that may vouch for the server, in PEM. Read again on reload. Default: "
             "the system's."},
    {"jwks_refresh", false, "\"5m\"", .set = set_refresh, .takes = "whole seconds from 1s to 1d",
     .help = "The set is fetched again so often."},
    {"jwks_max_age", false, "\"1d\"", .set = set_max_age, .takes = "whole seconds from 1s to 30d",
     .help = "While it can not be fetched the last good set counts for so long; then the issuer's "
             "tokens are refused (issuer_down)."},
    {"jwks_timeout", false, "\"5s\"", .set = set_timeout, .takes = "whole seconds from 1s to 60s",
     .help = "Of one fetch. Requests wait for it no longer than deadline_slow."},
    {"jwks_cooldown", false, "\"30s\"", .set = set_cooldown, .takes = "whole seconds from 1s to 1h",
     .help = "Unknown kids have the set fetched no more often."},
    {"algorithms", true, NULL, algorithms, .apply = apply_algorithm,
     .help = "What its tokens may be signed with; a token with another alg is refused."},
    {"audience", true, NULL, .set = add_audience, .takes = "texts",
     .help = "aud must name one of them."},
    {"types", true, "{JWT, \"at+jwt\"}", types, .apply = apply_type,
     .help = "What typ may be; absent: tokens without typ too."},
    {"leeway", false, "\"30s\"", .set = set_leeway, .takes = "whole seconds from 0 to 60s",
     .help = "For clocks that differ."},
    {"max_lifetime", false, "\"0\"", .set = set_lifetime, .takes = "whole seconds up to 366d",
     .help = "Tokens that live longer, from iat to exp, are refused, and those without iat; 0: any "
             "lifetime."},
    {"required", true, "{}", .set = add_required, .takes = "claims",
     .help = "Claims that must be there. A name, or a path: \"/realm_access/roles\"."},
    {"user_claim", false, "\"sub\"", .set = set_user_claim, .takes = "a claim",
     .help = "Names the user."},
    {"users", false, "\"store\"", users, .apply = apply_users,
     .help = "store: the user has a record, and its roles and team from there; token: what the "
             "token says is all there is to know."},
    {"roles_claim", false, NULL, .set = set_roles_claim, .takes = "a claim",
     .help = "Names roles, as a list or as words of one text; a token without it is refused. Where "
             "users have records it narrows their roles."},
    {"roles", true, "{}", .set = add_role, .takes = "\"value=role\"",
     .help = "Which values of roles_claim stand for which roles; none: values are roles' names. "
             "Other values count for nothing."},
    {"team_claim", false, NULL, .set = set_team_claim, .takes = "a claim",
     .help = "Names the team of a token's user; a token without it is refused."},
    {"revocation", false, "\"required\"", revocations, .apply = apply_revocation,
     .help = "required: a token counts only while revocations can be looked up; best_effort: also "
             "while the store is away."},
    {.name = NULL},
};

const struct section issuer_section = {
    .name = "issuer",
    .one = "an issuer",
    .help = "    Whose JSON Web Tokens are taken, for gates that accept jwt.\n",
    .bytes = sizeof(struct jwt_policy),
    .items_offset = offsetof(struct config, issuers),
    .count_offset = offsetof(struct config, issuer_count),
    .origin_offset = offsetof(struct jwt_policy, origin),
    .max = CONFIG_ISSUERS_MAX,
    .fields = fields,
    .init = init,
    .check = check,
    .fini = fini,
};
