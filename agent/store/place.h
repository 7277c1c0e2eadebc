/*
 * One configured host and its addresses: a numeric address or the path of a unix socket is its
 * own, for ever; a name has those of its last look-up, one after the other, and none when all were
 * skipped, until it is looked up anew.
 *
 * A look-up that hangs on a name server holds up nobody who does not want to wait: it goes on
 * without them, and what it finds is there when it ends. One at a time.
 */
#ifndef REEVE_STORE_PLACE_H
#define REEVE_STORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/err.h"
#include "agent/store/resolve.h"

/* On the loop: the look-up is over. place_address() may be NULL: the name has no address. */
typedef void place_cb(void *context);

struct place {
    struct ev_loop *loop;
    const char *host; /* borrowed */
    bool is_name;
    struct resolve *resolve; /* NULL: no look-up is on its way */
    struct resolve_addresses addresses;
    size_t skipped_count;
    place_cb *callback; /* NULL: nobody waits */
    void *context;
};

/* `host` is borrowed for the place's life. */
void place_init(struct place *place, struct ev_loop *loop, const char *host);
void place_fini(struct place *place);

/* NULL: none that is known. Valid until the next look-up. */
const char *place_address(const struct place *place);

/* It was tried: the next one is next. */
void place_skip(struct place *place);

/* Waits for a look-up. ERR_MEMORY: out of memory or threads, nobody will be called. */
enum err place_look_up(struct place *place, place_cb *callback, void *context) MUST_USE;
/* Waits no more. */
void place_leave(struct place *place);

#endif
