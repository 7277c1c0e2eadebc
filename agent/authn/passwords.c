#include "agent/authn/passwords.h"

#include <stdlib.h>

#include "agent/authn/recent.h"
#include "agent/base/copy.h"
#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/base/siphash.h"

/* Wrong ones that are remembered at once, and those that could not be hashed. */
#define WRONG_COUNT  1024
#define FAILED_COUNT 64

#define LOG_INTERVAL_US 1000000

/* A record that costs more does not make everybody's unknown users cost as much. */
#define REFERENCE_US_MAX 1000000

/* All that makes a digest: three texts and what separates them. */
#define DIGESTED_BYTES_MAX                                                                         \
    (PASSWORDS_NAME_BYTES_MAX + 1 + PHC_PASSWORD_BYTES_MAX + 1 + PHC_TEXT_MAX)

/* Whose hands it is in owns it: theirs who hash, until it came back. */
struct password_work {
    struct phc phc;
    bool is_nobodys; /* it can only be wrong */
    bool is_hashed;
    bool is_right;
    size_t length;
    char password[PHC_PASSWORD_BYTES_MAX];
};

enum flight_state { FLIGHT_AWAY, FLIGHT_RIGHT, FLIGHT_WRONG, FLIGHT_FAILED, FLIGHT_UNDONE };

/* A work and those who wait for it. */
struct flight {
    struct password_work work; /* first: a work is its flight */
    struct flight *next;
    struct siphash_digest digest;
    enum flight_state state;
    struct waiter_queue waiters;
};

struct passwords {
    passwords_submit_cb *submit_cb;
    void *context;
    struct siphash_key key; /* of digests; new in each process */
    struct recent *right;
    struct recent *wrong;
    struct recent *failed;
    struct log_limit failed_log;
    struct flight *flights;
    struct phc_cost reference; /* what nobody's password costs */
    bool has_met_cost;
    struct passwords_counters counters;
};

struct passwords *passwords_new(const struct passwords_settings *settings)
{
    struct passwords *passwords = calloc(1, sizeof(*passwords));

    if (!passwords) {
        return NULL;
    }
    passwords->submit_cb = settings->submit_cb;
    passwords->context = settings->context;
    passwords->reference = phc_cost_default;
    passwords->right = recent_new(settings->max_remembered);
    passwords->wrong = recent_new(WRONG_COUNT);
    passwords->failed = recent_new(FAILED_COUNT);
    if (!passwords->right || !passwords->wrong || !passwords->failed ||
        crypto_random(&passwords->key, sizeof(passwords->key)) != ERR_OK) {
        passwords_free(passwords);
        return NULL;
    }
    return passwords;
}

static void flight_free(struct flight *flight)
{
    waiter_cancel_all(&flight->waiters);
    crypto_wipe(flight, sizeof(*flight));
    free(flight);
}

void passwords_free(struct passwords *passwords)
{
    if (!passwords) {
        return;
    }
    while (passwords->flights) {
        struct flight *next = passwords->flights->next;
        ensure(passwords->flights->state != FLIGHT_AWAY);
        flight_free(passwords->flights);
        passwords->flights = next;
    }
    recent_free(passwords->right);
    recent_free(passwords->wrong);
    recent_free(passwords->failed);
    crypto_wipe(passwords, sizeof(*passwords));
    free(passwords);
}

/* ---- hashing ---- */

void password_work_do(struct password_work *work)
{
    bool is_right;
    enum err e = phc_verify(&work->phc, str_make(work->password, work->length), &is_right);

    crypto_wipe(work->password, sizeof(work->password));
    work->is_hashed = e == ERR_OK;
    work->is_right = is_right && !work->is_nobodys;
}

/* The dearest cost met is what nobody's password costs from now on. */
static void meet_cost(struct passwords *passwords, const struct phc_cost *cost)
{
    uint64_t cost_us = phc_cost_us(cost);
    bool is_dearer = cost_us > phc_cost_us(&passwords->reference) && cost_us <= REFERENCE_US_MAX;

    if (is_dearer || !passwords->has_met_cost) {
        passwords->reference = *cost;
        passwords->has_met_cost = true;
    }
}

/* False: the hash does not parse, which a record's always does. */
static bool fill_work(struct passwords *passwords, const struct password_question *question,
                      struct password_work *work)
{
    if (str_is_absent(question->hash)) {
        work->is_nobodys = true;
        work->phc =
            (struct phc){.cost = passwords->reference, .salt_length = 16, .hash_length = 32};
    } else if (phc_parse(question->hash, &work->phc) == NULL) {
        meet_cost(passwords, &work->phc.cost);
    } else {
        return false;
    }
    work->length = question->password.len;
    copy_bytes(work->password, question->password.ptr, question->password.len);
    return true;
}

/* ---- asking ---- */

/* Neither text has a NUL, so no two questions are one text. */
static struct siphash_digest digest_of(const struct passwords *passwords,
                                       const struct password_question *question)
{
    char text[DIGESTED_BYTES_MAX];

    char *at = copy_bytes(text, question->name.ptr, question->name.len);
    *at++ = '\0';
    at = copy_bytes(at, question->password.ptr, question->password.len);
    *at++ = '\0';
    at = copy_bytes(at, question->hash.ptr, question->hash.len);
    struct siphash_digest digest = siphash_128(&passwords->key, text, (size_t)(at - text));
    crypto_wipe(text, (size_t)(at - text));
    return digest;
}

