/* The loop of a program that asks the store and waits for its answers, as reevectl does. */
#ifndef REEVE_STORE_TURN_H
#define REEVE_STORE_TURN_H

#include <stdint.h>

struct ev_loop;

/* NULL on failure. */
struct ev_loop *store_loop_new(void);
/* After every store on it. NULL accepted. */
void store_loop_free(struct ev_loop *loop);

/* Takes what comes, and waits for it, at most so long. */
void store_loop_turn(struct ev_loop *loop, int64_t wait_us);

#endif
