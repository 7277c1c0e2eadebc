#include "tests/support/fake_failures.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/ensure.h"

static int64_t argument(const struct store_call *call, size_t i)
{
    uint64_t number;

    ensure(i < call->argument_count && str_to_uint64(call->arguments[i], INT64_MAX, &number));
    return (int64_t)number;
}

static struct fake_failing *get(struct fake_failures *failures, struct str key)
{
    for (int i = 0; i < failures->count; i++) {
        if (str_equal(str_from_c(failures->items[i].key), key)) {
            return &failures->items[i];
        }
    }
    ensure(failures->count < FAKE_FAILURES_MAX);
    struct fake_failing *made = &failures->items[failures->count++];
    *made = (struct fake_failing){.key = ""};
    snprintf(made->key, sizeof(made->key), "%.*s", STR_ARG(key));
    return made;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void fail(struct fake_failures *failures, const struct store_call *call,
                 struct fake_store_answer *answer)
{
    struct shield_count *count = &get(failures, call->key)->count;
    const struct shield_rule rule = {.free = argument(call, 7),
                                     .interval_us = argument(call, 4),
                                     .wait_us = argument(call, 5),
                                     .wait_max_us = argument(call, 6)};
    int64_t failed = argument(call, 0), now_us = failures->now_us;

    for (int64_t i = 0; i < failed; i++) {
        shield_count_add(count, &rule, now_us - argument(call, 1));
    }
    if (failed > 0) {
        count->clear_us = larger(count->clear_us, now_us + argument(call, 2));
        count->until_us = larger(count->until_us, now_us + argument(call, 3));
    }
    failures->fails += failed > 0;
    failures->asks += failed == 0;
    fake_store_answer_number(answer, "left", larger(0, count->clear_us - now_us));
    fake_store_answer_number(answer, "wait", larger(0, count->until_us - now_us));
}

static void forgive(struct fake_failures *failures, const struct store_call *call,
                    struct fake_store_answer *answer)
{
    get(failures, call->key)->count = (struct shield_count){0};
    failures->forgives++;
    fake_store_answer_number(answer, "gone", 1);
}

static void salt(struct fake_failures *failures, const struct store_call *call,
                 struct fake_store_answer *answer)
{
    if (failures->salt[0] == '\0') {
        snprintf(failures->salt, sizeof(failures->salt), "%.*s", STR_ARG(call->arguments[0]));
    }
    failures->salts++;
    fake_store_answer_add(answer, "salt", failures->salt);
}

bool fake_failures_knows(const struct store_call *call)
{
    const char *name = call->script->name;

    return strcmp(name, "fail") == 0 || strcmp(name, "forgive") == 0 || strcmp(name, "salt") == 0;
}

void fake_failures_script(void *context, const struct store_call *call,
                          struct fake_store_answer *answer)
{
    ensure(fake_failures_knows(call));
    if (strcmp(call->script->name, "fail") == 0) {
        fail(context, call, answer);
    } else if (strcmp(call->script->name, "forgive") == 0) {
        forgive(context, call, answer);
    } else {
        salt(context, call, answer);
    }
}
