#include "agent/store/tracking.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/log.h"
#include "agent/store/back_off.h"
#include "agent/store/endpoint.h"
#include "agent/store/redis_error.h"
#include "agent/store/redis_greeting.h"
#include "agent/store/tracking_line.h"

#define LOG_INTERVAL_US   5000000
#define PINGS_PER_SILENCE 5
#define KEY_BYTES_MAX     256
#define CANARY_MS         "10000"

enum state {
    STATE_IDLE,       /* no timer: there is no data connection to stand beside */
    STATE_WAITING,    /* timer: the next attempt */
    STATE_LOCATING,   /* no timer: the endpoint answers in bounded time */
    STATE_CONNECTING, /* timer: connect timeout, until SUBSCRIBED */
    STATE_GREETING,
    STATE_SUBSCRIBED, /* timer: the next ping */
};

/* What the greeting waits for, in the order of the replies. */
enum step { STEP_AUTH, STEP_NAME, STEP_ROLE, STEP_ID, STEP_TRACKING, STEP_SUBSCRIBE, STEP_COUNT };

/* One writing of the canary: outlives the tracking where its reply is late. */
struct canary {
    struct tracking *tracking; /* NULL: gone, or it counts no more */
};

struct tracking {
    struct ev_loop *loop;
    struct store *data;
    struct tracking_settings settings;
    const struct tracking_events *events;
    void *context;

    enum state state;
    ev_timer timer;
    struct endpoint *endpoint;
    struct tracking_line line;
    enum step step;
    unsigned attempt_count;
    uint64_t data_session; /* of the data connection that it stands beside; 0: of none */
    uint64_t session;      /* counts connections that subscribed */

    uint64_t ping_count; /* the last ping's number */
    int64_t pinged_us;   /* when it was sent; 0: it was answered */

    uint64_t canary_count;  /* each has a key of its own, so that a late one proves nothing */
    struct canary *canary;  /* on its way; NULL: none */
    int64_t canary_us;      /* when it was sent; 0: told, or none was sent */
    bool is_canary_written; /* the store said so */
    bool is_proven;         /* data comes from the same server */
    int64_t proven_us;      /* what was changed before has been told */

    struct log_limit down_log;
    struct log_limit up_log;
};

static struct store_script canary_script;

enum err tracking_start(void)
{
    canary_script = (struct store_script){
        .name = "canary",
        .text = STR("redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) return {}"),
    };
    return store_script_init(&canary_script);
}

static void set_timer(struct tracking *tracking, int64_t delay_us)
{
    ev_timer_stop(tracking->loop, &tracking->timer);
    ev_timer_set(&tracking->timer, (double)delay_us / 1e6, 0.);
    ev_timer_start(tracking->loop, &tracking->timer);
}

static void forget_canary(struct tracking *tracking)
{
    if (tracking->canary) {
        tracking->canary->tracking = NULL;
        tracking->canary = NULL;
    }
    tracking->canary_us = 0;
    tracking->is_canary_written = false;
}

static void become_unproven(struct tracking *tracking)
{
    bool was_proven = tracking->is_proven;

    tracking->is_proven = false;
    if (was_proven) {
        tracking->events->unproven(tracking->context);
    }
}

static void close_line(struct tracking *tracking)
{
    endpoint_cancel(tracking->endpoint);
    tracking_line_close(&tracking->line);
    ev_timer_stop(tracking->loop, &tracking->timer);
    forget_canary(tracking);
}

