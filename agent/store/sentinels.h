/*
 * The Sentinels that know where the store's primary is. They are asked one after the other, each on
 * a connection of its own that ends with the answer, until one knows:
 *
 *   AUTH [user] password, PING, SENTINEL GET-MASTER-ADDR-BY-NAME name --> host and port
 *
 * A Sentinel that does not answer in half a second, or does not know, is logged, and asked after
 * the others from then on until it answers again. A question ends in half a second for each of them
 * at most, whatever name servers do.
 */
#ifndef REEVE_STORE_SENTINELS_H
#define REEVE_STORE_SENTINELS_H

#include <stdint.h>

#include "agent/base/err.h"
#include "agent/config/config.h"

#define SENTINEL_HOST_MAX 253

/* What a Sentinel says, as it says it: a numeric address, or a name where it announces names. */
struct sentinel_answer {
    char host[SENTINEL_HOST_MAX + 1];
    uint16_t port;
};

struct ev_loop;
struct sentinels;

/* On the loop, once per question, never from inside sentinels_ask(). NULL: none of them knows, and
 * `why` says what the last one lacked, for people. Both are borrowed for the call. They may be
 * asked again in it, but not freed. */
typedef void sentinels_cb(void *context, const struct sentinel_answer *answer, const char *why);

/* The settings are borrowed. NULL when out of memory. */
struct sentinels *sentinels_new(struct ev_loop *loop, const struct config_sentinel *settings);
/* NULL accepted. */
void sentinels_free(struct sentinels *sentinels);

/* Whom to ask first: the one that answered last, or the next one after it, so that one who is wrong
 * is found out. */
enum sentinels_first { SENTINELS_SAME, SENTINELS_NEXT };

/* One question at a time. */
void sentinels_ask(struct sentinels *sentinels, enum sentinels_first first, sentinels_cb *callback,
                   void *context);
/* The callback is not called any more. Nothing where no question is open. */
void sentinels_cancel(struct sentinels *sentinels);

#endif
