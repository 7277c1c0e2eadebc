#include "agent/jwks/jwks.h"

#include <pthread.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/base/thread.h"
#include "agent/jwks/issuer.h"

#define SECOND_US INT64_C(1000000)
/* A mailbox that is full is tried again after. */
#define RETRY_US 20000

/* What everybody else has for the thread; under the mutex. */
struct orders {
    struct config *config; /* to use from now on, a reference; NULL: none */
    bool *is_asked;        /* by issuer of `current` */
    bool is_stopping;
};

struct jwks {
    struct jwks_settings settings;
    struct http *http;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t mutex;
    struct orders orders;
    const struct config *current; /* whose issuers is_asked counts; under the mutex */

    /* The thread's own. */
    struct config *config; /* a reference; NULL: none yet */
    struct issuer *issuers;
    bool *is_owed; /* news: by issuer and receiver */
};

/* ---- life ---- */

struct jwks *jwks_new(const struct jwks_settings *settings)
{
    struct jwks *jwks = calloc(1, sizeof(*jwks));

    if (jwks) {
        jwks->settings = *settings;
        pthread_mutex_init(&jwks->mutex, NULL);
    }
    return jwks;
}

static void clear_config(struct jwks *jwks)
{
    for (size_t i = 0; jwks->config && jwks->issuers && i < jwks->config->issuer_count; i++) {
        if (jwks->issuers[i].transfer) {
            http_end(jwks->http, jwks->issuers[i].transfer);
        }
        issuer_fini(&jwks->issuers[i]);
    }
    free(jwks->issuers);
    free(jwks->is_owed);
    config_unref(jwks->config);
}

void jwks_free(struct jwks *jwks)
{
    if (!jwks) {
        return;
    }
    clear_config(jwks);
    config_unref(jwks->orders.config);
    free(jwks->orders.is_asked);
    http_free(jwks->http);
    pthread_mutex_destroy(&jwks->mutex);
    free(jwks);
}

void jwks_news_free(struct jwks_news *news)
{
    if (news) {
        config_unref(news->config);
        jose_keys_unref(news->keys);
        free(news);
    }
}

/* ---- orders ---- */

static bool is_published(const struct config *config, size_t issuer)
{
    return config->issuers[issuer].published.url.len > 0;
}

static bool has_published(const struct config *config)
{
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (is_published(config, i)) {
            return true;
        }
    }
    return false;
}

void jwks_use_config(struct jwks *jwks, struct config *config)
{
    if (!jwks->has_thread) {
        return;
    }
    pthread_mutex_lock(&jwks->mutex);
    config_unref(jwks->orders.config);
    jwks->orders.config = config_ref(config);
    pthread_mutex_unlock(&jwks->mutex);
    http_wake(jwks->http);
}

void jwks_ask(struct jwks *jwks, const struct config *config, size_t issuer)
{
    pthread_mutex_lock(&jwks->mutex);
    if (jwks->current == config && issuer < config->issuer_count && !jwks->orders.is_stopping) {
        jwks->orders.is_asked[issuer] = true;
        http_wake(jwks->http);
    }
    pthread_mutex_unlock(&jwks->mutex);
}

/* ---- news ---- */

static struct jwks_news *make_news(const struct jwks *jwks, size_t issuer)
{
    const struct issuer *from = &jwks->issuers[issuer];
    struct jwks_news *news = calloc(1, sizeof(*news));

    if (news) {
        news->config = config_ref(jwks->config);
        news->issuer = issuer;
        news->keys = jose_keys_ref(from->keys);
        news->good_until_us = from->schedule.good_until_us;
        news->next_ask_us = from->schedule.next_ask_us;
    }
    return news;
}

static bool post(const struct jwks *jwks, size_t issuer, size_t receiver)
{
    struct jwks_news *news = make_news(jwks, issuer);

    if (news && jwks->settings.post_cb(jwks->settings.context, receiver, news)) {
        return true;
    }
    jwks_news_free(news);
    return false;
}

