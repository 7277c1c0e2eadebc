/* Who is calling: the key or token, the user, the user's team. */
#include "agent/decide/memo.h"
#include "agent/decide/run.h"

static bool source_is_allowed(const struct run *run, const struct record_prefixes *prefixes)
{
    if (prefixes->count == 0) {
        return true;
    }
    for (size_t i = 0; i < prefixes->count; i++) {
        if (ip_prefix_holds(record_prefix(prefixes, i), &run->request->source)) {
            return true;
        }
    }
    return false;
}

/* The audit tells the key's two hashes apart, so that a rotation can be watched to its end. */
static void name_credential(struct run *run, struct str keyid, unsigned hash_index)
{
    const struct str second = STR("#2");
    struct str parts[] = {STR("key:"), keyid, second};
    struct str full = run_join(run, parts, hash_index > 0 ? 3 : 2);

    run->out->credential = full;
    run->out->verdict.credential = full;
    if (hash_index > 0 && full.len > 0) {
        run->out->verdict.credential.len -= second.len;
    }
}

/* A key that is unknown is looked up once more than one that is known; so that their times are one. */
static void look_for_nobody(struct run *run)
{
    (void)directory_find(run->context->directory, RECORD_KEY, STR("0000000000"), run->now);
}

/* The record of the key that is offered; NULL: there is none. A text that is remembered was parsed
 * before. */
static enum step_result find_key(struct run *run, struct str text,
                                 const struct siphash_digest *digest,
                                 struct directory_entry **entry)
{
    run->keyid = apikey_id(text);
    *entry = directory_find(run->context->directory, RECORD_KEY, run->keyid, run->now);
    if (*entry && apikey_is_remembered(*entry, digest)) {
        return STEP_NEXT;
    }
    /* Its record may have to be read again first: known to be good it is all the same. */
    bool is_known = run->context->shield && shield_knows(run->context->shield, &run->attempt);
    if (!is_known && run_shield(run) == STEP_END) {
        return STEP_END;
    }
    if (!apikey_parse(text, &run->keyid)) {
        return run_deny(run, REASON_BAD_CREDENTIAL, "malformed key");
    }
    return *entry ? STEP_NEXT : run_get(run, RECORD_KEY, run->keyid, entry);
}

/* A key that is bound to a certificate counts with that alone. Who is presumed to have the key is to
 * have the certificate, too. */
static bool has_its_certificate(const struct run *run)
{
    struct str bound = record_str(&run->key->cert);

    return run->presumed || str_is_absent(bound) ||
           str_equal(bound, run_verified_cert(run->request));
}

static enum step_result refuse_length(struct run *run)
{
    run_attempt(run, CREDENTIAL_APIKEY, run->offer.text);
    return run_shield(run) == STEP_END ? STEP_END
                                       : run_deny(run, REASON_BAD_CREDENTIAL, "malformed key");
}

enum step_result step_key(struct run *run)
{
    struct directory_entry *entry;
    unsigned hash_index = 0;

