#include "agent/decide/reply.h"

#include "spoe/ack.h"

enum kind { KIND_STRING, KIND_INT };

/* A variable's value. An absent string is not written. */
struct value {
    struct str string;
    int64_t number;
    bool is_absent;
};

typedef struct value value_fn(const struct verdict *verdict);

#define STRING_VALUE(name, expression)                                                             \
    static struct value value_##name(const struct verdict *verdict)                                \
    {                                                                                              \
        struct str string = (expression);                                                          \
        return (struct value){.string = string, .is_absent = string.len == 0};                     \
    }
#define INT_VALUE(name, expression, absent)                                                        \
    static struct value value_##name(const struct verdict *verdict)                                \
    {                                                                                              \
        return (struct value){.number = (expression), .is_absent = (absent)};                      \
    }

STRING_VALUE(verdict, verdict_text(verdict->kind))
STRING_VALUE(path, verdict->path)
INT_VALUE(status, verdict_status(verdict), false)
STRING_VALUE(reason, reason_code(verdict->reason))
STRING_VALUE(user, verdict->user)
STRING_VALUE(challenge, verdict->challenge)
INT_VALUE(retry_after, verdict->retry_after, verdict->retry_after == 0)
STRING_VALUE(rule, verdict->rule)
STRING_VALUE(credential, verdict->credential)
STRING_VALUE(team, verdict->team)
STRING_VALUE(limit, verdict->limit)
STRING_VALUE(ratelimit, verdict->ratelimit)
STRING_VALUE(ratelimit_policy, verdict->ratelimit_policy)
INT_VALUE(priority, verdict->priority, verdict->priority < 0)
STRING_VALUE(shadow, verdict->shadow)
STRING_VALUE(roles, verdict->roles)

struct variable {
    struct spoe_bytes name;
    enum kind kind;
    value_fn *value;
};

#define VARIABLE(name, kind)                                                                       \
    {                                                                                              \
        {(const uint8_t *)#name, sizeof(#name) - 1}, kind, value_##name                            \
    }

static const struct variable variables[] = {
    VARIABLE(verdict, KIND_STRING),
    VARIABLE(path, KIND_STRING),
    VARIABLE(status, KIND_INT),
    VARIABLE(reason, KIND_STRING),
    VARIABLE(user, KIND_STRING),
    VARIABLE(challenge, KIND_STRING),
    VARIABLE(retry_after, KIND_INT),
    VARIABLE(rule, KIND_STRING),
    VARIABLE(credential, KIND_STRING),
    VARIABLE(team, KIND_STRING),
    VARIABLE(limit, KIND_STRING),
    VARIABLE(ratelimit, KIND_STRING),
    VARIABLE(ratelimit_policy, KIND_STRING),
    VARIABLE(priority, KIND_INT),
    VARIABLE(shadow, KIND_STRING),
    VARIABLE(roles, KIND_STRING),
};

#define VARIABLE_COUNT  (sizeof(variables) / sizeof(variables[0]))
#define ESSENTIAL_COUNT 2 /* verdict and path */

/* Type, flags and three varints of an ACK, and what a set-var adds around a value. */
#define FRAME_OVERHEAD_MAX 32
#define ACTION_OVERHEAD    16

static bool write_one(struct spoe_ack *ack, const struct variable *variable,
                      const struct value *value)
{
    if (variable->kind == KIND_INT) {
        return spoe_ack_set_int(ack, SPOE_SCOPE_TXN, variable->name, value->number);
    }
    struct spoe_bytes bytes = {(const uint8_t *)value->string.ptr, value->string.len};
    return spoe_ack_set_string(ack, SPOE_SCOPE_TXN, variable->name, bytes);
}

bool reply_fits(const struct verdict *verdict, uint32_t limit)
{
    size_t needed = FRAME_OVERHEAD_MAX;

    for (size_t i = 0; i < ESSENTIAL_COUNT; i++) {
        struct value value = variables[i].value(verdict);
        needed += ACTION_OVERHEAD + variables[i].name.length + value.string.len;
    }
    return needed <= limit;
}

size_t reply_write(const struct verdict *verdict, uint64_t stream_id, uint64_t frame_id,
                   uint32_t limit, uint8_t *out, size_t room)
{
    struct spoe_ack ack;
    size_t used = 0;

    if (!spoe_ack_begin(&ack, out, room, limit, stream_id, frame_id)) {
        return 0;
    }
    for (size_t i = 0; i < VARIABLE_COUNT; i++) {
        struct value value = variables[i].value(verdict);
        size_t length = ACTION_OVERHEAD + variables[i].name.length + value.string.len;

        if (value.is_absent) {
            continue;
        }
        used += i >= ESSENTIAL_COUNT ? length : 0;
        if (used > REPLY_BYTES_MAX || !write_one(&ack, &variables[i], &value)) {
            if (i == 0) {
                return 0;
            }
            break;
        }
    }
    return spoe_ack_end(&ack);
}
