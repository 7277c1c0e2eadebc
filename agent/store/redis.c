#include "agent/store/redis.h"

#include <ev.h>
#include <stdlib.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/store/back_off.h"
#include "agent/store/endpoint.h"
#include "agent/store/redis_connection.h"
#include "agent/store/redis_error.h"
#include "agent/store/redis_greeting.h"
#include "agent/store/redis_queue.h"

#define LOG_INTERVAL_US 5000000

/*
 *   WAITING --timer--> LOCATING --> CONNECTING --> GREETING --> UP
 *      ^                   |            |             |          |
 *      `-------------------+- refused, lost, late ----+----------'
 */
enum redis_state {
    REDIS_WAITING,    /* timer: the next attempt */
    REDIS_LOCATING,   /* no timer: the endpoint answers in bounded time */
    REDIS_CONNECTING, /* timer: connect timeout */
    REDIS_GREETING,   /* timer: that of a command */
    REDIS_UP,         /* timer: the oldest command's deadline, or earlier */
};

struct redis {
    struct store store; /* first */
    struct ev_loop *loop;
    struct store_redis_settings settings;
    struct endpoint *endpoint;

    enum redis_state state;
    ev_timer timer;
    struct redis_connection connection;
    struct redis_greeting greeting;

    unsigned attempt_count; /* since the connection last proved good */
    bool is_proven;         /* it answered a command */
    int64_t up_since_us;
    uint64_t session; /* counts connections that came up */

    struct redis_queue queue; /* empty unless UP */

    struct log_limit up_log;
    struct log_limit down_log;
    struct log_limit hash_log;
    struct log_limit script_log;
};

static struct redis *redis_of(const struct store *store)
{
    return (struct redis *)(uintptr_t)store;
}

/* Earlier, where the loop was busy in this turn: who waits for a deadline looks at the clock. */
static void set_timer(struct redis *redis, int64_t delay_us)
{
    ev_timer_stop(redis->loop, &redis->timer);
    ev_timer_set(&redis->timer, (double)delay_us / 1e6, 0.);
    ev_timer_start(redis->loop, &redis->timer);
}

static void push_pending(struct redis *redis, struct redis_pending pending)
{
    redis_queue_push(&redis->queue, pending);
    if (!ev_is_active(&redis->timer)) {
        set_timer(redis, redis->settings.command_timeout_us);
    }
}

static void answer_failed(struct redis *redis, enum store_status status)
{
    const struct store_reply reply = {.status = status};
    struct redis_pending oldest = redis_queue_pop(&redis->queue);

    if (oldest.call) {
        redis_call_fail(oldest.call, status);
    } else {
        oldest.callback(oldest.context, &reply);
    }
}

static void log_down(struct redis *redis, int64_t now_us, const char *why)
{
    uint64_t swallowed;

    if (log_limit_pass(&redis->down_log, now_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("store: %s: %s: %s (%llu like it not logged)", endpoint_label(redis->endpoint),
                    redis->state == REDIS_UP ? "lost" : "no connection",
                    log_quote(str_from_c(why)).text, (unsigned long long)swallowed);
    }
}

/* Down, and up again later. The state changes first, so that callbacks that ask again are refused.
 * `oldest` is what the oldest command is told, DOWN the others. */
static void go_down(struct redis *redis, const char *why, enum store_status oldest)
{
    int64_t now_us = clock_read().mono_us;

    log_down(redis, now_us, why);
    if (redis->state == REDIS_UP &&
        (redis->is_proven || now_us - redis->up_since_us > BACK_OFF_MAX_US)) {
        redis->attempt_count = 0;
    }
    redis->state = REDIS_WAITING;
    redis_connection_close(&redis->connection);
    endpoint_cancel(redis->endpoint);
    set_timer(redis, back_off_us(redis->settings.address, redis->attempt_count));
    if (redis->attempt_count < UINT16_MAX) {
        redis->attempt_count++;
    }
    if (redis->queue.count > 0) {
        answer_failed(redis, oldest);
    }
    while (redis->queue.count > 0) {
        answer_failed(redis, STORE_DOWN);
    }
}

static void open_connection(struct redis *redis, const char *host, uint16_t port)
{
    redis->state = REDIS_CONNECTING;
    set_timer(redis, redis->settings.connect_timeout_us);
    enum err e = redis_connection_open(&redis->connection, host, port);
    if (e != ERR_OK) {
        go_down(redis, e == ERR_IO ? redis->connection.why : err_text(e), STORE_DOWN);
    }
}

static void located_cb(void *context, const char *host, uint16_t port, const char *why)
{
    struct redis *redis = context;

    if (host) {
        open_connection(redis, host, port);
    } else {
        go_down(redis, why, STORE_DOWN);
    }
}

static void start_attempt(struct redis *redis)
{
    redis->state = REDIS_LOCATING;
    enum err e = endpoint_next(redis->endpoint, located_cb, redis);
    if (e != ERR_OK) {
        go_down(redis, err_text(e), STORE_DOWN);
    }
}

static int64_t left_us(const struct redis *redis, int64_t since_us)
{
    return since_us + redis->settings.command_timeout_us - clock_read().mono_us;
}

static void check_deadline(struct redis *redis)
{
    if (redis->queue.count == 0) {
        return;
    }
    int64_t left = left_us(redis, redis_queue_since_us(&redis->queue));
    if (left > 0) {
        set_timer(redis, left);
    } else {
        go_down(redis, "no reply in time", STORE_DOWN);
    }
}

static void timer_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct redis *redis = watcher->data;

    (void)loop;
    (void)events;
    switch (redis->state) {
    case REDIS_WAITING:
        start_attempt(redis);
        break;
    case REDIS_LOCATING:
        break;
    case REDIS_CONNECTING:
        go_down(redis, "no connection in time", STORE_DOWN);
        break;
    case REDIS_GREETING:
        go_down(redis, "no greeting in time", STORE_DOWN);
        break;
    case REDIS_UP:
        check_deadline(redis);
        break;
    }
}

