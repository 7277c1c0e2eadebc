#include "agent/store/turn.h"

#include <ev.h>

struct ev_loop *store_loop_new(void)
{
    return ev_loop_new(EVFLAG_AUTO);
}

void store_loop_free(struct ev_loop *loop)
{
    if (loop) {
        ev_loop_destroy(loop);
    }
}

/* Only ends the turn. */
static void late_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

void store_loop_turn(struct ev_loop *loop, int64_t wait_us)
{
    ev_timer late;

    ev_now_update(loop);
    ev_timer_init(&late, late_cb, (double)wait_us / 1e6, 0.);
    ev_timer_start(loop, &late);
    ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &late);
}
