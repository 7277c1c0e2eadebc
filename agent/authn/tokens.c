#include "agent/authn/tokens.h"

#include <stdlib.h>

#include "agent/base/copy.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/base/siphash.h"

/* The configuration takes no longer one. */
#define ISSUER_BYTES_MAX 512

/* Places that a digest may stand in. */
#define WAYS 4

/* An ask that got no news is repeated after. */
#define ASK_US 1000000

/* Who waits for keys leaves the rest of what may be parked to others. */
#define WAITING_SHARE 4

struct remembered {
    struct siphash_digest digest;
    struct token token;
    struct jose_key key; /* that signed it; without the key itself */
    uint64_t used;       /* by tokens.uses */
    unsigned generation; /* of its issuer's keys when it was looked for last */
    uint32_t seen;
    size_t bytes;
    char texts[];
};

/* What an issuer's tokens are verified with. */
struct issuer {
    int64_t good_until_us; /* INT64_MAX: keys from files */
    int64_t next_ask_us;
    int64_t asked_us;    /* 0: not asked since the last news */
    unsigned generation; /* counts changes of the keys */
    unsigned waited;     /* since the last news */
    struct waiter_queue waiting;
};

struct tokens {
    const struct config *config;
    struct issuer *issuers;
    struct jose_keys **fetched; /* beside issuers; references */
    tokens_ask_cb *ask_cb;      /* NULL: none */
    void *ask_context;
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

static bool is_published(const struct tokens *tokens, size_t issuer)
{
    return tokens->config->issuers[issuer].published.url.len > 0;
}

static bool make_issuers(struct tokens *tokens)
{
    size_t count = tokens->config->issuer_count;

    tokens->fetched = calloc(count + 1, sizeof(struct jose_keys *));
    tokens->issuers = calloc(count + 1, sizeof(*tokens->issuers));
    for (size_t i = 0; tokens->issuers && i < count; i++) {
        struct issuer *issuer = &tokens->issuers[i];

        issuer->good_until_us = is_published(tokens, i) ? INT64_MIN : INT64_MAX;
        issuer->next_ask_us = INT64_MIN;
        waiter_queue_init(&issuer->waiting);
    }
    return tokens->fetched && tokens->issuers;
}

struct tokens *tokens_new(const struct config *config)
{
    struct tokens *tokens = calloc(1, sizeof(*tokens));