static void connected(void *owner)
{
    struct redis *redis = owner;

    redis->state = REDIS_GREETING;
    /* A server that is too slow for commands is not come back to: the greeting is the probe. */
    set_timer(redis, redis->settings.command_timeout_us);
    /* On failure the connection will be lost. */
    (void)!redis_greeting_send(&redis->greeting, &redis->connection);
}

static void moved_cb(void *context)
{
    go_down(context, "Sentinels name another primary", STORE_DOWN);
}

static void go_up(struct redis *redis)
{
    uint64_t swallowed;

    redis->state = REDIS_UP;
    redis->session++;
    redis->is_proven = false;
    redis->up_since_us = clock_read().mono_us;
    ev_timer_stop(redis->loop, &redis->timer);
    endpoint_watch(redis->endpoint, moved_cb, redis);
    if (log_limit_pass(&redis->up_log, redis->up_since_us, LOG_INTERVAL_US, &swallowed)) {
        log_info("store: connected to %s", endpoint_label(redis->endpoint));
    }
}

static void take_greeting(struct redis *redis, const struct redis_reply *reply)
{
    struct diag diag;

    switch (redis_greeting_take(&redis->greeting, reply, &diag)) {
    case REDIS_GREETING_MORE:
        break;
    case REDIS_GREETING_DONE:
        go_up(redis);
        break;
    case REDIS_GREETING_FAILED:
        go_down(redis, diag.text, STORE_DOWN);
        break;
    }
}

