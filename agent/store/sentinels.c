#include "agent/store/sentinels.h"

#include <arpa/inet.h>
#include <ev.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/store/place.h"
#include "agent/store/redis_connection.h"
#include "agent/store/redis_error.h"
#include "agent/store/redis_greeting.h"

#define TIMEOUT_S       0.5
#define LOG_INTERVAL_US 5000000

struct sentinel {
    struct place place;
    bool is_asked; /* for the question that is open */
    bool is_bad;   /* it did not answer the last time */
    struct log_limit log;
};

struct sentinels {
    struct ev_loop *loop;
    const struct config_sentinel *settings;
    struct config_store login; /* what a connection to a Sentinel greets with */
    struct sentinel *items;
    size_t count;

    sentinels_cb *callback; /* NULL: no question is open */
    void *context;
    size_t first;   /* asked before the others */
    size_t current; /* being asked */
    bool is_greeted;
    ev_timer timer; /* fed: ask the current one; else its deadline */
    struct redis_connection connection;
    struct redis_greeting greeting;
    struct diag why; /* of the last one that did not answer */
};

static const char *name_of(const struct sentinels *sentinels, size_t index)
{
    return sentinels->settings->addresses.items[index].text;
}

static void end_attempt(struct sentinels *sentinels)
{
    ev_timer_stop(sentinels->loop, &sentinels->timer);
    redis_connection_close(&sentinels->connection);
    place_leave(&sentinels->items[sentinels->current].place);
}

static void answer(struct sentinels *sentinels, const struct sentinel_answer *found)
{
    sentinels_cb *callback = sentinels->callback;

    sentinels->callback = NULL;
    callback(sentinels->context, found, found ? NULL : sentinels->why.text);
}

static void note_bad(struct sentinels *sentinels, const char *why)
{
    struct sentinel *sentinel = &sentinels->items[sentinels->current];
    const char *name = name_of(sentinels, sentinels->current);
    struct log_quoted quoted = log_quote(str_from_c(why));
    uint64_t swallowed;

    diag_set(&sentinels->why, "%s: %s", name, quoted.text);
    if (!sentinel->is_bad &&
        log_limit_pass(&sentinel->log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("store: Sentinel %s: %s (%llu like it not logged)", name, quoted.text,
                    (unsigned long long)swallowed);
    }
    sentinel->is_bad = true;
}

/* The next one to ask: from `first` on, the bad ones last. False: all were asked. */
static bool choose(struct sentinels *sentinels)
{
    for (int takes_bad = 0; takes_bad <= 1; takes_bad++) {
        for (size_t i = 0; i < sentinels->count; i++) {
            size_t index = (sentinels->first + i) % sentinels->count;
            struct sentinel *sentinel = &sentinels->items[index];

            if (!sentinel->is_asked && (takes_bad || !sentinel->is_bad)) {
                sentinel->is_asked = true;
                sentinels->current = index;
                return true;
            }
        }
    }
    return false;
}

static void go_on(struct sentinels *sentinels, const char *why)
{
    end_attempt(sentinels);
    note_bad(sentinels, why);
    place_skip(&sentinels->items[sentinels->current].place);
    if (choose(sentinels)) {
        ev_feed_event(sentinels->loop, &sentinels->timer, EV_CUSTOM);
    } else {
        answer(sentinels, NULL);
    }
}

static void connect_to(struct sentinels *sentinels, const char *host)
{
    const struct config_address *address =
        &sentinels->settings->addresses.items[sentinels->current];

    sentinels->is_greeted = false;
    enum err e = redis_connection_open(&sentinels->connection, host, address->port);
    if (e != ERR_OK) {
        go_on(sentinels, e == ERR_IO ? sentinels->connection.why : err_text(e));
    }
}

static void looked_up(void *context)
{
    struct sentinels *sentinels = context;
    const char *host = place_address(&sentinels->items[sentinels->current].place);

    if (host) {
        connect_to(sentinels, host);
    } else {
        go_on(sentinels, "the name has no address");
    }
}

static void ask_current(struct sentinels *sentinels)
{
    struct place *place = &sentinels->items[sentinels->current].place;

    ev_timer_set(&sentinels->timer, TIMEOUT_S, 0.);
    ev_timer_start(sentinels->loop, &sentinels->timer);
    if (place_address(place)) {
        looked_up(sentinels);
    } else if (place_look_up(place, looked_up, sentinels) != ERR_OK) {
        go_on(sentinels, err_text(ERR_MEMORY));
    }
}

static void timer_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct sentinels *sentinels = watcher->data;

    (void)loop;
    if ((events & EV_CUSTOM) != 0) {
        ask_current(sentinels);
    } else {
        go_on(sentinels, "no answer in time");
    }
}

static void connected(void *owner)
{
    struct sentinels *sentinels = owner;

    /* On failure the connection will be lost. */
    (void)!redis_greeting_send(&sentinels->greeting, &sentinels->connection);
}

static void lost(void *owner, enum redis_loss loss, const char *why)
{
    (void)loss;
    go_on(owner, why);
}

