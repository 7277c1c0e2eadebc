#include "agent/fleet/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/fleet/script.h"

#define BEAT_US         INT64_C(1000000)
#define RETRY_US        INT64_C(100000)
#define ACK_LIFE_US     INT64_C(30000000)
#define LOG_INTERVAL_US INT64_C(10000000)
#define KEY_BYTES_MAX   160
#define ARGUMENTS_MAX   7

enum call_kind { CALL_DESCRIBE, CALL_JOIN, CALL_ACKNOWLEDGE, CALL_LEAVE, CALL_ERASE };

/* A script on its way. The store calls back in any case, so it outlives a fleet that is freed. */
struct call {
    struct fleet *fleet; /* NULL: freed */
    struct call *previous, *next;
    enum call_kind kind;
    uint64_t number; /* of the acknowledgement */
};

enum ack_state {
    ACK_DONE, /* answered, or given up: known, so that it is not said again */
    ACK_DUE,
    ACK_SENT,
};

struct ack {
    uint64_t number;
    int64_t born_us;
    int64_t due_us;
    enum ack_state state;
    uint8_t length;
    char id[FLEET_FENCE_ID_MAX];
};

/*
 *   NONE --describe--> DESCRIBING --answered--> DESCRIBED --join--> JOINING --answered--> NONE
 *                          `------- failed ---> NONE <--- failed ------'
 */
enum beat_state { BEAT_NONE, BEAT_DESCRIBING, BEAT_DESCRIBED, BEAT_JOINING };

enum leave_state {
    LEAVE_NONE,
    LEAVE_DUE,
    LEAVE_SENT,
    LEAVE_ERASE_DUE,
    LEAVE_ERASE_SENT,
    LEAVE_DONE
};

struct fleet {
    struct store *store;
    struct fleet_settings settings;
    char agents_key[KEY_BYTES_MAX];
    char agent_key[KEY_BYTES_MAX];
    char member[KEY_BYTES_MAX]; /* <agent id>/<worker> */
    int64_t now_us;             /* of the last tick */

    enum beat_state beat;
    int64_t next_beat_us;
    bool has_joined;   /* it may count */
    bool has_namesake; /* another process has this agent's name */
    enum leave_state leave;

    struct ack acks[FLEET_ACKS_MAX]; /* by number, modulo */
    uint64_t next_number;            /* from 1 on */
    size_t due_count;

    struct call *calls;
    struct fleet_counters counters;
    struct log_limit namesake_log, drop_log;
};

enum err fleet_start(void)
{
    return fleet_script_start();
}

struct fleet *fleet_new(struct store *store, const struct fleet_settings *settings)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (!fleet) {
        return NULL;
    }
    fleet->store = store;
    fleet->settings = *settings;
    fleet->next_number = 1;
    snprintf(fleet->agents_key, KEY_BYTES_MAX, "%.*sagents", STR_ARG(settings->prefix));
    snprintf(fleet->agent_key, KEY_BYTES_MAX, "%.*sagent:%.*s", STR_ARG(settings->prefix),
             STR_ARG(settings->agent_id));
    snprintf(fleet->member, KEY_BYTES_MAX, "%.*s/%u", STR_ARG(settings->agent_id),
             settings->worker);
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet) {
        return;
    }
    for (struct call *call = fleet->calls; call; call = call->next) {
        call->fleet = NULL;
    }
    free(fleet);
}

static void link_call(struct fleet *fleet, struct call *call)
{
    call->next = fleet->calls;
    if (fleet->calls) {
        fleet->calls->previous = call;
    }
    fleet->calls = call;
}

static void unlink_call(struct fleet *fleet, struct call *call)
{
    if (call->previous) {
        call->previous->next = call->next;
    } else {
        fleet->calls = call->next;
    }
    if (call->next) {
        call->next->previous = call->previous;
    }
}

/* Of another process with this name: its heartbeats and ours take turns, and a receipt can not tell
 * its acknowledgements from ours. */
