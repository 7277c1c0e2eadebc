#include "agent/quota/call.h"

#include "agent/quota/script.h"

#define DIGITS_MAX 20

struct arguments {
    struct str items[STORE_SCRIPT_ARGUMENTS_MAX];
    char digits[STORE_SCRIPT_ARGUMENTS_MAX][DIGITS_MAX];
    size_t count;
};

static void add_number(struct arguments *arguments, uint64_t number)
{
    char *digits = arguments->digits[arguments->count];
    size_t first = DIGITS_MAX;

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    arguments->items[arguments->count++] = str_make(digits + first, DIGITS_MAX - first);
}

/* What was rehearsed the store does not remember, and has not lost. */
static void add_caller(struct arguments *arguments, const struct quota_settings *settings,
                       const struct lease_call *call)
{
    arguments->items[arguments->count++] = settings->holder;
    add_number(arguments, call->sequence);
    add_number(arguments, settings->rehearses ? 0 : call->last);
}

static void add_window(struct arguments *arguments, const struct lease_call *call)
{
    add_number(arguments, (uint64_t)call->window.start_ms);
    add_number(arguments, (uint64_t)call->window.end_ms);
    add_number(arguments, call->units);
    add_number(arguments, call->seen_used);
}

static void add_bucket(struct arguments *arguments, const struct lease_call *call)
{
    add_number(arguments, call->units);
    add_number(arguments, (uint64_t)call->period_us);
    add_number(arguments, call->burst);
    add_number(arguments, call->seen_used);
    add_number(arguments, (uint64_t)call->seen_us);
}

static enum script_id fill(struct arguments *arguments, const struct quota_settings *settings,
                           const struct lease *lease)
{
    const struct lease_call *call = &lease->call;
    bool takes = call->kind == LEASE_CALL_TAKE;

    add_caller(arguments, settings, call);
    if (lease->terms.kind == LIMIT_QUOTA) {
        add_window(arguments, call);
        add_number(arguments, takes ? call->want : call->back);
        add_number(arguments, takes ? call->least : call->owed);
        add_number(arguments, (uint64_t)call->seen_us);
        return takes ? SCRIPT_WINDOW_TAKE : SCRIPT_WINDOW_ADJUST;
    }
    add_bucket(arguments, call);
    if (!takes) {
        add_number(arguments, call->owed);
        return SCRIPT_BUCKET_ADJUST;
    }
    add_number(arguments, call->want);
    add_number(arguments, call->least);
    add_number(arguments, call->waiting);
    return SCRIPT_BUCKET_TAKE;
}

enum err call_send(struct store *store, struct str key, const struct quota_settings *settings,
                   const struct lease *lease, store_reply_cb *callback, void *context)
{
    struct arguments arguments;

    arguments.count = 0;
    const struct store_call call = {
        .script = script_get(fill(&arguments, settings, lease), settings->rehearses),
        .key = key,
        .arguments = arguments.items,
        .argument_count = arguments.count,
        .replicas = lease->call.kind == LEASE_CALL_TAKE ? settings->replicas : 0,
    };
    return store_run_script(store, &call, callback, context);
}

struct draft {
    uint64_t state, sequence, granted, used, holders, now, life, wait;
};

/* In the order of the scripts' answers; those of a window end before "life". */
static const struct {
    struct str name;
    size_t offset;
} fields[] = {
    {{"seq", 3}, offsetof(struct draft, sequence)},
    {{"granted", 7}, offsetof(struct draft, granted)},
    {{"used", 4}, offsetof(struct draft, used)},
    {{"holders", 7}, offsetof(struct draft, holders)},
    {{"now", 3}, offsetof(struct draft, now)},
    {{"life", 4}, offsetof(struct draft, life)},
    {{"wait", 4}, offsetof(struct draft, wait)},
};

#define FIELD_COUNT  (sizeof(fields) / sizeof(fields[0]))
#define WINDOW_COUNT 5
#define NUMBER_MAX   (UINT64_C(1) << 53)

static bool read_numbers(const struct store_reply *reply, struct draft *out)
{
    for (size_t i = 1; i < reply->field_count; i++) {
        const struct store_field *field = &reply->fields[i];
        uint64_t number;

        if (!str_equal(field->name, fields[i - 1].name) ||
            !str_to_uint64(field->value, NUMBER_MAX, &number)) {
            return false;
        }
        *(uint64_t *)(void *)((char *)out + fields[i - 1].offset) = number;
    }
    return true;
}

static bool read_state(const struct store_field *field, struct lease_answer *out)
{
    static const struct str states[] = {
        [LEASE_ANSWER_OK] = {"ok", 2},
        [LEASE_ANSWER_WINDOW] = {"window", 6},
        [LEASE_ANSWER_STALE] = {"stale", 5},
        [LEASE_ANSWER_BAD] = {"bad", 3},
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (str_equal(field->name, STR("state")) && str_equal(field->value, states[i])) {
            out->state = (enum lease_answer_state)i;
            return true;
        }
    }
    return false;
}

bool call_read_answer(const struct store_reply *reply, uint64_t sequence, struct lease_answer *out)
{
    struct lease_answer answer = {0};
    struct draft draft = {0};

    if ((reply->field_count != 1 + WINDOW_COUNT && reply->field_count != 1 + FIELD_COUNT) ||
        !read_state(&reply->fields[0], &answer) || !read_numbers(reply, &draft) ||
        draft.sequence != sequence) {
        return false;
    }
    answer.sequence = draft.sequence;
    answer.granted = draft.granted;
    answer.used = draft.used;
    answer.holders = draft.holders;
    answer.now_us = (int64_t)draft.now;
    answer.life_us = (int64_t)draft.life;
    answer.wait_us = (int64_t)draft.wait;
    *out = answer;
    return true;
}