static void put_question(struct sentinels *sentinels)
{
    const struct str parts[] = {STR("SENTINEL"), STR("GET-MASTER-ADDR-BY-NAME"),
                                str_from_c(sentinels->settings->primary)};

    sentinels->is_greeted = true;
    /* On failure the connection will be lost. */
    (void)!redis_connection_send(&sentinels->connection, parts, 3);
}

static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '@' || !str_is_name(str_make(text.ptr + i, 1))) {
            return false;
        }
    }
    return true;
}

static bool parse_host(struct str text, char out[SENTINEL_HOST_MAX + 1])
{
    unsigned char bytes[sizeof(struct in6_addr)];

    if (text.len == 0 || text.len > SENTINEL_HOST_MAX) {
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return strlen(out) == text.len && (is_name(text) || inet_pton(AF_INET6, out, bytes) == 1);
}

static bool parse_answer(const struct redis_reply *reply, struct sentinel_answer *out)
{
    uint64_t port;

    if (reply->kind != REPLY_FIELDS || reply->item_count != 2 ||
        !parse_host(reply->fields[0].name, out->host) ||
        !str_to_uint64(reply->fields[0].value, UINT16_MAX, &port) || port == 0) {
        return false;
    }
    out->port = (uint16_t)port;
    return true;
}

static void take_answer(struct sentinels *sentinels, const struct redis_reply *reply)
{
    struct sentinel *sentinel = &sentinels->items[sentinels->current];
    struct sentinel_answer found;

    if (reply->kind == REPLY_FAULT) {
        struct str line = redis_reply_line(reply);
        struct diag diag;

        diag_set(&diag, "SENTINEL: %.*s: %s", STR_ARG(redis_error_code(line)),
                 redis_error_find(line)->text);
        go_on(sentinels, diag.text);
    } else if (reply->kind == REPLY_NIL) {
        go_on(sentinels, "it knows no primary of that name");
    } else if (!parse_answer(reply, &found)) {
        go_on(sentinels, "not the answer of a Sentinel");
    } else {
        end_attempt(sentinels);
        sentinel->is_bad = false;
        sentinels->first = sentinels->current;
        answer(sentinels, &found);
    }
}

static void replied(void *owner, const struct redis_reply *reply)
{
    struct sentinels *sentinels = owner;
    struct diag diag;

    if (sentinels->is_greeted) {
        take_answer(sentinels, reply);
        return;
    }
    switch (redis_greeting_take(&sentinels->greeting, reply, &diag)) {
    case REDIS_GREETING_MORE:
        break;
    case REDIS_GREETING_DONE:
        put_question(sentinels);
        break;
    case REDIS_GREETING_FAILED:
        go_on(sentinels, diag.text);
        break;
    }
}

static const struct redis_connection_events connection_events = {
    .connected = connected, .replied = replied, .lost = lost};

void sentinels_ask(struct sentinels *sentinels, enum sentinels_first first, sentinels_cb *callback,
                   void *context)
{
    ensure(!sentinels->callback);
    sentinels->callback = callback;
    sentinels->context = context;
    for (size_t i = 0; i < sentinels->count; i++) {
        sentinels->items[i].is_asked = false;
    }
    if (first == SENTINELS_NEXT) {
        /* Even a bad one: else it would never be found to be good again. */
        sentinels->first = (sentinels->first + 1) % sentinels->count;
        sentinels->current = sentinels->first;
        sentinels->items[sentinels->current].is_asked = true;
    } else {
        (void)choose(sentinels);
    }
    ev_feed_event(sentinels->loop, &sentinels->timer, EV_CUSTOM);
}

void sentinels_cancel(struct sentinels *sentinels)
{
    end_attempt(sentinels);
    sentinels->callback = NULL;
}

struct sentinels *sentinels_new(struct ev_loop *loop, const struct config_sentinel *settings)
{
    struct sentinels *sentinels = calloc(1, sizeof(*sentinels));
    struct sentinel *items = calloc(settings->addresses.count, sizeof(*items));

    if (!sentinels || !items) {
        free(sentinels);
        free(items);
        return NULL;
    }
    sentinels->loop = loop;
    sentinels->settings = settings;
    sentinels->items = items;
    sentinels->count = settings->addresses.count;
    for (size_t i = 0; i < sentinels->count; i++) {
        place_init(&items[i].place, loop, settings->addresses.items[i].host);
    }
    sentinels->login.user = settings->user;
    sentinels->login.password = settings->password;
    redis_connection_init(&sentinels->connection, loop, &connection_events, sentinels);
    redis_greeting_init(&sentinels->greeting, &sentinels->login, NULL);
    ev_init(&sentinels->timer, timer_cb);
    ev_set_priority(&sentinels->timer, EV_MINPRI);
    sentinels->timer.data = sentinels;
    return sentinels;
}

void sentinels_free(struct sentinels *sentinels)
{
    if (!sentinels) {
        return;
    }
    sentinels_cancel(sentinels);
    for (size_t i = 0; i < sentinels->count; i++) {
        place_fini(&sentinels->items[i].place);
    }
    redis_connection_fini(&sentinels->connection);
    free(sentinels->items);
    free(sentinels);
}
