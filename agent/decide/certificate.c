/* Client certificates: as what says who is calling, and beside a key or token. */
#include "agent/base/enc.h"
#include "agent/decide/run.h"

#define FINGERPRINT_CHARS 64
/* Of a fingerprint, what HAProxy is told. */
#define FINGERPRINT_SHOWN 16

/* The audit has the whole fingerprint. */
static enum step_result name_certificate(struct run *run, struct str fingerprint)
{
    struct str parts[] = {STR("cert:"), fingerprint};
    struct str full = run_join(run, parts, 2);

    if (str_is_absent(full)) {
        return run_deny(run, REASON_OVERLOAD, "arena");
    }
    run->out->credential = full;
    run->out->verdict.credential = str_make(full.ptr, parts[0].len + FINGERPRINT_SHOWN);
    return STEP_NEXT;
}

static enum step_result accept_record(struct run *run, struct str fingerprint,
                                      struct cert_record *record)
{
    int64_t expires = record_seconds(record->expires);

    if (!record->is_active) {
        return run_deny(run, REASON_REVOKED, "certificate disabled");
    }
    if (expires != 0 && now_wall_s(run->now) >= expires) {
        return run_deny(run, REASON_EXPIRED, "certificate expired");
    }
    seen_note(run->context->seen, RECORD_CERT, fingerprint, SEEN_CERT, &record->seen, run->now);
    return STEP_NEXT;
}

/* The record of a certificate that HAProxy verified; NULL: there is none. One that is there counts,
 * whatever else speaks for the certificate. */
static enum step_result get_record(struct run *run, struct str fingerprint,
                                   struct directory_entry **entry)
{
    enum step_result result = run_get(run, RECORD_CERT, fingerprint, entry);

    if (result == STEP_NEXT && *entry) {
        run->cert = &(*entry)->record->cert;
    }
    return result;
}

/* Absent: HAProxy verified none, or the arena is full, and the run ends with a deny. */
static struct str take_fingerprint(struct run *run)
{
    struct str digest = run_verified_cert(run->request);
    char *hex = arena_take(run->arena, FINGERPRINT_CHARS);

    if (str_is_absent(digest)) {
        run_deny(run, REASON_BAD_CREDENTIAL, "certificate not verified");
        return STR_ABSENT;
    }
    if (!hex) {
        run_deny(run, REASON_OVERLOAD, "arena");
        return STR_ABSENT;
    }
    enc_hex((const uint8_t *)digest.ptr, digest.len, hex);
    return str_make(hex, FINGERPRINT_CHARS);
}

/* By its names. NULL: there is a user; else what is wrong. */
static const char *identify(struct run *run, struct cert_identity *identity)
{
    return cert_identify(run->context->config, run->out->gate, run->request->cert_issuer,
                         run->request->cert_subject, identity);
}

/* ---- alone ---- */

/* By its record, if it has one. */
static enum step_result judge_by_record(struct run *run, struct str fingerprint)
{
    struct directory_entry *entry;
    enum step_result result = name_certificate(run, fingerprint);

    if (result == STEP_NEXT) {
        result = get_record(run, fingerprint, &entry);
    }
    if (result != STEP_NEXT || !run->cert) {
        return result;
    }
    run->credential_entry = entry;
    run->out->verdict.user = record_str(&run->cert->user);
    return accept_record(run, fingerprint, &entry->record->cert);
}

static enum step_result judge_alone(struct run *run)
{
    struct cert_identity identity;

    struct str fingerprint = take_fingerprint(run);
    if (str_is_absent(fingerprint)) {
        return STEP_END;
    }
    enum step_result result = judge_by_record(run, fingerprint);
    if (result != STEP_NEXT || run->cert) {
        return result;
    }
    const char *fault = identify(run, &identity);
    if (fault) {
        return run_deny(run, REASON_BAD_CREDENTIAL, fault);
    }
    run->cert_policy = identity.policy;
    run->out->verdict.user = identity.user;
    return STEP_NEXT;
}

enum step_result run_accept_cert(struct run *run, struct str fingerprint,
                                 const struct cert_identity *identity)
{
    enum step_result result = judge_by_record(run, fingerprint);

    if (result != STEP_NEXT || run->cert) {
        return result;
    }
    run->cert_policy = identity->policy;
    run->out->verdict.user = identity->user;
    return STEP_NEXT;
}

/* ---- beside ---- */

/* By a key's `cert` or a token's cnf, which were compared with it. */
static bool is_bound(const struct run *run)
{
    return run->key ? !str_is_absent(record_str(&run->key->cert))
                    : run->token && run->token->identity.is_bound;
}

static enum step_result require_user(struct run *run, struct str user)
{
    return str_equal(user, run->out->verdict.user)
               ? STEP_NEXT
               : run_deny(run, REASON_BAD_CREDENTIAL, "another user's certificate");
}

/* It must speak for the very user that the key or token stands for: by its record, else because the
 * key or token is bound to it, else by its names. */
static enum step_result judge_beside(struct run *run)
{
    struct cert_identity identity;
    struct directory_entry *entry;

    struct str fingerprint = take_fingerprint(run);
    if (str_is_absent(fingerprint)) {
        return STEP_END;
    }
    enum step_result result = get_record(run, fingerprint, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    if (run->cert) {
        result = accept_record(run, fingerprint, &entry->record->cert);
        return result == STEP_NEXT ? require_user(run, record_str(&run->cert->user)) : result;
    }
    if (is_bound(run)) {
        return STEP_NEXT;
    }
    const char *fault = identify(run, &identity);
    if (fault) {
        return run_deny(run, REASON_BAD_CREDENTIAL, fault);
    }
    run->cert_policy = identity.policy;
    return require_user(run, identity.user);
}

static bool is_required(const struct run *run)
{
    return (run->out->gate->also & CREDENTIAL_CERT) != 0;
}

/* Before anything that costs. */
enum step_result step_also(struct run *run)
{
    if (!is_required(run)) {
        return STEP_NEXT;
    }
    if (!run->request->cert_used) {
        return run_deny(run, REASON_NO_CREDENTIAL, "no client certificate");
    }
    return str_is_absent(run_verified_cert(run->request))
               ? run_deny(run, REASON_BAD_CREDENTIAL, "certificate not verified")
               : STEP_NEXT;
}

enum step_result step_certificate(struct run *run)
{
    if (run->offer.kind == CREDENTIAL_CERT) {
        return judge_alone(run);
    }
    return is_required(run) ? judge_beside(run) : STEP_NEXT;
}