    if (run->offer.kind != CREDENTIAL_APIKEY) {
        return STEP_NEXT;
    }
    struct str text = run->offer.text;
    if (text.len != APIKEY_LENGTH) {
        return refuse_length(run);
    }
    run_attempt(run, CREDENTIAL_APIKEY, apikey_id(text));
    struct siphash_digest digest = apikey_digest(run->context->apikeys, text);
    enum step_result result = find_key(run, text, &digest, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    if (!entry) {
        apikey_verify_nobody(run->context->apikeys, text);
        return run_deny(run, REASON_BAD_CREDENTIAL, "unknown key");
    }
    enum reason reason =
        apikey_verify(run->context->apikeys, text, &digest, entry, run->now, &hash_index);
    if (reason == REASON_BAD_CREDENTIAL) {
        look_for_nobody(run);
        return run_deny(run, reason, "wrong secret");
    }
    if (reason == REASON_OK) {
        run_clear(run);
    }
    return run_accept_key(run, entry, hash_index, reason);
}

enum step_result run_accept_key(struct run *run, struct directory_entry *entry, unsigned hash_index,
                                enum reason reason)
{
    name_credential(run, run->keyid, hash_index);
    run->out->verdict.user = record_str(&entry->record->key.user);
    if (reason != REASON_OK) {
        return run_deny(run, reason, NULL);
    }
    run->credential_entry = entry;
    run->key = &entry->record->key;
    if (!has_its_certificate(run)) {
        return run_deny(run, REASON_BAD_CREDENTIAL, "bound to another certificate");
    }
    seen_note(run->context->seen, RECORD_KEY, run->keyid, hash_index > 0 ? SEEN_HASH2 : SEEN_HASH,
              &record_hash(&entry->record->key, hash_index)->seen, run->now);
    if (!source_is_allowed(run, &run->key->allow_from)) {
        return run_deny(run, REASON_SOURCE_ADDRESS, "the key's allow_from");
    }
    return STEP_NEXT;
}

/* ---- tokens ---- */

static void name_token(struct run *run, const struct token *token)
{
    struct str parts[] = {STR("jwt:"), token->identity.policy->name, STR(":"), token->revocation};
    bool has_id = token->revocation.len > 0;
    struct str full = run_join(run, parts, has_id ? 4 : 2);

    run->out->credential = full;
    run->out->verdict.credential = full;
    if (has_id && full.len > 0) {
        run->out->verdict.credential.len -= 1 + token->revocation.len;
    }
}

/* A record under the token's name ends it. Whether one has to be asked for is the issuer's policy. */
static enum step_result check_revocation(struct run *run)
{
    const struct token *token = run->token;
    struct directory_entry *entry;

    if (str_is_absent(token->revocation)) {
        return STEP_NEXT;
    }
    enum step_result result = run_get(run, RECORD_REVOKED, token->revocation, &entry);
    bool is_away = result == STEP_END && run->out->verdict.reason == REASON_STORE_DOWN;
    if (is_away && !token->identity.policy->needs_revocations) {
        run->out->verdict.reason = REASON_NONE;
        return STEP_NEXT;
    }
    if (result == STEP_NEXT && entry) {
        return run_deny(run, REASON_REVOKED, "revoked token");
    }
    return result;
}

/* Its text is hashed for that, so only where somebody has to wait. */
static bool is_known_token(const struct run *run)
{
    return run->context->shield && !shield_is_quiet(run->context->shield, run->now) &&
           tokens_know(run->context->tokens, run->offer.text);
}

/* Newer keys of the issuer may say otherwise. */
static enum step_result await_keys(struct run *run, enum jose_fault fault)
{
    switch (
        tokens_await_keys(run->context->tokens, run->offer.text, run->now, run->waiter, &fault)) {
    case TOKENS_WAITS:
        return STEP_WAIT_SLOW;
    case TOKENS_BUSY:
        return run_deny(run, REASON_OVERLOAD, "too many wait for the issuer's keys");
    case TOKENS_SETTLED:
        break;
    }
    /* Not the caller's failure: agents may be late to know new keys. */
    if (fault == JOSE_NO_KEY || fault == JOSE_KEYS_AWAY) {
        run->attempt.kind = CREDENTIAL_NONE;
    }
    return run_deny(run, jose_fault_reason(fault), jose_fault_text(fault));
}

enum step_result step_token(struct run *run)
{
    if (run->offer.kind != CREDENTIAL_JWT) {
        return STEP_NEXT;
    }
    run_attempt(run, CREDENTIAL_JWT, run->offer.text);
    if (!is_known_token(run) && run_shield(run) == STEP_END) {
        return STEP_END;
    }
    enum jose_fault fault = tokens_verify(run->context->tokens, run->offer.text, run->now,
                                          run_verified_cert(run->request), &run->token);
    if (fault != JOSE_NONE) {
        run->token = NULL;
        return jose_fault_is_of_keys(fault)
                   ? await_keys(run, fault)
                   : run_deny(run, jose_fault_reason(fault), jose_fault_text(fault));
    }
    return run_accept_token(run, run->token);
}

enum step_result run_accept_token(struct run *run, const struct token *token)
{
    run->token = token;
    name_token(run, token);
    run->out->verdict.user = token->identity.user;
    return check_revocation(run);
}

/* Tokens that were issued before, or do not say when. */
static bool is_too_old(const struct run *run)
{
    int64_t not_before_s = record_seconds(run->user->tokens_not_before);

    return run->token && not_before_s > 0 && run->token->identity.issued_at_s < not_before_s;
}

/* ---- users ---- */

static enum step_result get_user(struct run *run, struct directory_entry **entry)
{
    struct str name = run->out->verdict.user;

