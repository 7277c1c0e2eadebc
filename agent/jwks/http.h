/*
 * Fetches over HTTPS, several at once, for one thread. The only place that knows libcurl.
 *
 * What is fetched decides who gets in, so: TLS from 1.2 on, the server's certificate and name
 * verified; no redirect is followed, no proxy used, whatever the environment says; status 200 only;
 * size and time bounded, the body not compressed.
 *
 * libcurl is loaded when it is needed first: with all it brings it takes 6 MiB, more than the rest
 * of an agent, and most agents fetch nothing.
 */
#ifndef REEVE_JWKS_HTTP_H
#define REEVE_JWKS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

struct http;

/* Before the first http_new(), while there is one thread that calls it. ERR_MISSING, ERR_CRYPTO with
 * a diag. May be called again. */
enum err http_load(struct diag *diag) MUST_USE;

/* NULL when out of memory. */
struct http *http_new(void);
/* Ends what is under way. NULL accepted. */
void http_free(struct http *http);

struct http_request {
    struct str url;    /* NUL-terminated, https */
    struct str ca_pem; /* absent: the system's certificates; borrowed until the end */
    const char *accept;
    size_t max_bytes;
    int64_t timeout_us; /* of the whole */
    void *context;      /* given back with the answer */
};

struct http_transfer;

/* Gives the transfer that was begun; NULL when out of memory. */
struct http_transfer *http_begin(struct http *http, const struct http_request *request);

struct http_answer {
    struct http_transfer *transfer;
    void *context;
    bool is_good;    /* 200, whole */
    struct str body; /* the transfer's */
    struct diag why; /* where it is not good */
};

/* One that has ended; false: none. It stays until http_end(). */
bool http_next(struct http *http, struct http_answer *out);
/* Also one that has not ended. */
void http_end(struct http *http, struct http_transfer *transfer);

/* Works on what is under way until one of them moves on, that time has passed or somebody calls
 * http_wake(). */
void http_wait(struct http *http, int64_t timeout_us);
/* Any thread. */
void http_wake(struct http *http);

#endif
