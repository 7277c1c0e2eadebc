#include "agent/store/place.h"

#include <arpa/inet.h>

static bool is_name(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return host[0] != '/' && inet_pton(AF_INET, host, bytes) != 1 &&
           inet_pton(AF_INET6, host, bytes) != 1;
}

void place_init(struct place *place, struct ev_loop *loop, const char *host)
{
    *place = (struct place){.loop = loop, .host = host, .is_name = is_name(host)};
}

void place_fini(struct place *place)
{
    place_leave(place);
    resolve_cancel(place->resolve);
    place->resolve = NULL;
}

const char *place_address(const struct place *place)
{
    if (!place->is_name) {
        return place->host;
    }
    return place->skipped_count < place->addresses.count
               ? place->addresses.texts[place->skipped_count]
               : NULL;
}

void place_skip(struct place *place)
{
    if (place->skipped_count < place->addresses.count) {
        place->skipped_count++;
    }
}

static void resolved_cb(void *context, const struct resolve_addresses *addresses)
{
    struct place *place = context;
    place_cb *callback = place->callback;

    place->resolve = NULL;
    place->callback = NULL;
    place->addresses = *addresses;
    place->skipped_count = 0;
    if (callback) {
        callback(place->context);
    }
}

enum err place_look_up(struct place *place, place_cb *callback, void *context)
{
    if (!place->resolve) {
        place->resolve = resolve_start(place->loop, place->host, resolved_cb, place);
        if (!place->resolve) {
            return ERR_MEMORY;
        }
    }
    place->callback = callback;
    place->context = context;
    return ERR_OK;
}

void place_leave(struct place *place)
{
    place->callback = NULL;
}
