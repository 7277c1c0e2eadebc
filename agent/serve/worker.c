#include "agent/serve/worker.h"

#include <stdio.h>

#include "agent/base/thread.h"
#include "agent/serve/worker_parts.h"

#define MAILBOX_CAPACITY 4096

/* A connection closes in a drain when nothing came for this long: HAProxy loses a request that is
 * under way while we close. */
#define QUIET_US 50000
/* How long a drained worker waits for the store to take its leases back. */
#define RETURN_US        500000
#define DRAIN_INTERVAL_S 0.02
#define TICK_INTERVAL_S  0.5

static void update_ready(struct worker *worker)
{
    if (!worker->was_up) {
        worker->was_up = store_is_up(worker->store);
    }
    worker->engine.is_ready = worker->was_up && !worker->is_unready;
}

static void turn_begin_cb(struct ev_loop *loop, ev_check *watcher, int events)
{
    struct worker *worker = watcher->data;

    (void)loop;
    (void)events;
    worker->engine.now = clock_read();
    update_ready(worker);
}

static void flush_dirty(struct worker *worker)
{
    while (worker->dirty) {
        struct connection *connection = worker->dirty;
        worker->dirty = connection->next_dirty;
        connection->is_dirty = false;
        if (!connection->is_closed) {
            connection_flush(connection);
        }
    }
}

static bool is_flushed(const struct worker *worker)
{
    const uint8_t *bytes;
    size_t length;

    for (const struct connection *c = worker->connections; c; c = c->next) {
        if (peer_output(&c->peer, &bytes, &length)) {
            return false;
        }
    }
    return true;
}

/* Allows that are held were decided before, too. */
static bool has_sent_before_fences(struct worker *worker)
{
    size_t count = live_fences(worker->live);

    if (count > worker->fence_count) {
        worker->fence_sequence = spool_sequence(worker->spool);
    }
    worker->fence_count = count;
    return count > 0 && is_flushed(worker) &&
           !engine_holds(&worker->engine, worker->fence_sequence);
}

static void settle_fences(struct worker *worker, struct now now)
{
    live_settle(worker->live, has_sent_before_fences(worker), now);
    worker->fence_count = live_fences(worker->live);
}

static void free_closed(struct worker *worker)
{
    while (worker->closed) {
        struct connection *connection = worker->closed;
        worker->closed = connection->next;
        connection_free(connection);
    }
}

static void arm_deadline(struct worker *worker, int64_t due_us)
{
    ev_timer_stop(worker->loop, &worker->deadline);
    if (due_us >= 0) {
        double delay = (double)(due_us - worker->engine.now.mono_us) / 1e6;
        ev_timer_set(&worker->deadline, delay > 0 ? delay : 0, 0.);
        ev_timer_start(worker->loop, &worker->deadline);
    }
}

static void wake_writer(struct worker *worker)
{
    if (worker->engine.has_held) {
        worker->engine.has_held = false;
        audit_writer_wake(worker->writer);
    }
}

static void turn_end_cb(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct worker *worker = watcher->data;
    struct now now = worker->engine.now;

    (void)loop;
    (void)events;
    live_tick(worker->live);
    directory_tick(worker->directory, now);
    quota_tick(worker->quota, now);
    passwords_tick(worker->passwords, now);
    shield_tick(worker->shield, now);
    if (worker->seen) {
        seen_tick(worker->seen, now);
    }
    engine_release(&worker->engine, now);
    if (worker->engine.parked_count > 0 || ev_is_active(&worker->deadline)) {
        arm_deadline(worker, engine_expire(&worker->engine, now));
    }
    uint64_t frames = worker->engine.counters.frames;
    flush_dirty(worker);
    wake_writer(worker);
    if (worker->engine.counters.frames != frames) {
        /* Frames that had waited for the output to drain: what is parked or held of them has a deadline. */
        arm_deadline(worker, now.mono_us);
    }
    settle_fences(worker, now);
    spool_tick(worker->spool, now);
    free_closed(worker);
}