static void go_down(struct tracking *tracking, const char *why)
{
    uint64_t swallowed;

    if (log_limit_pass(&tracking->down_log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("tracking: %s: %s: changes in the store are not told (%llu like it not logged)",
                    endpoint_label(tracking->endpoint), log_quote(str_from_c(why)).text,
                    (unsigned long long)swallowed);
    }
    close_line(tracking);
    tracking->state = STATE_WAITING;
    set_timer(tracking, back_off_us(tracking->settings.address, tracking->attempt_count));
    if (tracking->attempt_count < UINT16_MAX) {
        tracking->attempt_count++;
    }
    become_unproven(tracking);
}

/* What can not be sent for want of memory ends the connection. */
static void send(struct tracking *tracking, const struct str *parts, size_t count)
{
    if (tracking_line_send(&tracking->line, parts, count) != ERR_OK) {
        go_down(tracking, err_text(ERR_MEMORY));
    }
}

static void located_cb(void *context, const char *host, uint16_t port, const char *why)
{
    struct tracking *tracking = context;

    if (!host) {
        go_down(tracking, why);
        return;
    }
    tracking->state = STATE_CONNECTING;
    set_timer(tracking, tracking->settings.connect_timeout_us);
    enum err e = tracking_line_open(&tracking->line, host, port);
    if (e != ERR_OK) {
        go_down(tracking, e == ERR_IO ? tracking->line.why : err_text(e));
    }
}

static void start_attempt(struct tracking *tracking)
{
    tracking->state = STATE_LOCATING;
    if (endpoint_next(tracking->endpoint, located_cb, tracking) != ERR_OK) {
        go_down(tracking, err_text(ERR_MEMORY));
    }
}

/* The greeting. */

static void say_who(struct tracking *tracking)
{
    struct str parts[3];
    size_t count = redis_greeting_auth(tracking->settings.address, parts);

    tracking->step = count > 0 ? STEP_AUTH : STEP_NAME;
    if (count > 0) {
        send(tracking, parts, count);
    }
    if (tracking->line.context) {
        const struct str name[] = {STR("CLIENT"), STR("SETNAME"),
                                   str_from_c(tracking->settings.client_name)};
        send(tracking, name, 3);
    }
    if (tracking->line.context) {
        send(tracking, (const struct str[]){STR("ROLE")}, 1);
    }
    if (tracking->line.context) {
        send(tracking, (const struct str[]){STR("CLIENT"), STR("ID")}, 2);
    }
}

static struct str write_prefix(const struct tracking *tracking, struct str suffix,
                               char out[KEY_BYTES_MAX])
{
    int length = snprintf(out, KEY_BYTES_MAX, "%.*s%.*s", STR_ARG(tracking->settings.prefix),
                          STR_ARG(suffix));

    return str_make(out, (size_t)length);
}

/* What all canaries of this holder begin with. */
static struct str write_canary_prefix(const struct tracking *tracking, char out[KEY_BYTES_MAX])
{
    int length =
        snprintf(out, KEY_BYTES_MAX, "%.*s~canary:%.*s:", STR_ARG(tracking->settings.prefix),
                 STR_ARG(tracking->settings.holder));

    return str_make(out, (size_t)length);
}

static struct str write_canary(const struct tracking *tracking, char out[KEY_BYTES_MAX])
{
    struct str start = write_canary_prefix(tracking, out);
    int length = snprintf(out + start.len, KEY_BYTES_MAX - start.len, "%llu",
                          (unsigned long long)tracking->canary_count);

    return str_make(out, start.len + (size_t)length);
}

static void ask_for_changes(struct tracking *tracking, long long id)
{
    const struct tracking_settings *settings = &tracking->settings;
    char texts[TRACKING_PREFIXES_MAX][KEY_BYTES_MAX];
    struct str parts[6 + 2 * TRACKING_PREFIXES_MAX];
    char number[24];
    size_t count = 0;

    snprintf(number, sizeof(number), "%lld", id);
    parts[count++] = STR("CLIENT");
    parts[count++] = STR("TRACKING");
    parts[count++] = STR("ON");
    parts[count++] = STR("REDIRECT");
    parts[count++] = str_from_c(number);
    parts[count++] = STR("BCAST");
    for (size_t i = 0; i < settings->suffix_count; i++) {
        parts[count++] = STR("PREFIX");
        parts[count++] = write_prefix(tracking, settings->suffixes[i], texts[i]);
    }
    parts[count++] = STR("PREFIX");
    parts[count++] = write_canary_prefix(tracking, texts[settings->suffix_count]);
    send(tracking, parts, count);
    if (tracking->line.context) {
        send(tracking, (const struct str[]){STR("SUBSCRIBE"), STR(TRACKING_CHANNEL)}, 2);
    }
}

static void ping(struct tracking *tracking)
{
    char number[24];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)++tracking->ping_count);
    tracking->pinged_us = clock_read().mono_us;
    send(tracking, (const struct str[]){STR("PING"), str_from_c(number)}, 2);
}

static int64_t ping_interval_us(const struct tracking *tracking)
{
    return tracking->settings.silence_us / PINGS_PER_SILENCE;
}

static void take_fault(struct tracking *tracking, struct str line)
{
    struct diag diag;

    diag_set(&diag, "%.*s: %s", STR_ARG(redis_error_code(line)), redis_error_find(line)->text);
    go_down(tracking, diag.text);
}

