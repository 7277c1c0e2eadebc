#include "agent/decide/reply.h"

#include "spoe/ack.h"

/*
 * The variables, what matters most first: name, type, value. Those without a value (an empty
 * string, a number below zero) are not set.
 */
#define ESSENTIAL_VARIABLES(X)                                                                     \
    X(verdict, STRING, verdict_text(verdict->kind))                                                \
    X(path, STRING, verdict->path)

#define OTHER_VARIABLES(X)                                                                         \
    X(status, INT, verdict_status(verdict))                                                        \
    X(reason, STRING, reason_code(verdict->reason))                                                \
    X(user, STRING, verdict->user)                                                                 \
    X(challenge, STRING, verdict->challenge)                                                       \
    X(retry_after, INT, verdict->retry_after > 0 ? verdict->retry_after : -1)                      \
    X(rule, STRING, verdict->rule)                                                                 \
    X(credential, STRING, verdict->credential)                                                     \
    X(team, STRING, verdict->team)                                                                 \
    X(limit, STRING, verdict->limit)                                                               \
    X(ratelimit, STRING, verdict->ratelimit)                                                       \
    X(ratelimit_policy, STRING, verdict->ratelimit_policy)                                         \
    X(priority, INT, verdict->priority)                                                            \
    X(shadow, STRING, verdict->shadow)                                                             \
    X(roles, STRING, verdict->roles)

#define HEAD(name, type, value)                                                                    \
    static const struct spoe_head head_##name = SPOE_HEAD_##type(SPOE_SCOPE_TXN, #name);
ESSENTIAL_VARIABLES(HEAD)
OTHER_VARIABLES(HEAD)
#undef HEAD

/* Type, flags and three varints of an ACK, and what a set-var adds around a value. */
#define FRAME_OVERHEAD_MAX 32
#define ACTION_OVERHEAD    16

/* Variables are written in order, up to the first that does not fit. */
struct reply {
    struct spoe_ack ack;
    size_t used; /* by what is not essential */
    bool is_full;
};

static void put_string(struct reply *reply, const struct spoe_head *head, struct str value)
{
    struct spoe_bytes bytes = {(const uint8_t *)value.ptr, value.len};

    if (value.len > 0 && !reply->is_full) {
        reply->is_full = !spoe_ack_put_string(&reply->ack, head, bytes);
    }
}

static void take_share(struct reply *reply, size_t length)
{
    reply->used += length;
    reply->is_full |= reply->used > REPLY_BYTES_MAX;
}

static void add_STRING(struct reply *reply, const struct spoe_head *head, struct str value)
{
    if (value.len > 0) {
        take_share(reply, ACTION_OVERHEAD + head->name_length + value.len);
        put_string(reply, head, value);
    }
}

static void add_INT(struct reply *reply, const struct spoe_head *head, int64_t value)
{
    if (value < 0) {
        return;
    }
    take_share(reply, ACTION_OVERHEAD + head->name_length);
    if (!reply->is_full) {
        reply->is_full = !spoe_ack_put_int(&reply->ack, head, value);
    }
}

bool reply_fits(const struct verdict *verdict, uint32_t limit)
{
    size_t needed = FRAME_OVERHEAD_MAX;

#define NEED(name, type, value) needed += ACTION_OVERHEAD + sizeof(#name) - 1 + (value).len;
    ESSENTIAL_VARIABLES(NEED)
#undef NEED
    return needed <= limit;
}

size_t reply_write(const struct verdict *verdict, uint64_t stream_id, uint64_t frame_id,
                   uint32_t limit, uint8_t *out, size_t room)
{
    struct reply reply = {.used = 0};

    if (!spoe_ack_begin(&reply.ack, out, room, limit, stream_id, frame_id)) {
        return 0;
    }
    put_string(&reply, &head_verdict, verdict_text(verdict->kind));
    if (reply.is_full) {
        return 0;
    }
    put_string(&reply, &head_path, verdict->path);
#define ADD(name, type, value) add_##type(&reply, &head_##name, value);
    OTHER_VARIABLES(ADD)
#undef ADD
    return spoe_ack_end(&reply.ack);
}
