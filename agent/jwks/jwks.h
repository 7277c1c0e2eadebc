/*
 * The keys that issuers publish: fetched, judged, kept, and handed to every worker. One thread, off
 * the loops; it exists only where an issuer has a jwks_url.
 *
 *   worker --ask: an unknown kid--> this thread --fetch--> the issuer's server
 *   worker <--news, in its mailbox-- this thread <--a JWK Set, or a failure
 *
 * A set that is not sound as a whole (keys.h) changes nothing: the last good one stays until it is
 * older than jwks_max_age. A worker holds that bound itself, by the instant that the news say, so a
 * thread that hangs lets nobody in. When to fetch: schedule.h; what a fetch may do: http.h.
 *
 * News are of one configuration, which they hold a reference of: a worker that has another one, before
 * or after a reload, throws them away. After each reload everybody gets news of every issuer, and
 * sets of issuers whose name, URL and CA are the same are kept. A mailbox that is full is tried again.
 */
#ifndef REEVE_JWKS_JWKS_H
#define REEVE_JWKS_JWKS_H

#include "agent/config/config.h"
#include "agent/jose/keys.h"

/* What became of a fetch. Immutable; the receiver's, to be freed. */
struct jwks_news {
    struct config *config;  /* a reference */
    size_t issuer;          /* in its issuers */
    struct jose_keys *keys; /* a reference; the same object where nothing changed; NULL: none */
    int64_t good_until_us;  /* monotonic; they do not count from then on */
    int64_t next_ask_us;    /* asking again is no use before */
};

/* NULL accepted. */
void jwks_news_free(struct jwks_news *news);

/* Hands news to a receiver; false where it has no room now. On the thread of jwks. */
typedef bool jwks_post_cb(void *context, size_t receiver, struct jwks_news *news);

struct jwks_settings {
    size_t receiver_count;
    jwks_post_cb *post_cb;
    void *context;
};

struct jwks;

/* NULL when out of memory. */
struct jwks *jwks_new(const struct jwks_settings *settings);

/* On the main thread, as all but jwks_ask(). Whether jwks_use_config() could be obeyed: no thread and
 * no library is needed, or both are there now. ERR_MISSING, ERR_CRYPTO, ERR_MEMORY, ERR_IO with a
 * diag. */
enum err jwks_prepare(struct jwks *jwks, const struct config *config, struct diag *diag) MUST_USE;

/* After jwks_prepare(), and after the receivers were told of the configuration. Takes a reference of
 * its own. */
void jwks_use_config(struct jwks *jwks, struct config *config);

/* Any thread: somebody met an unknown kid, or no keys. Never waits for a fetch. News follow. */
void jwks_ask(struct jwks *jwks, const struct config *config, size_t issuer);

/* Ends the thread: no more news. jwks_ask() does nothing from then on. */
void jwks_stop(struct jwks *jwks);
/* After everybody who asks has ended. NULL accepted. */
void jwks_free(struct jwks *jwks);

/* Fetches a set now, waiting for it, for programs without loops. *keys is a reference. As
 * http_load() and jose_keys_add_published(), ERR_IO, with a diag. */
enum err jwks_fetch(const struct jwt_published *published, struct jose_keys **keys,
                    struct diag *diag) MUST_USE;

#endif