static void log_hash_error(struct redis *redis, struct str code, const char *text)
{
    uint64_t swallowed;

    if (log_limit_pass(&redis->hash_log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("store: HGETALL: %.*s: %s (%llu like it not logged)", STR_ARG(code), text,
                    (unsigned long long)swallowed);
    }
}

static void log_script_error(struct redis *redis, const struct redis_call *call, struct str code,
                             const char *text)
{
    uint64_t swallowed;

    if (log_limit_pass(&redis->script_log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("store: %s of script %s: %.*s: %s (%llu like it not logged)",
                    redis_call_command(call), call->script->name, STR_ARG(code), text,
                    (unsigned long long)swallowed);
    }
}

static void take_error(struct redis *redis, struct str line)
{
    const struct redis_error *error = redis_error_find(line);
    const struct redis_call *call = redis_queue_oldest(&redis->queue)->call;

    if (call) {
        log_script_error(redis, call, redis_error_code(line), error->text);
    } else if (error->status != STORE_WRONGTYPE) {
        /* A record of the wrong type is the directory's to name. */
        log_hash_error(redis, redis_error_code(line), error->text);
    }
    if (error->ends_connection) {
        go_down(redis, error->text, error->status);
    } else {
        answer_failed(redis, error->status);
    }
}

static void take_fields(struct redis *redis, const struct redis_reply *reply)
{
    const struct store_reply answer = {
        .status = STORE_OK, .fields = reply->fields, .field_count = reply->item_count / 2};
    struct redis_pending oldest = redis_queue_pop(&redis->queue);

    if (oldest.call) {
        redis_call_end(oldest.call, reply);
    } else {
        oldest.callback(oldest.context, &answer);
    }
}

/* The call that was answered has a command more, under its old deadline. */
static void send_next(struct redis *redis)
{
    struct redis_pending next = redis_queue_pop(&redis->queue);

    if (redis_pending_is_wait(&next) && redis_queue_hang_on_wait(&redis->queue, next)) {
        return;
    }
    /* On failure the connection will be lost, and the call with it. */
    (void)!redis_call_send(next.call, &redis->connection, left_us(redis, next.since_us));
    push_pending(redis, next);
}

/* Whether the oldest command can be answered so. If not, the server's replies may be out of step
 * with our commands. */
static bool is_possible(const struct redis *redis, enum redis_reply_kind kind)
{
    bool is_wait = redis_pending_is_wait(redis_queue_oldest(&redis->queue));

    switch (kind) {
    case REPLY_FAULT:
        return true;
    case REPLY_FIELDS:
    case REPLY_OVERSIZED:
        return !is_wait;
    case REPLY_INTEGER:
        return is_wait;
    case REPLY_LINE:
    case REPLY_NIL:
    case REPLY_MALFORMED:
        break;
    }
    return false;
}

static void take_reply(struct redis *redis, const struct redis_reply *reply)
{
    struct redis_call *call = redis_queue_oldest(&redis->queue)->call;

    redis->is_proven = redis->is_proven || reply->kind == REPLY_FIELDS;
    if (call && redis_call_goes_on(call, reply)) {
        send_next(redis);
    } else if (reply->kind == REPLY_FIELDS) {
        take_fields(redis, reply);
    } else if (reply->kind == REPLY_INTEGER) {
        redis_call_confirm(redis_queue_pop(&redis->queue).call, reply->integer);
    } else if (reply->kind == REPLY_FAULT) {
        take_error(redis, redis_reply_line(reply));
    } else {
        answer_failed(redis, STORE_BAD_REPLY);
    }
}

static void replied(void *owner, const struct redis_reply *reply)
{
    struct redis *redis = owner;

    if (redis->state == REDIS_GREETING) {
        take_greeting(redis, reply);
    } else if (is_possible(redis, reply->kind)) {
        take_reply(redis, reply);
    } else {
        go_down(redis, "a reply of the wrong type", STORE_BAD_REPLY);
    }
}

static void lost(void *owner, enum redis_loss loss, const char *why)
{
    go_down(owner, why, loss == REDIS_LOSS_OVERSIZED ? STORE_BAD_REPLY : STORE_DOWN);
}

static const struct redis_connection_events connection_events = {
    .connected = connected, .replied = replied, .lost = lost};

static enum err check_room(const struct redis *redis)
{
    if (redis->state != REDIS_UP) {
        return ERR_IO;
    }
    return redis_queue_is_full(&redis->queue) ? ERR_FULL : ERR_OK;
}

static enum err get_hash(struct store *store, struct str key, store_reply_cb *callback,
                         void *context)
{
    struct redis *redis = redis_of(store);
    const struct str parts[] = {STR("HGETALL"), key};
    enum err e = check_room(redis);

    if (e != ERR_OK) {
        return e;
    }
    if (redis_connection_send(&redis->connection, parts, 2) != ERR_OK) {
        return ERR_IO;
    }
    push_pending(redis, (struct redis_pending){.callback = callback,
                                               .context = context,
                                               .since_us = clock_read().mono_us});
    return ERR_OK;
}

static enum err run_script(struct store *store, const struct store_call *call,
                           store_reply_cb *callback, void *context)
{
    struct redis *redis = redis_of(store);
    enum err e = check_room(redis);

    if (e != ERR_OK) {
        return e;
    }
    struct redis_call *copy = redis_call_new(call, callback, context);
    if (!copy) {
        return ERR_MEMORY;
    }
    if (redis_call_send(copy, &redis->connection, redis->settings.command_timeout_us) != ERR_OK) {
        redis_call_free(copy);
        return ERR_IO;
    }
    push_pending(redis, (struct redis_pending){.call = copy, .since_us = clock_read().mono_us});
    return ERR_OK;
}

static uint64_t session(const struct store *store)
{
    const struct redis *redis = redis_of(store);

    return redis->state == REDIS_UP ? redis->session : 0;
}

static void free_store(struct store *store)
{
    struct redis *redis = redis_of(store);

    redis->state = REDIS_WAITING;
    ev_timer_stop(redis->loop, &redis->timer);
    redis_connection_fini(&redis->connection);
    while (redis->queue.count > 0) {
        answer_failed(redis, STORE_DOWN);
    }
    redis_queue_fini(&redis->queue);
    endpoint_free(redis->endpoint);
    free(redis);
}

static const struct store_ops redis_ops = {
    .get_hash = get_hash, .run_script = run_script, .session = session, .free = free_store};

struct store *store_redis_new(struct ev_loop *loop, const struct store_redis_settings *settings)
{
    struct redis *redis = calloc(1, sizeof(*redis));

    if (!redis) {
        return NULL;
    }
    redis->endpoint = endpoint_new(loop, settings->address);
    if (!redis->endpoint || redis_queue_init(&redis->queue, settings->max_in_flight) != ERR_OK) {
        endpoint_free(redis->endpoint);
        free(redis);
        return NULL;
    }
    redis->store.ops = &redis_ops;
    redis->loop = loop;
    redis->settings = *settings;
    redis_connection_init(&redis->connection, loop, &connection_events, redis);
    redis_greeting_init(&redis->greeting, settings->address, settings->client_name);
    ev_init(&redis->timer, timer_cb);
    /* Replies that are already here come before the deadline that they would have missed. */
    ev_set_priority(&redis->timer, EV_MINPRI);
    redis->timer.data = redis;
    redis->state = REDIS_WAITING;
    set_timer(redis, 0);
    return &redis->store;
}