/* Its turn_end does the work; the timer only ends the poll. */
static void deadline_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

static void output_cb(void *context, struct peer *peer)
{
    struct worker *worker = context;
    struct connection *connection = (struct connection *)(void *)peer;

    if (!connection->is_dirty && !connection->is_closed) {
        connection->is_dirty = true;
        connection->next_dirty = worker->dirty;
        worker->dirty = connection;
    }
}

void worker_forget(struct worker *worker, struct connection *connection)
{
    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        worker->connections = connection->next;
    }
    if (connection->next) {
        connection->next->previous = connection->previous;
    }
    connection->next = worker->closed;
    worker->closed = connection;
    atomic_fetch_sub(&worker->connection_count, 1);
}

static void add_connection(struct worker *worker, int fd)
{
    struct connection *connection = connection_new(worker, fd);

    if (!connection) {
        atomic_fetch_sub(&worker->connection_count, 1);
        return;
    }
    connection->next = worker->connections;
    if (worker->connections) {
        worker->connections->previous = connection;
    }
    worker->connections = connection;
}

static void use_news(struct worker *worker, struct jwks_news *news)
{
    if (news->config == worker->config) {
        tokens_use_keys(worker->tokens, news->issuer, jose_keys_ref(news->keys),
                        news->good_until_us, news->next_ask_us, worker->engine.now);
    }
    jwks_news_free(news);
}

static bool is_over(int64_t *until_us, struct now now)
{
    if (*until_us == 0) {
        *until_us = now.mono_us + RETURN_US;
    }
    return now.mono_us >= *until_us;
}

/* What is leased and not spent goes back, as far as the store takes it in time. */
static bool has_returned_leases(struct worker *worker)
{
    bool is_late = is_over(&worker->returning_until_us, worker->engine.now);

    return quota_return_all(worker->quota, worker->engine.now) || is_late;
}

/* Worker 0 speaks for the agent, which counts while any of its workers may decide. */
static bool has_left(struct worker *worker)
{
    if (worker->index != 0) {
        return true;
    }
    if (!worker->is_last) {
        return false;
    }
    bool is_late = is_over(&worker->leaving_until_us, worker->engine.now);
    return live_leave(worker->live, worker->engine.now) || is_late;
}

static void finish_drain(struct worker *worker)
{
    if (worker->connections || !worker->is_draining) {
        return;
    }
    bool has_returned = has_returned_leases(worker);
    if (has_left(worker) && has_returned) {
        ev_timer_stop(worker->loop, &worker->drain_timer);
        atomic_store(&worker->is_done, true);
        ev_async_send(worker->server_loop, worker->done);
    }
}

static void drain_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct worker *worker = watcher->data;
    int64_t now_us = worker->engine.now.mono_us;
    struct connection *next;

    (void)loop;
    (void)events;
    for (struct connection *c = worker->connections; c; c = next) {
        next = c->next;
        if (connection_is_idle(c, now_us, QUIET_US)) {
            connection_close(c);
        }
    }
    finish_drain(worker);
}

static void begin_drain(struct worker *worker)
{
    worker->is_draining = true;
    ev_timer_start(worker->loop, &worker->drain_timer);
}

static void stop(struct worker *worker)
{
    while (worker->connections) {
        connection_close(worker->connections);
    }
    ev_break(worker->loop, EVBREAK_ALL);
}

static void message_cb(void *context, const struct mailbox_message *message)
{
    struct worker *worker = context;

    switch ((enum worker_message)message->type) {
    case WORKER_CONNECTION:
        add_connection(worker, message->number);
        break;
    case WORKER_CONFIG:
        worker_use_config(worker, message->pointer);
        break;
    case WORKER_KEYS:
        use_news(worker, message->pointer);
        break;
    case WORKER_UNREADY:
        worker->is_unready = true;
        update_ready(worker);
        break;
    case WORKER_DRAIN:
        begin_drain(worker);
        break;
    case WORKER_PASSWORD_DONE:
        passwords_done(worker->passwords, message->pointer, message->number != 0);
        break;
    case WORKER_LAST:
        worker->is_last = true;
        break;
    case WORKER_STOP:
        stop(worker);
        break;
    }
}

