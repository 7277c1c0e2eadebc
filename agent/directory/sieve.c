#include "agent/directory/sieve.h"

#include "agent/base/ensure.h"

void sieve_add(struct sieve *sieve, struct slot *slot)
{
    slot->is_visited = false;
    slot->newer = NULL;
    slot->older = sieve->newest;
    if (sieve->newest) {
        sieve->newest->newer = slot;
    } else {
        sieve->oldest = slot;
    }
    sieve->newest = slot;
    sieve->count++;
}

void sieve_remove(struct sieve *sieve, struct slot *slot)
{
    if (sieve->hand == slot) {
        sieve->hand = slot->newer;
    }
    if (slot->newer) {
        slot->newer->older = slot->older;
    } else {
        sieve->newest = slot->older;
    }
    if (slot->older) {
        slot->older->newer = slot->newer;
    } else {
        sieve->oldest = slot->newer;
    }
    sieve->count--;
}

void sieve_replace(struct sieve *sieve, const struct slot *slot, struct slot *copy)
{
    if (sieve->hand == slot) {
        sieve->hand = copy;
    }
    if (slot->newer) {
        slot->newer->older = copy;
    } else {
        sieve->newest = copy;
    }
    if (slot->older) {
        slot->older->newer = copy;
    } else {
        sieve->oldest = copy;
    }
}

struct slot *sieve_evict(struct sieve *sieve)
{
    struct slot *slot = sieve->hand ? sieve->hand : sieve->oldest;

    ensure(slot != NULL);
    for (int step = 0; slot->is_visited && step < SIEVE_STEPS_MAX; step++) {
        slot->is_visited = false;
        slot = slot->newer ? slot->newer : sieve->oldest;
    }
    sieve->hand = slot;
    sieve_remove(sieve, slot);
    return slot;
}
