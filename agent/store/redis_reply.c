#include "agent/store/redis_reply.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES  (64u * 1024)
#define KEPT_FIELDS 512u

void redis_reply_init(struct redis_reply *reply)
{
    *reply = (struct redis_reply){.kind = REPLY_MALFORMED};
}

void redis_reply_fini(struct redis_reply *reply)
{
    free(reply->fields);
    free(reply->bytes);
    redis_reply_init(reply);
}

struct str redis_reply_line(const struct redis_reply *reply)
{
    return str_make(reply->line, reply->line_length);
}

bool redis_reply_is_array(const struct redis_reply *reply)
{
    return reply->head.type == REDIS_REPLY_ARRAY;
}

static void drop_fields(struct redis_reply *reply)
{
    if (reply->byte_capacity > KEPT_BYTES) {
        free(reply->bytes);
        reply->bytes = NULL;
        reply->byte_capacity = 0;
    }
    if (reply->field_capacity > KEPT_FIELDS) {
        free(reply->fields);
        reply->fields = NULL;
        reply->field_capacity = 0;
    }
    reply->byte_count = 0;
    reply->item_count = 0;
}

/* The first part of a reply. False refuses it. An error may come unasked: "max number of clients
 * reached"; hiredis ends the connection with it. */
static bool begin(struct redis_reply *reply, int type, enum redis_reply_kind kind)
{
    if (!reply->is_due && kind != REPLY_FAULT) {
        reply->refusal = "a reply that nobody asked for";
        return false;
    }
    drop_fields(reply);
    reply->line_length = 0;
    reply->kind = kind;
    reply->head = (redisReply){.type = type, .str = reply->line};
    return true;
}

static void set_line(struct redis_reply *reply, const char *text, size_t length)
{
    reply->line_length = length < sizeof(reply->line) ? length : sizeof(reply->line) - 1;
    memcpy(reply->line, text, reply->line_length);
    reply->line[reply->line_length] = '\0';
}

/* The rest of the reply is read and dropped. */
static void spoil(struct redis_reply *reply, enum redis_reply_kind kind)
{
    reply->kind = kind;
    drop_fields(reply);
}

/* The block moves, and with it what points into it. */
static bool grow_bytes(struct redis_reply *reply, size_t needed)
{
    size_t capacity = reply->byte_capacity ? reply->byte_capacity : 4096;
    size_t field_count = (reply->item_count + 1) / 2;

    while (capacity < needed) {
        capacity *= 2;
    }
    capacity = capacity < STORE_REPLY_BYTES_MAX ? capacity : STORE_REPLY_BYTES_MAX + 1;
    char *bytes = malloc(capacity);
    if (!bytes) {
        return false;
    }
    if (reply->byte_count > 0) {
        memcpy(bytes, reply->bytes, reply->byte_count);
    }
    for (size_t i = 0; i < field_count; i++) {
        struct store_field *field = &reply->fields[i];
        field->name.ptr = bytes + (field->name.ptr - reply->bytes);
        if (2 * i + 1 < reply->item_count) {
            field->value.ptr = bytes + (field->value.ptr - reply->bytes);
        }
    }
    free(reply->bytes);
    reply->bytes = bytes;
    reply->byte_capacity = capacity;
    return true;
}

static bool grow_fields(struct redis_reply *reply)
{
    size_t capacity = reply->field_capacity ? 2 * reply->field_capacity : 32;
    struct store_field *fields = realloc(reply->fields, capacity * sizeof(*fields));

    if (!fields) {
        return false;
    }
    reply->fields = fields;
    reply->field_capacity = capacity;
    return true;
}

/* Names and values come in turns. False: out of memory. */
static bool add_item(struct redis_reply *reply, const char *text, size_t length)
{
    if (length > STORE_REPLY_BYTES_MAX - reply->byte_count) {
        spoil(reply, REPLY_OVERSIZED);
        return true;
    }
    if (reply->byte_count + length >= reply->byte_capacity &&
        !grow_bytes(reply, reply->byte_count + length + 1)) {
        return false;
    }
    if (reply->item_count / 2 == reply->field_capacity && !grow_fields(reply)) {
        return false;
    }
    char *copy = reply->bytes + reply->byte_count;
    struct store_field *field = &reply->fields[reply->item_count / 2];
    memcpy(copy, text, length);
    if (reply->item_count % 2 == 0) {
        *field = (struct store_field){.name = str_make(copy, length)};
    } else {
        field->value = str_make(copy, length);
    }
    reply->byte_count += length;
    reply->item_count++;
    return true;
}

/* The reader's functions: what they return becomes the reply, NULL ends the connection. */

static void *create_string(const redisReadTask *task, char *text, size_t length)
{
    struct redis_reply *reply = task->privdata;

    if (task->parent) {
        if (task->type != REDIS_REPLY_STRING || task->parent->parent) {
            spoil(reply, REPLY_MALFORMED);
        } else if (task->idx == 0) {
            set_line(reply, text, length);
        }
        if (reply->kind != REPLY_FIELDS) {
            return reply;
        }
        return add_item(reply, text, length) ? reply : NULL;
    }
    enum redis_reply_kind kind = task->type == REDIS_REPLY_STATUS  ? REPLY_LINE
                                 : task->type == REDIS_REPLY_ERROR ? REPLY_FAULT
                                                                   : REPLY_MALFORMED;
    if (!begin(reply, task->type, kind)) {
        return NULL;
    }
    if (kind != REPLY_MALFORMED) {
        set_line(reply, text, length);
    }
    return reply;
}

static void *create_array_of(const redisReadTask *task, size_t count)
{
    struct redis_reply *reply = task->privdata;

    if (task->type != REDIS_REPLY_ARRAY) {
        reply->refusal = "a reply that RESP2 does not know";
        return NULL;
    }
    if (task->parent) {
        spoil(reply, REPLY_MALFORMED);
        return reply;
    }
    if (!begin(reply, task->type, REPLY_FIELDS)) {
        return NULL;
    }
    if (count % 2 != 0) {
        spoil(reply, REPLY_MALFORMED);
    } else if (count / 2 > STORE_FIELDS_MAX) {
        spoil(reply, REPLY_OVERSIZED);
    }
    return reply;
}

/* Numbers and nil: no part of an array of fields. */
static void *create_scalar(const redisReadTask *task, enum redis_reply_kind kind)
{
    struct redis_reply *reply = task->privdata;

    if (task->parent) {
        spoil(reply, REPLY_MALFORMED);
        return reply;
    }
    return begin(reply, task->type, kind) ? reply : NULL;
}

static void *create_nil(const redisReadTask *task)
{
    return create_scalar(task, REPLY_NIL);
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = task->privdata;

    reply->integer = value;
    return create_scalar(task, REPLY_INTEGER);
}

static void free_object(void *object)
{
    drop_fields(object);
}

#if HIREDIS_MAJOR >= 1
static void *create_other(const redisReadTask *task)
{
    return create_scalar(task, REPLY_MALFORMED);
}

static void *create_double(const redisReadTask *task, double value, char *text, size_t length)
{
    (void)value;
    (void)text;
    (void)length;
    return create_other(task);
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    return create_other(task);
}

static void *create_array(const redisReadTask *task, size_t count)
{
    return create_array_of(task, count);
}
#else
static void *create_array(const redisReadTask *task, int count)
{
    return create_array_of(task, (size_t)count);
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .createNil = create_nil,
    .freeObject = free_object,
};

void redis_reply_attach(struct redis_reply *reply, redisReader *reader)
{
    reply->refusal = NULL;
    reader->fn = &functions;
    reader->privdata = reply;
}