/* Keeps the turns coming where there is no traffic: coalesced records and evicted entries wait for
 * one. */
static void tick_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

/* Its turn_end does the work. */
static void settled_cb(struct ev_loop *loop, ev_async *watcher, int events)
{
    (void)loop;
    (void)watcher;
    (void)events;
}

void worker_note_settled(struct worker *worker)
{
    ev_async_send(worker->loop, &worker->settled);
}

static void init_watchers(struct worker *worker)
{
    ev_async_init(&worker->settled, settled_cb);
    ev_async_start(worker->loop, &worker->settled);
    ev_check_init(&worker->turn_begin, turn_begin_cb);
    ev_set_priority(&worker->turn_begin, EV_MAXPRI);
    ev_prepare_init(&worker->turn_end, turn_end_cb);
    ev_timer_init(&worker->deadline, deadline_cb, 0., 0.);
    ev_timer_init(&worker->drain_timer, drain_cb, DRAIN_INTERVAL_S, DRAIN_INTERVAL_S);
    ev_timer_init(&worker->tick, tick_cb, TICK_INTERVAL_S, TICK_INTERVAL_S);
    worker->turn_begin.data = worker;
    worker->turn_end.data = worker;
    worker->drain_timer.data = worker;
    ev_check_start(worker->loop, &worker->turn_begin);
    ev_prepare_start(worker->loop, &worker->turn_end);
    ev_timer_start(worker->loop, &worker->tick);
}

static enum err init_worker(struct worker *worker, const struct worker_settings *from)
{
    worker->loop = ev_loop_new(EVFLAG_AUTO);
    if (!worker->loop) {
        return ERR_IO;
    }
    enum err e = worker_parts_init(worker, from, output_cb);
    if (e != ERR_OK) {
        return e;
    }
    worker->engine.now = clock_read();
    init_watchers(worker);
    return mailbox_start(&worker->mailbox, worker->loop, MAILBOX_CAPACITY, message_cb, worker);
}

enum err worker_init(struct worker *worker, const struct worker_settings *settings,
                     struct diag *diag)
{
    *worker = (struct worker){.index = settings->index,
                              .config = config_ref(settings->config),
                              .start_config = config_ref(settings->config),
                              .writer = settings->writer,
                              .spool = settings->spool,
                              .offload = settings->offload,
                              .jwks = settings->jwks};
    enum err e = init_worker(worker, settings);
    if (e != ERR_OK) {
        diag_set(diag, "worker %u: %s", settings->index, err_text(e));
        worker_fini(worker);
    }
    return e;
}

static void *run(void *context)
{
    struct worker *worker = context;

    ev_run(worker->loop, 0);
    return NULL;
}

enum err worker_start(struct worker *worker)
{
    char name[16];

    snprintf(name, sizeof(name), "worker-%u", worker->index);
    enum err e = thread_start(&worker->thread, name, run, worker);
    worker->has_thread = e == ERR_OK;
    return e;
}

void worker_join(struct worker *worker)
{
    if (worker->has_thread) {
        pthread_join(worker->thread, NULL);
        worker->has_thread = false;
    }
}

void worker_fini(struct worker *worker)
{
    mailbox_stop(&worker->mailbox);
    while (worker->connections) {
        connection_close(worker->connections);
    }
    free_closed(worker);
    worker_parts_fini(worker);
    if (worker->loop) {
        ev_loop_destroy(worker->loop);
    }
    config_unref(worker->config);
    config_unref(worker->start_config);
    *worker = (struct worker){0};
}
