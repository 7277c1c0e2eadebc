#include "agent/store/endpoint.h"

#include <arpa/inet.h>
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/store/resolve.h"

struct endpoint {
    struct ev_loop *loop;
    const struct config_address *address;
    char label[128];
    bool is_numeric;

    endpoint_cb *callback; /* NULL: no question is open */
    void *context;
    ev_timer known; /* never started: fed where the answer is known already */
    struct resolve *resolve;
    struct resolve_addresses addresses; /* of the name */
    size_t next_address;
};

static void answer(struct endpoint *endpoint, const char *host, const char *why)
{
    endpoint_cb *callback = endpoint->callback;

    endpoint->callback = NULL;
    callback(endpoint->context, host, endpoint->address->port, why);
}

static void answer_next_address(struct endpoint *endpoint)
{
    if (endpoint->next_address < endpoint->addresses.count) {
        answer(endpoint, endpoint->addresses.texts[endpoint->next_address++], NULL);
    } else {
        answer(endpoint, NULL, "the name has no address");
    }
}

static void known_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct endpoint *endpoint = watcher->data;

    (void)loop;
    (void)events;
    if (endpoint->is_numeric) {
        answer(endpoint, endpoint->address->host, NULL);
    } else {
        answer_next_address(endpoint);
    }
}

static void resolved_cb(void *context, const struct resolve_addresses *addresses)
{
    struct endpoint *endpoint = context;

    endpoint->resolve = NULL;
    endpoint->addresses = *addresses;
    endpoint->next_address = 0;
    answer_next_address(endpoint);
}

enum err endpoint_next(struct endpoint *endpoint, endpoint_cb *callback, void *context)
{
    ensure(!endpoint->callback);
    if (endpoint->is_numeric || endpoint->next_address < endpoint->addresses.count) {
        ev_feed_event(endpoint->loop, &endpoint->known, EV_CUSTOM);
    } else {
        endpoint->resolve =
            resolve_start(endpoint->loop, endpoint->address->host, resolved_cb, endpoint);
        if (!endpoint->resolve) {
            return ERR_MEMORY;
        }
    }
    endpoint->callback = callback;
    endpoint->context = context;
    return ERR_OK;
}

void endpoint_cancel(struct endpoint *endpoint)
{
    (void)ev_clear_pending(endpoint->loop, &endpoint->known);
    resolve_cancel(endpoint->resolve);
    endpoint->resolve = NULL;
    endpoint->callback = NULL;
}

const char *endpoint_label(const struct endpoint *endpoint)
{
    return endpoint->label;
}

static bool is_numeric(const struct config_address *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return address->type == CONFIG_ADDRESS_UNIX || inet_pton(AF_INET, address->host, bytes) == 1 ||
           inet_pton(AF_INET6, address->host, bytes) == 1;
}

static void set_label(struct endpoint *endpoint)
{
    const struct config_address *address = endpoint->address;

    if (address->type == CONFIG_ADDRESS_UNIX) {
        snprintf(endpoint->label, sizeof(endpoint->label), "%s", address->host);
    } else {
        snprintf(endpoint->label, sizeof(endpoint->label), "%s:%u", address->host, address->port);
    }
}

struct endpoint *endpoint_new(struct ev_loop *loop, const struct config_store *address)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

    if (!endpoint) {
        return NULL;
    }
    endpoint->loop = loop;
    endpoint->address = &address->address;
    endpoint->is_numeric = is_numeric(endpoint->address);
    ev_init(&endpoint->known, known_cb);
    endpoint->known.data = endpoint;
    set_label(endpoint);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (endpoint) {
        endpoint_cancel(endpoint);
        free(endpoint);
    }
}
