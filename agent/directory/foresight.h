/*
 * Look-ups whose memory is asked for in advance. A directory of millions lies outside of the
 * processor's caches, and a look-up reads from three or four places, each known from the one before.
 * Who is going to look up many names asks for the first place of each, then for the second of each,
 * and so on: the memory answers all of them in the time of one.
 *
 *   foresight_begin()      the name's place in the table
 *   foresight_go_on()      the entry found there; then the entry that is linked to it
 *
 * A hint: nothing is found, counted or changed.
 */
#ifndef REEVE_DIRECTORY_FORESIGHT_H
#define REEVE_DIRECTORY_FORESIGHT_H

#include "agent/directory/directory.h"

/* So many calls of foresight_go_on() are worth it. */
#define FORESIGHT_STEPS 3

struct foresight {
    uint32_t hash;
    uint8_t kind;
    bool is_begun; /* the entry is not known yet */
    const void *at;
};

void foresight_begin(struct foresight *foresight, const struct directory *directory,
                     enum record_kind kind, struct str name);
/* In the same turn of the loop. */
void foresight_go_on(struct foresight *foresight, const struct directory *directory);

#endif