static bool is_expected(const struct tracking *tracking, const struct tracking_reply *reply)
{
    switch (tracking->step) {
    case STEP_AUTH:
    case STEP_TRACKING:
        return reply->kind == TRACKING_LINE && str_equal(tracking_reply_text(reply), STR("OK"));
    case STEP_NAME:
        return reply->kind == TRACKING_LINE || reply->kind == TRACKING_FAULT;
    case STEP_ROLE:
        /* Who may not ask takes the server that was configured, but not one that Sentinels name. */
        return reply->kind == TRACKING_FAULT
                   ? !tracking->settings.address->sentinel
                   : reply->kind == TRACKING_MALFORMED && reply->is_primary;
    case STEP_ID:
        return reply->kind == TRACKING_INTEGER && reply->integer > 0;
    case STEP_SUBSCRIBE:
        return reply->kind == TRACKING_SUBSCRIBED;
    case STEP_COUNT:
        break;
    }
    return false;
}

static void moved_cb(void *context)
{
    go_down(context, "Sentinels name another primary");
}

static void become_subscribed(struct tracking *tracking)
{
    endpoint_watch(tracking->endpoint, moved_cb, tracking);
    tracking->state = STATE_SUBSCRIBED;
    tracking->session++;
    tracking->pinged_us = 0;
    set_timer(tracking, 0);
}

static void take_greeting(struct tracking *tracking, const struct tracking_reply *reply)
{
    if (!is_expected(tracking, reply)) {
        if (reply->kind == TRACKING_FAULT) {
            take_fault(tracking, tracking_reply_text(reply));
        } else {
            go_down(tracking, tracking->step == STEP_ROLE ? "the server is not a primary"
                                                          : "not the reply of a Redis server");
        }
        return;
    }
    if (tracking->step == STEP_ID) {
        ask_for_changes(tracking, reply->integer);
    }
    tracking->step++;
    if (tracking->step == STEP_COUNT && tracking->line.context) {
        become_subscribed(tracking);
    }
}

/* The proofs. */

static void canary_cb(void *context, const struct store_reply *reply)
{
    struct canary *canary = context;
    struct tracking *tracking = canary->tracking;

    free(canary);
    if (!tracking) {
        return;
    }
    tracking->canary = NULL;
    if (reply->status == STORE_OK) {
        tracking->is_canary_written = true;
    } else {
        tracking->canary_us = 0;
    }
}

static void send_canary(struct tracking *tracking, int64_t now_us)
{
    const struct str argument = STR(CANARY_MS);
    struct canary *canary = malloc(sizeof(*canary));
    char key[KEY_BYTES_MAX];

    forget_canary(tracking);
    if (!canary) {
        return;
    }
    *canary = (struct canary){.tracking = tracking};
    tracking->canary_count++;
    const struct store_call call = {.script = &canary_script,
                                    .key = write_canary(tracking, key),
                                    .arguments = &argument,
                                    .argument_count = 1};
    if (store_run_script(tracking->data, &call, canary_cb, canary) != ERR_OK) {
        free(canary);
        return;
    }
    tracking->canary = canary;
    tracking->canary_us = now_us;
}

/* A ping may have been sent before the canary, and its pong come behind. */
static void tell_proven(struct tracking *tracking, int64_t as_of_us)
{
    if (as_of_us > tracking->proven_us) {
        tracking->proven_us = as_of_us;
    }
    tracking->events->proven(tracking->context, tracking->session, tracking->proven_us);
}

static void look_for_canary(struct tracking *tracking, int64_t now_us)
{
    if (tracking->is_proven) {
        return;
    }
    if (tracking->canary_us == 0) {
        send_canary(tracking, now_us);
    } else if (tracking->is_canary_written &&
               now_us - tracking->canary_us >= tracking->settings.connect_timeout_us) {
        go_down(tracking, "another server than that of the data, or one that does not tell");
    }
}

static void take_canary(struct tracking *tracking)
{
    uint64_t swallowed;
    int64_t as_of_us = tracking->canary_us;

    if (tracking->data_session != store_session(tracking->data)) {
        return;
    }
    forget_canary(tracking);
    tracking->attempt_count = 0;
    tracking->is_proven = true;
    if (log_limit_pass(&tracking->up_log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_info("tracking: %s tells of changes", endpoint_label(tracking->endpoint));
    }
    tell_proven(tracking, as_of_us);
}

static void take_pong(struct tracking *tracking, const struct tracking_reply *reply)
{
    char number[24];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)tracking->ping_count);
    if (tracking->pinged_us == 0 || !str_equal(tracking_reply_text(reply), str_from_c(number))) {
        go_down(tracking, "a pong that nobody asked for");
        return;
    }
    int64_t as_of_us = tracking->pinged_us;
    tracking->pinged_us = 0;
    if (tracking->is_proven) {
        tell_proven(tracking, as_of_us);
    }
}

