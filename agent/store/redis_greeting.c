#include "agent/store/redis_greeting.h"

#include <stdbool.h>
#include <stdio.h>

#include "agent/store/redis_error.h"

#define PARTS_MAX 3

struct step {
    const char *name;
    struct str answer;
    bool may_fail;
    bool answers_array; /* which begins with `answer` */
    /* Fills the command's parts; their number, 0 where the step is not needed. `number` has room
     * for the digits of an unsigned. */
    size_t (*write)(const struct redis_greeting *greeting, struct str *parts, char number[16]);
};

size_t redis_greeting_auth(const struct config_store *address, struct str *parts)
{
    size_t count = 0;

    if (!address->password) {
        return 0;
    }
    parts[count++] = STR("AUTH");
    if (address->user) {
        parts[count++] = str_from_c(address->user);
    }
    parts[count++] = str_from_c(address->password);
    return count;
}

static size_t write_auth(const struct redis_greeting *greeting, struct str *parts, char number[16])
{
    (void)number;
    return redis_greeting_auth(greeting->address, parts);
}

static size_t write_select(const struct redis_greeting *greeting, struct str *parts,
                           char number[16])
{
    if (greeting->address->database == 0) {
        return 0;
    }
    snprintf(number, 16, "%u", greeting->address->database);
    parts[0] = STR("SELECT");
    parts[1] = str_from_c(number);
    return 2;
}

static size_t write_name(const struct redis_greeting *greeting, struct str *parts, char number[16])
{
    (void)number;
    if (!greeting->client_name) {
        return 0;
    }
    parts[0] = STR("CLIENT");
    parts[1] = STR("SETNAME");
    parts[2] = str_from_c(greeting->client_name);
    return 3;
}

static size_t write_ping(const struct redis_greeting *greeting, struct str *parts, char number[16])
{
    (void)greeting;
    (void)number;
    parts[0] = STR("PING");
    return 1;
}

static size_t write_role(const struct redis_greeting *greeting, struct str *parts, char number[16])
{
    (void)number;
    if (!greeting->address->sentinel) {
        return 0;
    }
    parts[0] = STR("ROLE");
    return 1;
}

static const struct step steps[REDIS_GREETING_STEPS_MAX] = {
    {"AUTH", {"OK", 2}, false, false, write_auth},
    {"SELECT", {"OK", 2}, false, false, write_select},
    {"CLIENT SETNAME", {"OK", 2}, true, false, write_name},
    {"PING", {"PONG", 4}, false, false, write_ping},
    {"ROLE", {"master", 6}, false, true, write_role},
};

void redis_greeting_init(struct redis_greeting *greeting, const struct config_store *address,
                         const char *client_name)
{
    *greeting = (struct redis_greeting){.address = address, .client_name = client_name};
}

enum err redis_greeting_send(struct redis_greeting *greeting, struct redis_connection *connection)
{
    struct str parts[PARTS_MAX];
    char number[16];

    greeting->sent_count = 0;
    greeting->answered_count = 0;
    for (size_t i = 0; i < REDIS_GREETING_STEPS_MAX; i++) {
        size_t count = steps[i].write(greeting, parts, number);
        if (count == 0) {
            continue;
        }
        enum err e = redis_connection_send(connection, parts, count);
        if (e != ERR_OK) {
            return e;
        }
        greeting->steps[greeting->sent_count++] = i;
    }
    return ERR_OK;
}

/* A server that can not answer anything says so to the first command, whichever it is. */
static bool is_refusal(const struct step *step, const struct redis_error *error)
{
    return !step->may_fail || error->ends_connection;
}

static bool is_answer(const struct step *step, const struct redis_reply *reply)
{
    bool has_type = step->answers_array ? redis_reply_is_array(reply) : reply->kind == REPLY_LINE;

    return has_type && str_equal(redis_reply_line(reply), step->answer);
}

static const char *explain(const struct step *step, const struct redis_reply *reply)
{
    if (step->answers_array && redis_reply_is_array(reply) &&
        str_equal(redis_reply_line(reply), STR("slave"))) {
        return "the server is a replica";
    }
    return "not the reply of a Redis server";
}

enum redis_greeting_progress redis_greeting_take(struct redis_greeting *greeting,
                                                 const struct redis_reply *reply, struct diag *diag)
{
    const struct step *step = &steps[greeting->steps[greeting->answered_count++]];
    struct str line = redis_reply_line(reply);

    if (reply->kind == REPLY_FAULT && is_refusal(step, redis_error_find(line))) {
        diag_set(diag, "%s: %.*s: %s", step->name, STR_ARG(redis_error_code(line)),
                 redis_error_find(line)->text);
        return REDIS_GREETING_FAILED;
    }
    if (reply->kind != REPLY_FAULT && !is_answer(step, reply)) {
        diag_set(diag, "%s: %s", step->name, explain(step, reply));
        return REDIS_GREETING_FAILED;
    }
    return greeting->answered_count == greeting->sent_count ? REDIS_GREETING_DONE
                                                            : REDIS_GREETING_MORE;
}
