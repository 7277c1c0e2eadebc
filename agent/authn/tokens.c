#include "agent/authn/tokens.h"

#include <stdlib.h>

#include "agent/base/copy.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/siphash.h"

/* The configuration takes no longer one. */
#define ISSUER_BYTES_MAX 512

/* Places that a digest may stand in. */
#define WAYS 4

struct remembered {
    struct siphash_digest digest;
    struct token token;
    uint64_t used; /* by tokens.uses */
    uint32_t seen;
    size_t bytes;
    char texts[];
};

struct tokens {
    struct jwt_verifier *verifier;
    struct crypto_hasher *hasher;
    struct siphash_key key; /* of digests; new in each process */
    uint64_t uses;
    size_t set_count; /* a power of two */
    struct remembered **places;
};

/* ---- life ---- */

static size_t sets_for(size_t wanted)
{
    size_t sets = 1;

    while (sets * WAYS < wanted) {
        sets *= 2;
    }
    return sets;
}

struct tokens *tokens_new(const struct config *config)
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));

    if (!tokens) {
        return NULL;
    }
    tokens->set_count = sets_for(config->max_tokens);
    tokens->places = calloc(tokens->set_count * WAYS, sizeof(*tokens->places));
    tokens->verifier =
        jwt_verifier_new(config->issuers, config->issuer_count, config->max_token_bytes);
    tokens->hasher = crypto_sha256_new();
    if (!tokens->places || !tokens->verifier || !tokens->hasher ||
        crypto_random(&tokens->key, sizeof(tokens->key)) != ERR_OK) {
        tokens_free(tokens);
        return NULL;
    }
    return tokens;
}

static void forget(struct remembered **place)
{
    if (*place) {
        crypto_wipe(*place, (*place)->bytes);
        free(*place);
        *place = NULL;
    }
}

void tokens_free(struct tokens *tokens)
{
    if (!tokens) {
        return;
    }
    for (size_t i = 0; tokens->places && i < tokens->set_count * WAYS; i++) {
        forget(&tokens->places[i]);
    }
    free(tokens->places);
    jwt_verifier_free(tokens->verifier);
    crypto_hasher_free(tokens->hasher);
    crypto_wipe(tokens, sizeof(*tokens));
    free(tokens);
}

/* ---- what is remembered ---- */

static struct remembered **set_of(struct tokens *tokens, const struct siphash_digest *digest)
{
    return tokens->places + (digest->low & (tokens->set_count - 1)) * WAYS;
}

static struct remembered **find(struct remembered **set, const struct siphash_digest *digest)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i] && crypto_equal(&set[i]->digest, digest, sizeof(*digest))) {
            return &set[i];
        }
    }
    return NULL;
}

static struct remembered **find_place(struct remembered **set)
{
    struct remembered **oldest = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (!set[i]) {
            return &set[i];
        }
        oldest = set[i]->used < (*oldest)->used ? &set[i] : oldest;
    }
    return oldest;
}

static struct str move(char **at, struct str text)
{
    char *begin = *at;

    *at = copy_bytes(begin, text.ptr, text.len);
    return str_make(begin, text.len);
}

static void list_roles(struct token *token)
{
    struct str rest = token->identity.roles;

    while (rest.len > 0 && token->role_count < JWT_ROLES_MAX &&
           str_cut(&rest, ',', &token->roles[token->role_count])) {
        token->role_count++;
    }
}

/* iss has no line feed: the configuration refuses it. */
static bool name_revocation(struct tokens *tokens, const struct jwt_identity *identity,
                            char out[TOKEN_REVOCATION_CHARS])
{
    char text[ISSUER_BYTES_MAX + 1 + JWT_ID_BYTES_MAX];
    uint8_t digest[CRYPTO_SHA256_BYTES];
    struct str issuer = identity->policy->issuer;

    if (issuer.len + 1 + identity->id.len > sizeof(text)) {
        return false;
    }
    char *at = copy_bytes(text, issuer.ptr, issuer.len);
    *at++ = '\n';
    at = copy_bytes(at, identity->id.ptr, identity->id.len);
    if (crypto_hash(tokens->hasher, text, (size_t)(at - text), digest) != ERR_OK) {
        return false;
    }
    enc_hex(digest, TOKEN_REVOCATION_CHARS / 2, out);
    return true;
}

/* NULL: out of memory, or the token could not be named. */
static struct remembered *make(struct tokens *tokens, const struct siphash_digest *digest,
                               const struct jwt_identity *identity)
{
    bool has_id = !str_is_absent(identity->id);
    size_t bytes = sizeof(struct remembered) + identity->user.len + identity->team.len +
                   identity->roles.len + (has_id ? TOKEN_REVOCATION_CHARS : 0);
    struct remembered *made = calloc(1, bytes);

    if (!made) {
        return NULL;
    }
    char *at = made->texts;
    made->digest = *digest;
    made->bytes = bytes;
    made->token.identity = *identity;
    made->token.identity.user = move(&at, identity->user);
    made->token.identity.team = move(&at, identity->team);
    made->token.identity.roles = move(&at, identity->roles);
    made->token.identity.id = STR_ABSENT;
    made->token.identity.claims = STR_ABSENT;
    made->token.seen = &made->seen;
    list_roles(&made->token);
    if (has_id && !name_revocation(tokens, identity, at)) {
        free(made);
        return NULL;
    }
    made->token.revocation = has_id ? str_make(at, TOKEN_REVOCATION_CHARS) : STR_ABSENT;
    return made;
}

/* ---- verifying ---- */

static enum jose_fault meet_again(struct tokens *tokens, struct remembered **place, int64_t now_s,
                                  struct str cert_sha256, const struct token **out)
{
    enum jose_fault fault = jwt_still_holds(&(*place)->token.identity, now_s, cert_sha256);

    if (fault == JOSE_EXPIRED) {
        forget(place);
    } else if (fault == JOSE_NONE) {
        (*place)->used = ++tokens->uses;
        *out = &(*place)->token;
    }
    return fault;
}

bool tokens_know(struct tokens *tokens, struct str text)
{
    struct siphash_digest digest = siphash_128(&tokens->key, text.ptr, text.len);

    return find(set_of(tokens, &digest), &digest) != NULL;
}

enum jose_fault tokens_verify(struct tokens *tokens, struct str text, struct now now,
                              struct str cert_sha256, const struct token **out)
{
    struct siphash_digest digest = siphash_128(&tokens->key, text.ptr, text.len);
    struct remembered **set = set_of(tokens, &digest), **place = find(set, &digest);
    struct jwt_identity identity;

    if (place) {
        return meet_again(tokens, place, now_wall_s(now), cert_sha256, out);
    }
    enum jose_fault fault =
        jwt_verify(tokens->verifier, text, now_wall_s(now), cert_sha256, &identity);
    if (fault != JOSE_NONE) {
        return fault;
    }
    struct remembered *made = make(tokens, &digest, &identity);
    if (!made) {
        return JOSE_MEMORY;
    }
    place = find_place(set);
    forget(place);
    *place = made;
    made->used = ++tokens->uses;
    *out = &made->token;
    return JOSE_NONE;
}
