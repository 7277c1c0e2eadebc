#include "agent/jwks/issuer.h"

#include <string.h>

#include "agent/base/crypto.h"
#include "agent/jose/keys.h"

#define LOG_INTERVAL_US 1000000
#define ACCEPT          "Accept: application/jwk-set+json, application/json"

void issuer_init(struct issuer *issuer, const struct jwt_policy *policy, struct now now)
{
    *issuer = (struct issuer){.policy = policy};
    schedule_init(&issuer->schedule, &policy->published, now.mono_us);
}

void issuer_fini(struct issuer *issuer)
{
    jose_keys_unref(issuer->keys);
    issuer->keys = NULL;
}

bool issuer_inherit(struct issuer *issuer, struct issuer *from, struct now now)
{
    const struct jwt_policy *ours = issuer->policy, *theirs = from->policy;

    if (!str_equal(ours->name, theirs->name) ||
        !str_equal(ours->published.url, theirs->published.url) ||
        !str_equal(ours->published.ca_pem, theirs->published.ca_pem)) {
        return false;
    }
    issuer->schedule = from->schedule;
    schedule_change(&issuer->schedule, &ours->published, now.mono_us);
    issuer->keys = jose_keys_ref(from->keys);
    issuer->state = from->state;
    issuer->told = from->told;
    issuer->log = from->log;
    return true;
}

/* ---- a fetch ---- */

struct http_transfer *issuer_begin(struct http *http, const struct jwt_published *published,
                                   void *context)
{
    const struct http_request request = {.url = published->url,
                                         .ca_pem = published->ca_pem,
                                         .accept = ACCEPT,
                                         .max_bytes = JOSE_KEYS_BYTES_MAX,
                                         .timeout_us = published->timeout_us,
                                         .context = context};

    return http_begin(http, &request);
}

enum err issuer_read(const struct http_answer *answer, struct jose_keys **out, struct diag *diag)
{
    struct jose_keys *keys;

    if (!answer->is_good) {
        *diag = answer->why;
        return ERR_IO;
    }
    keys = jose_keys_new();
    if (!keys) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    enum err e = jose_keys_add_published(keys, answer->body, diag);
    if (e == ERR_OK) {
        *out = keys;
    } else {
        jose_keys_unref(keys);
    }
    return e;
}

/* ---- its state ---- */

/* Numbers do not count: times stand in what libcurl says. */
static bool says_the_same(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    for (;;) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b || *a == '\0') {
            return *a == *b;
        }
        a++;
        b++;
    }
}

static void tell(struct issuer *issuer, const struct diag *what, struct now now)
{
    static const enum log_level levels[] = {[ISSUER_NEW] = LOG_INFO,
                                            [ISSUER_GOOD] = LOG_INFO,
                                            [ISSUER_FAILING] = LOG_WARNING,
                                            [ISSUER_AWAY] = LOG_ERROR};
    struct str name = issuer->policy->name;
    uint64_t swallowed;

    if (!says_the_same(what->text, issuer->told.text) &&
        log_limit_pass(&issuer->log, now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        issuer->told = *what;
        log_line(levels[issuer->state], "issuer %.*s: %s: %s", (int)name.len, name.ptr,
                 issuer->policy->published.url.ptr, what->text);
    }
}

static void tell_failure(struct issuer *issuer, const char *why, struct now now)
{
    struct diag what;

    issuer->state = issuer->keys ? ISSUER_FAILING : ISSUER_AWAY;
    diag_set(&what, "%s; %s", why,
             issuer->keys ? "the last good keys stay" : "its tokens are refused");
    tell(issuer, &what, now);
}

static bool holds_all(const struct jose_keys *keys, const struct jose_keys *others)
{
    for (size_t i = 0; i < others->count; i++) {
        if (!jose_keys_have(keys, &others->items[i])) {
            return false;
        }
    }
    return true;
}

/* The order does not count. */
static bool are_same(const struct jose_keys *a, const struct jose_keys *b)
{
    return a && a->count == b->count && holds_all(a, b) && holds_all(b, a);
}

/* Takes keys. The object stays where nothing changed, so that nobody has anything to do. */
static void keep(struct issuer *issuer, struct jose_keys *keys, struct now now)
{
    struct diag what;

    if (are_same(issuer->keys, keys)) {
        jose_keys_unref(keys);
    } else {
        jose_keys_unref(issuer->keys);
        issuer->keys = keys;
        issuer->told = (struct diag){""};
    }
    issuer->state = ISSUER_GOOD;
    diag_set(&what, "%zu keys", issuer->keys->count);
    tell(issuer, &what, now);
}

static uint32_t roll(void)
{
    uint32_t dice = 0;

    return crypto_random(&dice, sizeof(dice)) == ERR_OK ? dice : 0;
}

void issuer_settle(struct issuer *issuer, struct jose_keys *keys, const struct diag *why,
                   struct now now)
{
    if (!keys) {
        schedule_fail(&issuer->schedule, now.mono_us, roll());
        tell_failure(issuer, why->text, now);
        return;
    }
    schedule_succeed(&issuer->schedule, now.mono_us, roll());
    keep(issuer, keys, now);
}

void issuer_expire(struct issuer *issuer, struct now now)
{
    if (issuer->keys && now.mono_us >= issuer->schedule.good_until_us) {
        jose_keys_unref(issuer->keys);
        issuer->keys = NULL;
        issuer->schedule.good_until_us = INT64_MIN;
        tell_failure(issuer, "the keys are older than jwks_max_age", now);
    }
}
