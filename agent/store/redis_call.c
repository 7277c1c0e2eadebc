#include "agent/store/redis_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/store/redis_error.h"

static const char *const commands[] = {
    [REDIS_CALL_EVALSHA] = "EVALSHA", [REDIS_CALL_EVAL] = "EVAL", [REDIS_CALL_WAIT] = "WAIT"};

/* Copies to *at, which moves behind it. */
static struct str put(char **at, struct str text)
{
    struct str copy = str_make(*at, text.len);

    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return copy;
}

struct redis_call *redis_call_new(const struct store_call *call, store_reply_cb *callback,
                                  void *context)
{
    size_t byte_count = call->key.len;
    struct redis_call *copy;

    ensure(call->script->sha1[0] != '\0' && call->argument_count <= STORE_SCRIPT_ARGUMENTS_MAX);
    for (size_t i = 0; i < call->argument_count; i++) {
        byte_count += call->arguments[i].len;
    }
    copy = malloc(sizeof(*copy) + byte_count);
    if (!copy) {
        return NULL;
    }
    *copy = (struct redis_call){.script = call->script,
                                .callback = callback,
                                .context = context,
                                .replicas = call->replicas,
                                .argument_count = call->argument_count};
    char *at = copy->bytes;
    copy->key = put(&at, call->key);
    for (size_t i = 0; i < call->argument_count; i++) {
        copy->arguments[i] = put(&at, call->arguments[i]);
    }
    return copy;
}

void redis_call_free(struct redis_call *call)
{
    if (call) {
        free(call->fields);
        free(call);
    }
}

const char *redis_call_command(const struct redis_call *call)
{
    return commands[call->step];
}

static enum err send_script(const struct redis_call *call, struct redis_connection *connection)
{
    struct str parts[REDIS_COMMAND_PARTS_MAX] = {
        str_from_c(redis_call_command(call)),
        call->step == REDIS_CALL_EVAL ? call->script->text : str_from_c(call->script->sha1),
        STR("1"), call->key};

    memcpy(parts + 4, call->arguments, call->argument_count * sizeof(call->arguments[0]));
    return redis_connection_send(connection, parts, 4 + call->argument_count);
}

/* 0 ms would be for ever. */
static enum err send_wait(const struct redis_call *call, struct redis_connection *connection,
                          int64_t left_us)
{
    int64_t wait_ms = left_us / 2 / 1000;
    char replicas[16];
    char limit[24];

    snprintf(replicas, sizeof(replicas), "%u", call->replicas);
    snprintf(limit, sizeof(limit), "%lld", wait_ms > 1 ? (long long)wait_ms : 1);
    const struct str parts[] = {STR("WAIT"), str_from_c(replicas), str_from_c(limit)};
    return redis_connection_send(connection, parts, 3);
}

enum err redis_call_send(const struct redis_call *call, struct redis_connection *connection,
                         int64_t left_us)
{
    return call->step == REDIS_CALL_WAIT ? send_wait(call, connection, left_us)
                                         : send_script(call, connection);
}

/* False: too much, or out of memory. */
static bool keep_fields(struct redis_call *call, const struct redis_reply *reply)
{
    size_t field_count = reply->item_count / 2;
    size_t table_bytes = field_count * sizeof(*call->fields);

    if (table_bytes + reply->byte_count > STORE_WAITING_BYTES_MAX) {
        return false;
    }
    call->fields = malloc(table_bytes + reply->byte_count + 1);
    if (!call->fields) {
        return false;
    }
    char *at = (char *)(call->fields + field_count);
    for (size_t i = 0; i < field_count; i++) {
        call->fields[i].name = put(&at, reply->fields[i].name);
        call->fields[i].value = put(&at, reply->fields[i].value);
    }
    call->field_count = field_count;
    return true;
}

bool redis_call_goes_on(struct redis_call *call, const struct redis_reply *reply)
{
    if (call->step == REDIS_CALL_EVALSHA && reply->kind == REPLY_FAULT &&
        redis_error_is_unknown_script(redis_reply_line(reply))) {
        call->step = REDIS_CALL_EVAL;
        return true;
    }
    if (call->step != REDIS_CALL_WAIT && reply->kind == REPLY_FIELDS && call->replicas > 0 &&
        keep_fields(call, reply)) {
        call->step = REDIS_CALL_WAIT;
        return true;
    }
    return false;
}

static void tell(struct redis_call *call, enum store_status status,
                 const struct store_field *fields, size_t field_count)
{
    const struct store_reply reply = {
        .status = status, .fields = fields, .field_count = field_count};

    call->callback(call->context, &reply);
    redis_call_free(call);
}

void redis_call_end(struct redis_call *call, const struct redis_reply *reply)
{
    /* Had its fields been kept, it would wait for its replicas now. */
    tell(call, call->replicas > 0 ? STORE_UNSYNCED : STORE_OK, reply->fields,
         reply->item_count / 2);
}

void redis_call_fail(struct redis_call *call, enum store_status status)
{
    if (call->step == REDIS_CALL_WAIT) {
        redis_call_confirm(call, -1);
    } else {
        tell(call, status, NULL, 0);
    }
}

void redis_call_confirm(struct redis_call *call, long long replica_count)
{
    while (call) {
        struct redis_call *next = call->next;
        tell(call, replica_count >= call->replicas ? STORE_OK : STORE_UNSYNCED, call->fields,
             call->field_count);
        call = next;
    }
}
