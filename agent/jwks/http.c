#include "agent/jwks/http.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "agent/base/log.h"

#define LIBRARY "libcurl.so.4"

/* So many milliseconds in one wait, at most. */
#define WAIT_MS_MAX 60000

#define FUNCTIONS(X)                                                                               \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_cleanup)                                                                                \
    X(easy_strerror)                                                                               \
    X(multi_init)                                                                                  \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_wakeup)                                                                                \
    X(multi_info_read)                                                                             \
    X(multi_cleanup)                                                                               \
    X(slist_append)                                                                                \
    X(slist_free_all)

#define X(name) __typeof__(&curl_##name) name;
static struct {
    void *library;
    FUNCTIONS(X)
} curl;
#undef X

struct http {
    CURLM *multi;
    struct http_transfer *first;
};

struct http_transfer {
    struct http_transfer *next;
    CURL *easy;
    struct curl_slist *headers;
    void *context;
    char *body;
    size_t length, max_bytes;
    bool is_too_large;
    char error[CURL_ERROR_SIZE];
};

/* ---- loading ---- */

static bool find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);

    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static bool find_all(void *library)
{
    bool has_all = true;

#define X(name) has_all = find(library, "curl_" #name, &curl.name) && has_all;
    FUNCTIONS(X)
#undef X
    return has_all;
}

enum err http_load(struct diag *diag)
{
    if (curl.library) {
        return ERR_OK;
    }
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        diag_set(diag, "jwks_url needs libcurl: %s", dlerror());
        return ERR_MISSING;
    }
    if (!find_all(library) || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        diag_set(diag, "jwks_url needs libcurl: %s is too old or does not start", LIBRARY);
        dlclose(library);
        return ERR_CRYPTO;
    }
    curl.library = library;
    return ERR_OK;
}

/* ---- life ---- */

struct http *http_new(void)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http) {
        http->multi = curl.multi_init();
    }
    if (http && !http->multi) {
        free(http);
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (!http) {
        return;
    }
    while (http->first) {
        http_end(http, http->first);
    }
    curl.multi_cleanup(http->multi);
    free(http);
}

static void free_transfer(struct http_transfer *transfer)
{
    curl.easy_cleanup(transfer->easy);
    curl.slist_free_all(transfer->headers);
    free(transfer->body);
    free(transfer);
}

void http_end(struct http *http, struct http_transfer *transfer)
{
    struct http_transfer **at = &http->first;

    while (*at != transfer) {
        at = &(*at)->next;
    }
    *at = transfer->next;
    curl.multi_remove_handle(http->multi, transfer->easy);
    free_transfer(transfer);
}

/* ---- one transfer ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t length = size * count;

    if (length > transfer->max_bytes - transfer->length) {
        transfer->is_too_large = true;
        return 0;
    }
    memcpy(transfer->body + transfer->length, bytes, length);
    transfer->length += length;
    return length;
}

/* Every option must have been taken: a check that was not switched on is none. */
static bool set_options(struct http_transfer *transfer, const struct http_request *request)
{
    CURL *easy = transfer->easy;
    struct curl_blob blob = {.data = (char *)(uintptr_t)request->ca_pem.ptr,
                             .len = request->ca_pem.len,
                             .flags = CURL_BLOB_COPY};
    bool is_set = true;

#define SET(option, value) is_set = is_set && curl.easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_URL, request->url.ptr);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(request->timeout_us / 1000));
    SET(CURLOPT_MAXFILESIZE, (long)request->max_bytes);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->error);
    SET(CURLOPT_PRIVATE, transfer);
    if (request->ca_pem.len > 0) {
        SET(CURLOPT_CAINFO_BLOB, &blob);
        /* Else the system's would count beside. */
        SET(CURLOPT_CAPATH, NULL);
    }
    /* Else the end of a transfer waits for its name server, and all others with it. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#undef SET
    return is_set;
}

static struct http_transfer *make(const struct http_request *request)
{
    struct http_transfer *transfer = calloc(1, sizeof(*transfer));

    if (!transfer) {
        return NULL;
    }
    transfer->context = request->context;
    transfer->max_bytes = request->max_bytes;
    transfer->body = malloc(request->max_bytes);
    transfer->headers = curl.slist_append(NULL, request->accept);
    transfer->easy = curl.easy_init();
    if (!transfer->body || !transfer->headers || !transfer->easy ||
        !set_options(transfer, request)) {
        free_transfer(transfer);
        return NULL;
    }
    return transfer;
}

struct http_transfer *http_begin(struct http *http, const struct http_request *request)
{
    struct http_transfer *transfer = make(request);

    if (transfer && curl.multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
        free_transfer(transfer);
        return NULL;
    }
    if (transfer) {
        transfer->next = http->first;
        http->first = transfer;
    }
    return transfer;
}

/* ---- all of them ---- */

static void explain(const struct http_transfer *transfer, CURLcode code, long status,
                    struct diag *why)
{
    const char *text = transfer->error[0] ? transfer->error : curl.easy_strerror(code);

    if (transfer->is_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        diag_set(why, "the answer is larger than %zu bytes", transfer->max_bytes);
    } else if (code != CURLE_OK) {
        diag_set(why, "%s", log_quote(str_from_c(text)).text);
    } else if (status >= 300 && status < 400) {
        diag_set(why, "status %ld; redirects are not followed", status);
    } else {
        diag_set(why, "status %ld", status);
    }
}

static void fill_answer(struct http_transfer *transfer, CURLcode code, struct http_answer *out)
{
    long status = 0;

    (void)curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct http_answer){.transfer = transfer,
                                .context = transfer->context,
                                .is_good = code == CURLE_OK && status == 200,
                                .body = str_make(transfer->body, transfer->length)};
    if (!out->is_good) {
        explain(transfer, code, status, &out->why);
    }
}

bool http_next(struct http *http, struct http_answer *out)
{
    int left = 0;
    const CURLMsg *message;

    while ((message = curl.multi_info_read(http->multi, &left))) {
        void *transfer = NULL;

        if (message->msg == CURLMSG_DONE &&
            curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK) {
            fill_answer(transfer, message->data.result, out);
            return true;
        }
    }
    return false;
}

static int count(const struct http *http)
{
    int transfers = 0;

    for (const struct http_transfer *t = http->first; t; t = t->next) {
        transfers++;
    }
    return transfers;
}

void http_wait(struct http *http, int64_t timeout_us)
{
    int64_t ms = timeout_us < 0 ? 0 : (timeout_us + 999) / 1000;
    int running = 0;

    (void)curl.multi_perform(http->multi, &running);
    if (running == count(http)) {
        (void)curl.multi_poll(http->multi, NULL, 0, ms < WAIT_MS_MAX ? (int)ms : WAIT_MS_MAX, NULL);
        (void)curl.multi_perform(http->multi, &running);
    }
}

void http_wake(struct http *http)
{
    (void)curl.multi_wakeup(http->multi);
}