static void owe(struct jwks *jwks, size_t issuer)
{
    for (size_t r = 0; r < jwks->settings.receiver_count; r++) {
        jwks->is_owed[issuer * jwks->settings.receiver_count + r] = true;
    }
}

/* False: something is still owed. */
static bool pay(struct jwks *jwks)
{
    size_t receivers = jwks->settings.receiver_count;
    bool is_paid = true;

    for (size_t i = 0; i < jwks->config->issuer_count * receivers; i++) {
        if (jwks->is_owed[i] && post(jwks, i / receivers, i % receivers)) {
            jwks->is_owed[i] = false;
        }
        is_paid = is_paid && !jwks->is_owed[i];
    }
    return is_paid;
}

/* ---- a new configuration ---- */

static void inherit(struct issuer *issuer, const struct jwks *jwks, struct now now)
{
    for (size_t i = 0; jwks->config && i < jwks->config->issuer_count; i++) {
        if (is_published(jwks->config, i) && issuer_inherit(issuer, &jwks->issuers[i], now)) {
            return;
        }
    }
}

struct room {
    struct issuer *issuers;
    bool *is_owed, *is_asked;
};

static bool make_room(const struct jwks *jwks, const struct config *config, struct room *out)
{
    size_t count = config->issuer_count + 1;

    *out = (struct room){calloc(count, sizeof(struct issuer)),
                         calloc(count * jwks->settings.receiver_count, sizeof(bool)),
                         calloc(count, sizeof(bool))};
    if (out->issuers && out->is_owed && out->is_asked) {
        return true;
    }
    free(out->issuers);
    free(out->is_owed);
    free(out->is_asked);
    return false;
}

/* Takes the configuration. False: out of memory; it is still the caller's. */
static bool change_config(struct jwks *jwks, struct config *config, struct now now)
{
    struct room room;

    if (!make_room(jwks, config, &room)) {
        return false;
    }
    for (size_t i = 0; i < config->issuer_count; i++) {
        issuer_init(&room.issuers[i], &config->issuers[i], now);
        if (is_published(config, i)) {
            inherit(&room.issuers[i], jwks, now);
        }
    }
    clear_config(jwks);
    jwks->config = config;
    jwks->issuers = room.issuers;
    jwks->is_owed = room.is_owed;
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (is_published(config, i)) {
            owe(jwks, i);
        }
    }
    pthread_mutex_lock(&jwks->mutex);
    free(jwks->orders.is_asked);
    jwks->orders.is_asked = room.is_asked;
    jwks->current = config;
    pthread_mutex_unlock(&jwks->mutex);
    return true;
}

/* ---- the thread ---- */

static void take_config(struct jwks *jwks, struct now now)
{
    pthread_mutex_lock(&jwks->mutex);
    struct config *config = jwks->orders.config;
    jwks->orders.config = NULL;
    pthread_mutex_unlock(&jwks->mutex);
    if (config && !change_config(jwks, config, now)) {
        log_error("jwks: out of memory; the new configuration's issuers have no keys");
        config_unref(config);
    }
}

static void take_asks(struct jwks *jwks, struct now now)
{
    pthread_mutex_lock(&jwks->mutex);
    for (size_t i = 0; i < jwks->config->issuer_count; i++) {
        if (jwks->orders.is_asked[i] && is_published(jwks->config, i)) {
            schedule_ask(&jwks->issuers[i].schedule, now.mono_us);
            /* Who asks may not know yet what the last fetch brought. */
            if (!schedule_is_due(&jwks->issuers[i].schedule, now.mono_us)) {
                owe(jwks, i);
            }
        }
        jwks->orders.is_asked[i] = false;
    }
    pthread_mutex_unlock(&jwks->mutex);
}

static void begin(struct jwks *jwks, size_t i, struct now now)
{
    struct issuer *issuer = &jwks->issuers[i];
    struct diag why;

    schedule_begin(&issuer->schedule, now.mono_us);
    issuer->transfer = issuer_begin(jwks->http, &issuer->policy->published, issuer);
    if (!issuer->transfer) {
        diag_set(&why, "out of memory");
        issuer_settle(issuer, NULL, &why, now);
        owe(jwks, i);
    }
}

