#include "agent/store/tracking_reply.h"

#include <string.h>

struct str tracking_reply_text(const struct tracking_reply *reply)
{
    return str_make(reply->text, reply->text_length);
}

static void set_text(struct tracking_reply *reply, const char *text, size_t length)
{
    reply->text_length = length < sizeof(reply->text) ? length : sizeof(reply->text);
    memcpy(reply->text, text, reply->text_length);
}

static void begin(struct tracking_reply *reply, enum tracking_reply_kind kind)
{
    reply->kind = kind;
    reply->is_primary = false;
    reply->count = 0;
    reply->part_count = 0;
    reply->word = NULL;
    reply->text_length = 0;
    reply->integer = 0;
}

/* A part of an array that it must not have. */
static void spoil(struct tracking_reply *reply)
{
    bool is_primary = reply->is_primary;

    begin(reply, TRACKING_MALFORMED);
    reply->is_primary = is_primary;
}

static const struct {
    struct str word;
    enum tracking_reply_kind kind;
    size_t count;
} words[] = {
    {{"message", 7}, TRACKING_MESSAGE, 3},
    {{"subscribe", 9}, TRACKING_SUBSCRIBED, 3},
    {{"pong", 4}, TRACKING_PONG, 2},
};

/* Of an array the kind is known when its last part has come as it must be. */
static void take_part(struct tracking_reply *reply)
{
    reply->part_count++;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (reply->word == words[i].word.ptr && reply->count == words[i].count &&
            reply->part_count == reply->count) {
            reply->kind = words[i].kind;
        }
    }
}

static bool is_word(const struct tracking_reply *reply, enum tracking_reply_kind kind)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (reply->word == words[i].word.ptr) {
            return words[i].kind == kind;
        }
    }
    return false;
}

static void take_word(struct tracking_reply *reply, struct str text)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_equal(text, words[i].word)) {
            reply->word = words[i].word.ptr;
            take_part(reply);
        }
    }
}

/* A string of the array itself. */
static void take_string(struct tracking_reply *reply, int index, struct str text)
{
    if (index == 0) {
        reply->is_primary = str_equal(text, STR("master"));
        take_word(reply, text);
    } else if (index == 1 && is_word(reply, TRACKING_PONG)) {
        set_text(reply, text.ptr, text.len);
        take_part(reply);
    } else if (index == 1 && str_equal(text, STR(TRACKING_CHANNEL))) {
        take_part(reply);
    }
}

static bool is_payload(const struct tracking_reply *reply, const redisReadTask *task)
{
    return task->idx == 2 && reply->part_count == 2 && is_word(reply, TRACKING_MESSAGE);
}

static void *create_string(const redisReadTask *task, char *text, size_t length)
{
    struct tracking_reply *reply = task->privdata;

    if (!task->parent) {
        begin(reply, task->type == REDIS_REPLY_STATUS  ? TRACKING_LINE
                     : task->type == REDIS_REPLY_ERROR ? TRACKING_FAULT
                                                       : TRACKING_MALFORMED);
        set_text(reply, text, length);
    } else if (!task->parent->parent) {
        take_string(reply, task->idx, str_make(text, length));
    } else if (reply->kind == TRACKING_MESSAGE) {
        reply->events->changed(reply->context, str_make(text, length));
    }
    return reply;
}

static void *create_array_of(const redisReadTask *task, size_t count)
{
    struct tracking_reply *reply = task->privdata;

    if (!task->parent) {
        begin(reply, TRACKING_MALFORMED);
        reply->count = count;
    } else if (!task->parent->parent && is_payload(reply, task)) {
        take_part(reply);
    } else {
        spoil(reply);
    }
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct tracking_reply *reply = task->privdata;

    if (!task->parent) {
        begin(reply, TRACKING_INTEGER);
        reply->integer = value;
    } else if (!task->parent->parent && task->idx == 2 && reply->part_count == 2 &&
               is_word(reply, TRACKING_SUBSCRIBED)) {
        take_part(reply);
    } else {
        spoil(reply);
    }
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    struct tracking_reply *reply = task->privdata;

    if (task->parent && !task->parent->parent && is_payload(reply, task)) {
        take_part(reply);
        reply->events->flushed(reply->context);
    } else {
        begin(reply, TRACKING_MALFORMED);
    }
    return reply;
}

static void free_object(void *object)
{
    (void)object;
}

#if HIREDIS_MAJOR >= 1
static void *create_double(const redisReadTask *task, double value, char *text, size_t length)
{
    (void)value;
    (void)text;
    (void)length;
    begin(task->privdata, TRACKING_MALFORMED);
    return task->privdata;
}

static void *create_bool(const redisReadTask *task, int value)
{
    (void)value;
    begin(task->privdata, TRACKING_MALFORMED);
    return task->privdata;
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

void tracking_reply_attach(struct tracking_reply *reply, redisReader *reader,
                           const struct tracking_reply_events *events, void *context)
{
    *reply =
        (struct tracking_reply){.kind = TRACKING_MALFORMED, .events = events, .context = context};
    reader->fn = &functions;
    reader->privdata = reply;
}