static struct flight *find_flight(const struct passwords *passwords,
                                  const struct siphash_digest *digest)
{
    struct flight *flight = passwords->flights;

    while (flight && !crypto_equal(&flight->digest, digest, sizeof(*digest))) {
        flight = flight->next;
    }
    return flight;
}

static uint64_t number_of(const struct passwords *passwords, struct str text)
{
    return siphash_64(&passwords->key, text.ptr, text.len);
}

/* NULL: nobody takes it. */
static struct flight *start_flight(struct passwords *passwords,
                                   const struct password_question *question,
                                   const struct siphash_digest *digest)
{
    const struct password_place place = {.source = number_of(passwords, question->source),
                                         .user = number_of(passwords, question->name),
                                         .late_us = question->late_us};
    struct flight *flight = calloc(1, sizeof(*flight));

    if (!flight) {
        return NULL;
    }
    flight->digest = *digest;
    waiter_queue_init(&flight->waiters);
    if (!fill_work(passwords, question, &flight->work) ||
        passwords->submit_cb(passwords->context, &flight->work, &place) != ERR_OK) {
        flight_free(flight);
        return NULL;
    }
    flight->next = passwords->flights;
    passwords->flights = flight;
    passwords->counters.hashes++;
    passwords->counters.under_way++;
    return flight;
}

static enum password_answer wait_for(struct passwords *passwords, struct flight *flight,
                                     struct waiter *waiter)
{
    switch (flight->state) {
    case FLIGHT_RIGHT:
        return PASSWORD_RIGHT;
    case FLIGHT_WRONG:
        return PASSWORD_WRONG;
    case FLIGHT_FAILED:
    case FLIGHT_UNDONE:
        passwords->counters.refused++;
        return PASSWORD_BUSY;
    case FLIGHT_AWAY:
        break;
    }
    waiter_add(&flight->waiters, waiter);
    return PASSWORD_PENDING;
}

static bool are_sound(const struct password_question *question)
{
    return question->name.len > 0 && question->name.len <= PASSWORDS_NAME_BYTES_MAX &&
           !phc_password_fault(question->password) && question->hash.len < PHC_TEXT_MAX;
}

enum password_answer passwords_verify(struct passwords *passwords,
                                      const struct password_question *question, struct now now,
                                      struct waiter *waiter)
{
    ensure(are_sound(question));
    struct siphash_digest digest = digest_of(passwords, question);
    if (recent_has(passwords->right, &digest, now.mono_us)) {
        passwords->counters.hits++;
        return PASSWORD_RIGHT;
    }
    if (recent_has(passwords->wrong, &digest, now.mono_us)) {
        passwords->counters.hits++;
        return PASSWORD_WRONG;
    }
    if (recent_has(passwords->failed, &digest, now.mono_us)) {
        passwords->counters.refused++;
        return PASSWORD_BUSY;
    }
    struct flight *flight = find_flight(passwords, &digest);
    if (flight) {
        passwords->counters.joined++;
        return wait_for(passwords, flight, waiter);
    }
    flight = start_flight(passwords, question, &digest);
    if (!flight) {
        passwords->counters.refused++;
        return PASSWORD_BUSY;
    }
    return wait_for(passwords, flight, waiter);
}

/* ---- coming back ---- */

void passwords_done(struct passwords *passwords, struct password_work *work, bool was_done)
{
    struct flight *flight = (struct flight *)(void *)work;

    ensure(flight->state == FLIGHT_AWAY);
    passwords->counters.under_way--;
    if (!was_done) {
        flight->state = FLIGHT_UNDONE;
    } else if (!work->is_hashed) {
        flight->state = FLIGHT_FAILED;
    } else {
        flight->state = work->is_right ? FLIGHT_RIGHT : FLIGHT_WRONG;
    }
}

static void tell_failure(struct passwords *passwords, struct now now)
{
    uint64_t swallowed;

    if (log_limit_pass(&passwords->failed_log, now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_error("a password could not be hashed, probably for want of memory (%llu like it not "
                  "logged)",
                  (unsigned long long)swallowed);
    }
}

static void remember(struct passwords *passwords, const struct flight *flight, struct now now)
{
    if (flight->state == FLIGHT_RIGHT) {
        recent_add(passwords->right, &flight->digest, INT64_MAX);
    } else if (flight->state == FLIGHT_WRONG) {
        recent_add(passwords->wrong, &flight->digest, now.mono_us + PASSWORDS_WRONG_US);
    } else if (flight->state == FLIGHT_FAILED) {
        recent_add(passwords->failed, &flight->digest, now.mono_us + PASSWORDS_FAILED_US);
        tell_failure(passwords, now);
    }
}

/* Takes one that came back off the list; NULL: none. */
static struct flight *take_landed(struct passwords *passwords)
{
    struct flight **at = &passwords->flights;

    while (*at && (*at)->state == FLIGHT_AWAY) {
        at = &(*at)->next;
    }
    struct flight *flight = *at;
    if (flight) {
        *at = flight->next;
    }
    return flight;
}

void passwords_tick(struct passwords *passwords, struct now now)
{
    struct flight *flight;

    while ((flight = take_landed(passwords))) {
        remember(passwords, flight, now);
        waiter_wake_all(&flight->waiters, now);
        flight_free(flight);
    }
}

void passwords_counters(const struct passwords *passwords, struct passwords_counters *out)
{
    *out = passwords->counters;
    out->nobody_us = phc_cost_us(&passwords->reference);
}