static void check_proofs(struct tracking *tracking)
{
    int64_t now_us = clock_read().mono_us;

    if (tracking->pinged_us == 0) {
        ping(tracking);
    } else if (now_us - tracking->pinged_us >= tracking->settings.silence_us) {
        go_down(tracking, "no pong in time");
    }
    if (tracking->state == STATE_SUBSCRIBED) {
        look_for_canary(tracking, now_us);
    }
    if (tracking->state == STATE_SUBSCRIBED) {
        set_timer(tracking, ping_interval_us(tracking));
    }
}

/* Events of the loop and of the line. */

static void timer_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct tracking *tracking = watcher->data;

    (void)loop;
    (void)events;
    switch (tracking->state) {
    case STATE_WAITING:
        start_attempt(tracking);
        break;
    case STATE_IDLE:
    case STATE_LOCATING:
        break;
    case STATE_CONNECTING:
        go_down(tracking, "no connection in time");
        break;
    case STATE_GREETING:
        go_down(tracking, "no greeting in time");
        break;
    case STATE_SUBSCRIBED:
        check_proofs(tracking);
        break;
    }
}

static void connected(void *owner)
{
    struct tracking *tracking = owner;

    tracking->state = STATE_GREETING;
    say_who(tracking);
}

static void replied(void *owner, const struct tracking_reply *reply)
{
    struct tracking *tracking = owner;

    if (tracking->state == STATE_GREETING && reply->kind != TRACKING_MESSAGE) {
        take_greeting(tracking, reply);
    } else if (reply->kind == TRACKING_PONG) {
        take_pong(tracking, reply);
    } else if (reply->kind == TRACKING_FAULT) {
        take_fault(tracking, tracking_reply_text(reply));
    } else if (reply->kind != TRACKING_MESSAGE) {
        go_down(tracking, "a reply of the wrong type");
    }
}

static void lost(void *owner, const char *why)
{
    go_down(owner, why);
}

static void changed(void *context, struct str key)
{
    struct tracking *tracking = context;
    char canary[KEY_BYTES_MAX];

    if (tracking->canary_us != 0 && str_equal(key, write_canary(tracking, canary))) {
        take_canary(tracking);
    } else {
        tracking->events->changed(tracking->context, key);
    }
}

static void flushed(void *context)
{
    struct tracking *tracking = context;

    tracking->events->flushed(tracking->context);
}

static const struct tracking_line_events line_events = {
    .connected = connected, .replied = replied, .lost = lost};
static const struct tracking_reply_events reply_events = {.changed = changed, .flushed = flushed};

struct tracking *tracking_new(struct ev_loop *loop, struct store *data,
                              const struct tracking_settings *settings,
                              const struct tracking_events *events, void *context)
{
    struct tracking *tracking = calloc(1, sizeof(*tracking));

    if (!tracking) {
        return NULL;
    }
    tracking->endpoint = endpoint_new(loop, settings->address);
    if (!tracking->endpoint) {
        free(tracking);
        return NULL;
    }
    tracking->loop = loop;
    tracking->data = data;
    tracking->settings = *settings;
    tracking->events = events;
    tracking->context = context;
    tracking_line_init(&tracking->line, loop, &line_events, &reply_events, tracking);
    ev_init(&tracking->timer, timer_cb);
    tracking->timer.data = tracking;
    tracking->state = STATE_IDLE;
    return tracking;
}

void tracking_free(struct tracking *tracking)
{
    if (!tracking) {
        return;
    }
    ev_timer_stop(tracking->loop, &tracking->timer);
    endpoint_free(tracking->endpoint);
    tracking_line_close(&tracking->line);
    forget_canary(tracking);
    free(tracking);
}

/* It stands beside one data connection and ends with it: made later, it leads where that leads, and
 * is asked anew whether it is a primary. */
void tracking_tick(struct tracking *tracking)
{
    uint64_t session = store_session(tracking->data);

    if (session == tracking->data_session) {
        return;
    }
    tracking->data_session = session;
    close_line(tracking);
    tracking->state = STATE_IDLE;
    become_unproven(tracking);
    if (session != 0) {
        start_attempt(tracking);
    }
}
