#include "agent/store/endpoint.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/store/place.h"
#include "agent/store/sentinels.h"

#define WATCH_INTERVAL_S   1.
#define CONFIRM_INTERVAL_S 0.25

struct endpoint {
    struct ev_loop *loop;
    const struct config_store *address;
    char label[SENTINEL_HOST_MAX + 96];

    struct place place; /* of the store; with Sentinels, of the primary */

    endpoint_cb *callback;    /* NULL: no question is open */
    endpoint_moved_cb *moved; /* NULL: nobody watches */
    void *context;
    ev_timer timer; /* fed: the question can be answered; else the watch asks */

    struct sentinels *sentinels;    /* NULL: without */
    struct sentinel_answer primary; /* place's host; port 0: none yet */
    struct sentinel_answer other;   /* what the watch was told, port 0: nothing else */
    bool has_moved;                 /* to `other` */
};

static void set_label(struct endpoint *endpoint)
{
    const struct config_address *address = &endpoint->address->address;
    char *label = endpoint->label;
    size_t capacity = sizeof(endpoint->label);

    if (endpoint->sentinels && endpoint->primary.port == 0) {
        snprintf(label, capacity, "%s", endpoint->address->sentinel->primary);
    } else if (endpoint->sentinels) {
        snprintf(label, capacity, "%s at %s:%u", endpoint->address->sentinel->primary,
                 endpoint->primary.host, endpoint->primary.port);
    } else if (address->type == CONFIG_ADDRESS_UNIX) {
        snprintf(label, capacity, "%s", address->host);
    } else {
        snprintf(label, capacity, "%s:%u", address->host, address->port);
    }
}

static void answer(struct endpoint *endpoint, const char *host, const char *why)
{
    endpoint_cb *callback = endpoint->callback;
    uint16_t port = endpoint->sentinels ? endpoint->primary.port : endpoint->address->address.port;

    endpoint->callback = NULL;
    callback(endpoint->context, host, port, why);
}

/* After a look-up: what it found, or nothing. */
static void answer_place(void *context)
{
    struct endpoint *endpoint = context;
    const char *host = place_address(&endpoint->place);

    if (!host) {
        answer(endpoint, NULL, "the name has no address");
        return;
    }
    /* The next question gets the next one. */
    place_skip(&endpoint->place);
    answer(endpoint, host, NULL);
}

static void go_to_place(struct endpoint *endpoint)
{
    if (place_address(&endpoint->place)) {
        answer_place(endpoint);
    } else if (place_look_up(&endpoint->place, answer_place, endpoint) != ERR_OK) {
        answer(endpoint, NULL, err_text(ERR_MEMORY));
    }
}

static bool is_same(const struct sentinel_answer *a, const struct sentinel_answer *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void set_primary(struct endpoint *endpoint, const struct sentinel_answer *primary)
{
    if (is_same(&endpoint->primary, primary)) {
        return;
    }
    place_fini(&endpoint->place);
    endpoint->primary = *primary;
    place_init(&endpoint->place, endpoint->loop, endpoint->primary.host);
    set_label(endpoint);
}

static void located_cb(void *context, const struct sentinel_answer *primary, const char *why)
{
    struct endpoint *endpoint = context;

    if (!primary) {
        answer(endpoint, NULL, why);
        return;
    }
    set_primary(endpoint, primary);
    go_to_place(endpoint);
}

static void set_timer(struct endpoint *endpoint, double after_s)
{
    ev_timer_stop(endpoint->loop, &endpoint->timer);
    ev_timer_set(&endpoint->timer, after_s, 0.);
    ev_timer_start(endpoint->loop, &endpoint->timer);
}

static void watched_cb(void *context, const struct sentinel_answer *primary, const char *why)
{
    struct endpoint *endpoint = context;
    endpoint_moved_cb *moved = endpoint->moved;

    (void)why;
    if (!primary) {
        set_timer(endpoint, WATCH_INTERVAL_S);
    } else if (is_same(primary, &endpoint->primary)) {
        endpoint->other.port = 0;
        set_timer(endpoint, WATCH_INTERVAL_S);
    } else if (!is_same(primary, &endpoint->other)) {
        endpoint->other = *primary;
        set_timer(endpoint, CONFIRM_INTERVAL_S);
    } else {
        endpoint->has_moved = true;
        endpoint->moved = NULL;
        moved(endpoint->context);
    }
}

static void timer_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct endpoint *endpoint = watcher->data;

    (void)loop;
    (void)events;
    if (endpoint->callback) {
        go_to_place(endpoint);
    } else {
        sentinels_ask(endpoint->sentinels, SENTINELS_NEXT, watched_cb, endpoint);
    }
}

enum err endpoint_next(struct endpoint *endpoint, endpoint_cb *callback, void *context)
{
    ensure(!endpoint->callback && !endpoint->moved);
    if (endpoint->has_moved) {
        set_primary(endpoint, &endpoint->other);
        endpoint->has_moved = false;
        ev_feed_event(endpoint->loop, &endpoint->timer, EV_CUSTOM);
    } else if (endpoint->sentinels) {
        sentinels_ask(endpoint->sentinels, SENTINELS_SAME, located_cb, endpoint);
    } else if (place_address(&endpoint->place)) {
        ev_feed_event(endpoint->loop, &endpoint->timer, EV_CUSTOM);
    } else {
        enum err e = place_look_up(&endpoint->place, answer_place, endpoint);
        if (e != ERR_OK) {
            return e;
        }
    }
    endpoint->callback = callback;
    endpoint->context = context;
    return ERR_OK;
}

void endpoint_watch(struct endpoint *endpoint, endpoint_moved_cb *callback, void *context)
{
    ensure(!endpoint->callback && !endpoint->moved);
    if (!endpoint->sentinels) {
        return;
    }
    endpoint->moved = callback;
    endpoint->context = context;
    endpoint->other.port = 0;
    set_timer(endpoint, WATCH_INTERVAL_S);
}

void endpoint_cancel(struct endpoint *endpoint)
{
    ev_timer_stop(endpoint->loop, &endpoint->timer);
    place_leave(&endpoint->place);
    if (endpoint->sentinels) {
        sentinels_cancel(endpoint->sentinels);
    }
    endpoint->callback = NULL;
    endpoint->moved = NULL;
}

const char *endpoint_label(const struct endpoint *endpoint)
{
    return endpoint->label;
}

struct endpoint *endpoint_new(struct ev_loop *loop, const struct config_store *address)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

    if (!endpoint) {
        return NULL;
    }
    endpoint->loop = loop;
    endpoint->address = address;
    ev_init(&endpoint->timer, timer_cb);
    endpoint->timer.data = endpoint;
    if (address->sentinel) {
        endpoint->sentinels = sentinels_new(loop, address->sentinel);
        if (!endpoint->sentinels) {
            free(endpoint);
            return NULL;
        }
        place_init(&endpoint->place, loop, endpoint->primary.host);
    } else {
        place_init(&endpoint->place, loop, address->address.host);
    }
    set_label(endpoint);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (endpoint) {
        endpoint_cancel(endpoint);
        place_fini(&endpoint->place);
        sentinels_free(endpoint->sentinels);
        free(endpoint);
    }
}