    if (!tokens) {
        return NULL;
    }
    tokens->config = config;
    tokens->set_count = sets_for(config->max_tokens);
    tokens->places = calloc(tokens->set_count * WAYS, sizeof(*tokens->places));
    tokens->verifier =
        jwt_verifier_new(config->issuers, NULL, config->issuer_count, config->max_token_bytes);
    tokens->hasher = crypto_sha256_new();
    if (!make_issuers(tokens) || !tokens->places || !tokens->verifier || !tokens->hasher ||
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
    for (size_t i = 0; tokens->fetched && i < tokens->config->issuer_count; i++) {
        jose_keys_unref(tokens->fetched[i]);
    }
    free(tokens->fetched);
    free(tokens->issuers);
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

static struct issuer *issuer_of(const struct tokens *tokens, const struct jwt_identity *identity)
{
    return &tokens->issuers[identity->policy - tokens->config->issuers];
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
                   identity->roles.len + identity->key->kid.len +
                   (has_id ? TOKEN_REVOCATION_CHARS : 0);
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
    made->key = *identity->key;
    made->key.key = NULL;
    if (!str_is_absent(identity->key->kid)) {
        made->key.kid = move(&at, identity->key->kid);
    }
    made->generation = issuer_of(tokens, identity)->generation;
    made->token.identity.key = NULL;
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

/* The key that signed it is still one of its issuer's. */
static bool has_key(const struct tokens *tokens, struct remembered *remembered)
{
    size_t i = (size_t)(remembered->token.identity.policy - tokens->config->issuers);
    unsigned generation = tokens->issuers[i].generation;

    if (remembered->generation == generation) {
        return true;
    }
    remembered->generation = generation;
    return tokens->fetched[i] && jose_keys_have(tokens->fetched[i], &remembered->key);
}

static enum jose_fault meet_again(struct tokens *tokens, struct remembered **place, struct now now,
                                  struct str cert_sha256, const struct token **out)
{
    const struct jwt_identity *identity = &(*place)->token.identity;
    enum jose_fault fault = jwt_still_holds(identity, now_wall_s(now), cert_sha256);

    if (now.mono_us >= issuer_of(tokens, identity)->good_until_us) {
        return JOSE_KEYS_AWAY;
    }

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

    if (place && !has_key(tokens, *place)) {
        forget(place);
        place = NULL;
    }
    if (place) {
        return meet_again(tokens, place, now, cert_sha256, out);
    }
    enum jose_fault fault =
        jwt_verify(tokens->verifier, text, now_wall_s(now), cert_sha256, &identity);
    if (fault != JOSE_NONE) {
        return fault;
    }
    if (now.mono_us >= issuer_of(tokens, &identity)->good_until_us) {
        return JOSE_KEYS_AWAY;
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

/* ---- keys that are published ---- */

void tokens_on_ask(struct tokens *tokens, tokens_ask_cb *ask_cb, void *context)
{
    tokens->ask_cb = ask_cb;
    tokens->ask_context = context;
}

/* Where there is no memory for the new keys the old ones end, too: some of them may have gone. */
static void change_keys(struct tokens *tokens, size_t issuer, struct jose_keys *keys)
{
    struct jose_keys *old = tokens->fetched[issuer];

    tokens->fetched[issuer] = keys;
    struct jwt_verifier *made =
        jwt_verifier_new(tokens->config->issuers, tokens->fetched, tokens->config->issuer_count,
                         tokens->config->max_token_bytes);
    tokens->issuers[issuer].generation++;
    if (made) {
        jwt_verifier_free(tokens->verifier);
        tokens->verifier = made;
        jose_keys_unref(old);
    } else {
        tokens->fetched[issuer] = old;
        tokens->issuers[issuer].good_until_us = INT64_MIN;
        jose_keys_unref(keys);
    }
}

void tokens_use_keys(struct tokens *tokens, size_t issuer, struct jose_keys *keys,
                     int64_t good_until_us, int64_t next_ask_us, struct now now)
{
    struct issuer *about = &tokens->issuers[issuer];

    ensure(issuer < tokens->config->issuer_count && is_published(tokens, issuer));
    about->good_until_us = keys ? good_until_us : INT64_MIN;
    about->next_ask_us = next_ask_us;
    about->asked_us = 0;
    about->waited = 0;
    if (keys && keys != tokens->fetched[issuer]) {
        change_keys(tokens, issuer, keys);
    } else {
        jose_keys_unref(keys);
    }
    waiter_wake_all(&about->waiting, now);
}

void tokens_wake(struct tokens *tokens, struct now now)
{
    for (size_t i = 0; i < tokens->config->issuer_count; i++) {
        waiter_wake_all(&tokens->issuers[i].waiting, now);
    }
}

static void ask(struct tokens *tokens, size_t i, struct now now)
{
    struct issuer *issuer = &tokens->issuers[i];

    if (issuer->asked_us == 0 || now.mono_us - issuer->asked_us >= ASK_US) {
        issuer->asked_us = now.mono_us;
        tokens->ask_cb(tokens->ask_context, i);
    }
}

enum tokens_wait tokens_await_keys(struct tokens *tokens, struct str text, struct now now,
                                   struct waiter *waiter, enum jose_fault *fault)
{
    const struct jwt_policy *policy = jwt_claimed_publisher(tokens->verifier, text);

    if (!policy) {
        return TOKENS_SETTLED;
    }
    size_t i = (size_t)(policy - tokens->config->issuers);
    struct issuer *issuer = &tokens->issuers[i];
    if (now.mono_us >= issuer->good_until_us) {
        *fault = JOSE_KEYS_AWAY;
    }
    if (now.mono_us < issuer->next_ask_us || !tokens->ask_cb) {
        return TOKENS_SETTLED;
    }
    if (issuer->waited > tokens->config->max_in_flight / WAITING_SHARE) {
        return TOKENS_BUSY;
    }
    issuer->waited++;
    ask(tokens, i, now);
    waiter_add(&issuer->waiting, waiter);
    return TOKENS_WAITS;
}