/* Gives when something is due next. */
static int64_t begin_due(struct jwks *jwks, struct now now)
{
    int64_t next_us = now.mono_us + 60 * SECOND_US;

    for (size_t i = 0; i < jwks->config->issuer_count; i++) {
        const struct schedule *schedule = &jwks->issuers[i].schedule;

        if (!is_published(jwks->config, i)) {
            continue;
        }
        issuer_expire(&jwks->issuers[i], now);
        if (schedule_is_due(schedule, now.mono_us)) {
            begin(jwks, i, now);
        }
        if (!schedule->is_fetching && schedule->due_us < next_us) {
            next_us = schedule->due_us;
        }
        if (jwks->issuers[i].keys && schedule->good_until_us < next_us) {
            next_us = schedule->good_until_us;
        }
    }
    return next_us;
}

static void take_answers(struct jwks *jwks, struct now now)
{
    struct http_answer answer;

    while (http_next(jwks->http, &answer)) {
        struct issuer *issuer = answer.context;
        struct jose_keys *keys = NULL;
        struct diag why;

        if (issuer_read(&answer, &keys, &why) != ERR_OK) {
            keys = NULL;
        }
        http_end(jwks->http, answer.transfer);
        issuer->transfer = NULL;
        issuer_settle(issuer, keys, &why, now);
        owe(jwks, (size_t)(issuer - jwks->issuers));
    }
}

static bool is_stopping(struct jwks *jwks)
{
    pthread_mutex_lock(&jwks->mutex);
    bool is_stopping = jwks->orders.is_stopping;
    pthread_mutex_unlock(&jwks->mutex);
    return is_stopping;
}

static void turn(struct jwks *jwks)
{
    struct now now = clock_read();
    int64_t wait_us = 60 * SECOND_US;

    take_config(jwks, now);
    if (jwks->config) {
        take_asks(jwks, now);
        wait_us = begin_due(jwks, now) - now.mono_us;
        if (!pay(jwks) && wait_us > RETRY_US) {
            wait_us = RETRY_US;
        }
    }
    http_wait(jwks->http, wait_us);
    take_answers(jwks, clock_read());
}

static void *run(void *context)
{
    struct jwks *jwks = context;

    while (!is_stopping(jwks)) {
        turn(jwks);
    }
    return NULL;
}

enum err jwks_prepare(struct jwks *jwks, const struct config *config, struct diag *diag)
{
    if (jwks->has_thread || !has_published(config)) {
        return ERR_OK;
    }
    enum err e = http_load(diag);
    if (e != ERR_OK) {
        return e;
    }
    jwks->http = jwks->http ? jwks->http : http_new();
    if (!jwks->http) {
        diag_set(diag, "jwks: out of memory");
        return ERR_MEMORY;
    }
    e = thread_start(&jwks->thread, "jwks", run, jwks);
    jwks->has_thread = e == ERR_OK;
    if (e != ERR_OK) {
        diag_set(diag, "jwks: no thread");
    }
    return e;
}

void jwks_stop(struct jwks *jwks)
{
    if (!jwks->has_thread) {
        return;
    }
    pthread_mutex_lock(&jwks->mutex);
    jwks->orders.is_stopping = true;
    pthread_mutex_unlock(&jwks->mutex);
    http_wake(jwks->http);
    pthread_join(jwks->thread, NULL);
    jwks->has_thread = false;
}

/* ---- without a thread ---- */

enum err jwks_fetch(const struct jwt_published *published, struct jose_keys **keys,
                    struct diag *diag)
{
    struct http_answer answer;
    enum err e = http_load(diag);

    if (e != ERR_OK) {
        return e;
    }
    struct http *http = http_new();
    struct http_transfer *transfer = http ? issuer_begin(http, published, NULL) : NULL;
    if (!transfer) {
        http_free(http);
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    while (!http_next(http, &answer)) {
        http_wait(http, published->timeout_us);
    }
    e = issuer_read(&answer, keys, diag);
    http_free(http);
    return e;
}
