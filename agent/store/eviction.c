#include "agent/store/eviction.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/log.h"

#define KEY_BYTES_MAX 128

struct eviction {
    struct store *store; /* NULL: freed, but for the answer that is to come */
    char key[KEY_BYTES_MAX];
    uint64_t session; /* that was asked */
    bool is_asked;
};

static struct store_script policy_script;

enum err eviction_start(void)
{
    policy_script = (struct store_script){
        .name = "policy",
        .text = STR("local policy = string.match(redis.call('INFO', 'memory'), "
                    "'maxmemory_policy:([%w-]+)') return { 'policy', policy or '' }"),
    };
    return store_script_init(&policy_script);
}

struct eviction *eviction_new(struct store *store, struct str prefix)
{
    struct eviction *eviction = calloc(1, sizeof(*eviction));

    if (eviction) {
        eviction->store = store;
        snprintf(eviction->key, sizeof(eviction->key), "%.*sagents", STR_ARG(prefix));
    }
    return eviction;
}

void eviction_free(struct eviction *eviction)
{
    if (!eviction) {
        return;
    }
    eviction->store = NULL;
    if (!eviction->is_asked) {
        free(eviction);
    }
}

static void warn(struct str policy)
{
    if (policy.len > 0 && !str_equal(policy, STR("noeviction"))) {
        log_warning(
            "store: maxmemory-policy is %s: Redis may drop roles, keys and what was used of "
            "limits; it must be noeviction",
            log_quote(policy).text);
    }
}

static void reply_cb(void *context, const struct store_reply *reply)
{
    struct eviction *eviction = context;

    eviction->is_asked = false;
    if (!eviction->store) {
        free(eviction);
        return;
    }
    if (reply->status == STORE_OK && reply->field_count == 1) {
        warn(reply->fields[0].value);
    }
}

void eviction_tick(struct eviction *eviction)
{
    uint64_t session = store_session(eviction->store);

    if (session == 0 || session == eviction->session || eviction->is_asked) {
        return;
    }
    const struct store_call call = {.script = &policy_script, .key = str_from_c(eviction->key)};
    eviction->session = session;
    eviction->is_asked = store_run_script(eviction->store, &call, reply_cb, eviction) == ERR_OK;
}