    return run->credential_entry ? run_get_linked(run, run->credential_entry, DIRECTORY_LINK_USER,
                                                  RECORD_USER, name, entry)
                                 : run_get(run, RECORD_USER, name, entry);
}

/* Without a credential. Never in an agent. */
static bool is_presumed_user(const struct run *run)
{
    return run->presumed && run->out->verdict.user.len > 0;
}

/* Of who has no record but the user's own. Beside passwords, and certificates that are known by their
 * names, no mark is kept: the board says each time whether the use was noted. */
static void note_user(const struct run *run)
{
    struct seen *seen = run->context->seen;
    struct str name = run->out->verdict.user;
    uint32_t unknown = 0;

    if (run->token) {
        seen_note(seen, RECORD_USER, name, SEEN_TOKEN, run->token->seen, run->now);
    } else if (run->offer.kind == CREDENTIAL_BASIC) {
        seen_note(seen, RECORD_USER, name, SEEN_PASSWORD, &unknown, run->now);
    } else if (run->offer.kind == CREDENTIAL_CERT && !run->cert) {
        seen_note(seen, RECORD_USER, name, SEEN_CERT, &unknown, run->now);
    }
}

enum step_result step_user(struct run *run)
{
    struct directory_entry *entry;

    if (run_has_token_user(run)) {
        run->out->verdict.team = run->token->identity.team;
        return STEP_NEXT;
    }
    if (run->offer.kind == CREDENTIAL_NONE && !is_presumed_user(run)) {
        return STEP_NEXT;
    }
    enum step_result result = get_user(run, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    if (!entry) {
        return run_deny(run, REASON_USER_DISABLED,
                        run->key                        ? "the key's user does not exist"
                        : run->token                    ? "the token's user does not exist"
                        : run->cert || run->cert_policy ? "the certificate's user does not exist"
                                                        : "the user does not exist");
    }
    run->user_entry = entry;
    run->user = &entry->record->user;
    run->out->verdict.team = record_str(&run->user->team);
    if (!run->user->is_active) {
        return run_deny(run, REASON_USER_DISABLED, "user disabled");
    }
    int64_t expires = record_seconds(run->user->expires);
    if (expires != 0 && now_wall_s(run->now) >= expires) {
        return run_deny(run, REASON_USER_DISABLED, "user expired");
    }
    if (is_too_old(run)) {
        return run_deny(run, REASON_REVOKED, "issued before the user's tokens_not_before");
    }
    note_user(run);
    if (!source_is_allowed(run, &run->user->allow_from)) {
        return run_deny(run, REASON_SOURCE_ADDRESS, "the user's allow_from");
    }
    return STEP_NEXT;
}

static enum step_result get_team(struct run *run, struct directory_entry **entry)
{
    struct str name = run->out->verdict.team;

    return run->user
               ? run_get_linked(run, run->user_entry, DIRECTORY_LINK_TEAM, RECORD_TEAM, name, entry)
               : run_get(run, RECORD_TEAM, name, entry);
}

enum step_result step_team(struct run *run)
{
    struct directory_entry *entry;

    if (run_is_anonymous(run) || run->out->verdict.team.len == 0) {
        return STEP_NEXT;
    }
    enum step_result result = get_team(run, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    /* A team needs no record of its own: without one it is a mere label. */
    if (!entry) {
        return STEP_NEXT;
    }
    run->team = &entry->record->team;
    if (!run->team->is_active) {
        return run_deny(run, REASON_USER_DISABLED, "team disabled");
    }
    return STEP_NEXT;
}