static void take_description(struct fleet *fleet, const struct store_reply *reply)
{
    uint64_t swallowed;

    /* Before the first heartbeat it is who had the name last. */
    fleet->has_namesake = fleet->counters.beats > 0 && reply->field_count == 1 &&
                          str_equal(reply->fields[0].value, STR("1"));
    if (fleet->has_namesake &&
        log_limit_pass(&fleet->namesake_log, fleet->now_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("fleet: another agent is called %.*s too: give each an agent_id of its own",
                    STR_ARG(fleet->settings.agent_id));
    }
    fleet->beat = BEAT_DESCRIBED;
}

static void end_ack(struct fleet *fleet, uint64_t number, bool is_answered)
{
    struct ack *ack = &fleet->acks[number % FLEET_ACKS_MAX];

    if (ack->number != number) {
        return;
    }
    ack->state = is_answered ? ACK_DONE : ACK_DUE;
    ack->due_us = fleet->now_us + RETRY_US;
    fleet->counters.acknowledged += is_answered ? 1 : 0;
    fleet->due_count += is_answered ? 0 : 1;
}

static void end_call(struct fleet *fleet, const struct call *call, const struct store_reply *reply)
{
    bool is_answered = reply->status == STORE_OK;

    switch (call->kind) {
    case CALL_DESCRIBE:
        fleet->beat = BEAT_NONE;
        if (is_answered) {
            take_description(fleet, reply);
        }
        break;
    case CALL_JOIN:
        fleet->beat = BEAT_NONE;
        fleet->counters.beats += is_answered ? 1 : 0;
        break;
    case CALL_ACKNOWLEDGE:
        end_ack(fleet, call->number, is_answered);
        break;
    case CALL_LEAVE:
        fleet->leave = is_answered ? LEAVE_ERASE_DUE : LEAVE_DUE;
        break;
    case CALL_ERASE:
        fleet->leave = is_answered ? LEAVE_DONE : LEAVE_ERASE_DUE;
        break;
    }
}

static void answer_cb(void *context, const struct store_reply *reply)
{
    struct call *call = context;

    if (call->fleet) {
        unlink_call(call->fleet, call);
        end_call(call->fleet, call, reply);
    }
    free(call);
}

/* False: not now. */
static bool send_call(struct fleet *fleet, enum call_kind kind, uint64_t number,
                      const struct store_call *what)
{
    struct call *call = calloc(1, sizeof(*call));

    if (!call) {
        return false;
    }
    *call = (struct call){.fleet = fleet, .kind = kind, .number = number};
    if (store_run_script(fleet->store, what, answer_cb, call) != ERR_OK) {
        free(call);
        return false;
    }
    link_call(fleet, call);
    return true;
}

struct arguments {
    struct str items[ARGUMENTS_MAX];
    char digits[ARGUMENTS_MAX][24];
    size_t count;
};

static void add_text(struct arguments *arguments, struct str text)
{
    ensure(arguments->count < ARGUMENTS_MAX);
    arguments->items[arguments->count++] = text;
}

static void add_number(struct arguments *arguments, int64_t number)
{
    char *digits = arguments->digits[arguments->count];

    snprintf(digits, sizeof(arguments->digits[0]), "%" PRId64, number);
    add_text(arguments, str_from_c(digits));
}

static bool run(struct fleet *fleet, enum call_kind kind, enum fleet_script script, const char *key,
                const struct arguments *arguments)
{
    const struct store_call call = {.script = fleet_script_get(script),
                                    .key = str_from_c(key),
                                    .arguments = arguments->items,
                                    .argument_count = arguments->count};

    return send_call(fleet, kind, 0, &call);
}

static void describe(struct fleet *fleet, struct now now)
{
    const struct fleet_settings *settings = &fleet->settings;
    int64_t age_us = now.mono_us - settings->started.mono_us;
    struct arguments arguments = {.count = 0};

    add_number(&arguments, settings->time_to_live_us / 1000);
    add_text(&arguments, settings->boot);
    add_number(&arguments, age_us / 1000);
    add_number(&arguments, settings->worker_count);
    add_text(&arguments, settings->version);
    add_number(&arguments, now_wall_s(settings->started));
    const char *head = settings->head_cb ? settings->head_cb(settings->head_context) : "";
    if (head[0] != '\0') {
        add_text(&arguments, str_from_c(head));
    }
    if (run(fleet, CALL_DESCRIBE, FLEET_SCRIPT_DESCRIBE, fleet->agent_key, &arguments)) {
        fleet->beat = BEAT_DESCRIBING;
        fleet->next_beat_us = now.mono_us + BEAT_US;
    } else {
        fleet->next_beat_us = now.mono_us + RETRY_US;
    }
}

static void join(struct fleet *fleet)
{
    struct arguments arguments = {.count = 0};

    add_number(&arguments, fleet->settings.time_to_live_us / 1000);
    add_text(&arguments, fleet->settings.agent_id);
    fleet->beat = BEAT_NONE;
    if (run(fleet, CALL_JOIN, FLEET_SCRIPT_JOIN, fleet->agents_key, &arguments)) {
        fleet->beat = BEAT_JOINING;
        fleet->has_joined = true;
    }
}

/* The description comes first, so that who counts is described. */
static void beat(struct fleet *fleet, struct now now)
{
    if (fleet->beat == BEAT_DESCRIBED) {
        join(fleet);
    } else if (fleet->beat == BEAT_NONE && now.mono_us >= fleet->next_beat_us &&
               store_is_up(fleet->store)) {
        describe(fleet, now);
    }
}

static void log_dropped(struct fleet *fleet, int64_t now_us, const char *why)
{
    uint64_t swallowed;

    fleet->counters.dropped++;
    if (log_limit_pass(&fleet->drop_log, now_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("fleet: a change is not acknowledged: %s (%llu like it not logged)", why,
                    (unsigned long long)swallowed);
    }
}

static void send_ack(struct fleet *fleet, struct ack *ack, struct now now)
{
    char key[KEY_BYTES_MAX];
    const struct str member = str_from_c(fleet->member);

    snprintf(key, sizeof(key), "%.*sack:%.*s", STR_ARG(fleet->settings.prefix), ack->length,
             ack->id);
    const struct store_call call = {.script = fleet_script_get(FLEET_SCRIPT_ACKNOWLEDGE),
                                    .key = str_from_c(key),
                                    .arguments = &member,
                                    .argument_count = 1};
    if (send_call(fleet, CALL_ACKNOWLEDGE, ack->number, &call)) {
        ack->state = ACK_SENT;
        fleet->due_count--;
    } else {
        ack->due_us = now.mono_us + RETRY_US;
    }
}

/* From the oldest on. */
static void send_acks(struct fleet *fleet, struct now now)
{
    for (uint64_t i = 0; i < FLEET_ACKS_MAX; i++) {
        struct ack *ack = &fleet->acks[(fleet->next_number + i) % FLEET_ACKS_MAX];

        if (ack->state != ACK_DUE || now.mono_us < ack->due_us) {
            continue;
        }
        if (now.mono_us - ack->born_us >= ACK_LIFE_US) {
            ack->state = ACK_DONE;
            fleet->due_count--;
            log_dropped(fleet, now.mono_us, "the store did not take it in time");
        } else {
            send_ack(fleet, ack, now);
        }
    }
}

static void send_leave(struct fleet *fleet)
{
    struct arguments arguments = {.count = 0};

    if (fleet->leave == LEAVE_DUE) {
        add_text(&arguments, fleet->settings.agent_id);
        if (run(fleet, CALL_LEAVE, FLEET_SCRIPT_LEAVE, fleet->agents_key, &arguments)) {
            fleet->leave = LEAVE_SENT;
        }
    } else if (fleet->leave == LEAVE_ERASE_DUE) {
        add_text(&arguments, fleet->settings.boot);
        if (run(fleet, CALL_ERASE, FLEET_SCRIPT_ERASE, fleet->agent_key, &arguments)) {
            fleet->leave = LEAVE_ERASE_SENT;
        }
    }
}

void fleet_tick(struct fleet *fleet, struct now now)
{
    fleet->now_us = now.mono_us;
    if (fleet->settings.worker == 0) {
        if (fleet->leave == LEAVE_NONE) {
            beat(fleet, now);
        } else {
            send_leave(fleet);
        }
    }
    if (fleet->due_count > 0) {
        send_acks(fleet, now);
    }
}

static bool knows(const struct fleet *fleet, struct str id)
{
    for (size_t i = 0; i < FLEET_ACKS_MAX; i++) {
        const struct ack *ack = &fleet->acks[i];

        if (ack->number > 0 && str_equal(str_make(ack->id, ack->length), id)) {
            return true;
        }
    }
    return false;
}

void fleet_acknowledge(struct fleet *fleet, struct str fence_id, struct now now)
{
    uint64_t number = fleet->next_number;
    struct ack *ack = &fleet->acks[number % FLEET_ACKS_MAX];

    ensure(fence_id.len <= FLEET_FENCE_ID_MAX);
    if (knows(fleet, fence_id)) {
        return;
    }
    if (ack->state != ACK_DONE) {
        log_dropped(fleet, now.mono_us, "too many wait for the store");
        fleet->due_count -= ack->state == ACK_DUE ? 1 : 0;
    }
    *ack = (struct ack){.number = number,
                        .born_us = now.mono_us,
                        .due_us = now.mono_us,
                        .state = ACK_DUE,
                        .length = (uint8_t)fence_id.len};
    memcpy(ack->id, fence_id.ptr, fence_id.len);
    fleet->due_count++;
    fleet->next_number++;
}

bool fleet_leave(struct fleet *fleet, struct now now)
{
    if (fleet->settings.worker != 0) {
        return true;
    }
    fleet->now_us = now.mono_us;
    if (fleet->leave == LEAVE_NONE && !fleet->has_joined) {
        fleet->leave = LEAVE_DONE;
    } else if (fleet->leave == LEAVE_NONE) {
        /* A namesake goes on counting. */
        fleet->leave = fleet->has_namesake ? LEAVE_ERASE_DUE : LEAVE_DUE;
    }
    send_leave(fleet);
    return fleet->leave == LEAVE_DONE;
}

void fleet_counters(const struct fleet *fleet, struct fleet_counters *out)
{
    *out = fleet->counters;
}
