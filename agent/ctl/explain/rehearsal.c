#include "agent/ctl/explain/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/ctl/command.h"
#include "agent/ctl/published.h"
#include "agent/store/redis.h"
#include "agent/store/turn.h"

#define TURN_US     50000
#define AGE_US      (3600 * INT64_C(1000000)) /* all of one explanation is of one moment */
#define RECORDS_MAX 100000
#define PATIENCE_US INT64_C(200000) /* beside twice the time to connect */

struct asking {
    struct waiter waiter; /* first */
    bool is_woken;
};

static void wake_cb(struct waiter *waiter, struct now now)
{
    (void)now;
    ((struct asking *)(void *)waiter)->is_woken = true;
}

/* Once: with what came it is decided, or without. */
static void fetch_keys(struct rehearsal *rehearsal)
{
    size_t issuer = rehearsal->asked_issuer - 1;
    struct jose_keys *keys = published_fetch(&rehearsal->config->issuers[issuer]);

    rehearsal->asked_issuer = 0;
    tokens_use_keys(rehearsal->context.tokens, issuer, keys, INT64_MAX, INT64_MAX, rehearsal->now);
}

void rehearsal_turn(struct rehearsal *rehearsal)
{
    if (rehearsal->asked_issuer > 0) {
        fetch_keys(rehearsal);
    }
    store_loop_turn(rehearsal->loop, TURN_US);
    rehearsal->now = clock_read();
    directory_tick(rehearsal->context.directory, rehearsal->now);
    quota_tick(rehearsal->context.quota, rehearsal->now);
}

/* The question is sent by a turn's tick, so the first one may have no answer to wait for. */
static void wait_for(struct rehearsal *rehearsal, struct asking *asking)
{
    while (!asking->is_woken) {
        quota_tick(rehearsal->context.quota, rehearsal->now);
        rehearsal_turn(rehearsal);
    }
    *asking = (struct asking){.waiter.wake_cb = wake_cb};
}

static bool make_holder(struct rehearsal *rehearsal)
{
    uint8_t random[8];
    char hex[2 * sizeof(random) + 1] = {0};

    if (crypto_random(random, sizeof(random)) != ERR_OK) {
        return false;
    }
    enc_hex(random, sizeof(random), hex);
    snprintf(rehearsal->holder, sizeof(rehearsal->holder), "reevectl.0.%s", hex);
    return true;
}

static struct directory *new_directory(const struct rehearsal *rehearsal)
{
    const struct directory_settings settings = {
        .prefix = str_from_c(rehearsal->config->prefix),
        .max_age_us = AGE_US,
        .max_stale_us = AGE_US,
        .max_records = RECORDS_MAX,
        .max_absent = RECORDS_MAX,
        .max_source_misses = RECORDS_MAX,
        .max_misses = RECORDS_MAX,
    };

    return directory_new(facts_store(rehearsal->facts), &settings);
}

static struct quota *new_quota(const struct rehearsal *rehearsal)
{
    const struct quota_settings settings = {
        .prefix = str_from_c(rehearsal->config->prefix),
        .holder = str_from_c(rehearsal->holder),
        .zones = rehearsal->zones,
        .max_leases = rehearsal->config->max_leases,
        .worker_count = rehearsal->config->workers,
        .rehearses = true,
    };

    return quota_new(facts_store(rehearsal->facts), &settings);
}

static bool make_memory(struct rehearsal *rehearsal)
{
    rehearsal->facts = facts_new(rehearsal->store, rehearsal->heap);
    rehearsal->context.directory = new_directory(rehearsal);
    rehearsal->context.quota = new_quota(rehearsal);
    return rehearsal->context.directory && rehearsal->context.quota;
}

static void drop_memory(struct rehearsal *rehearsal)
{
    directory_free(rehearsal->context.directory);
    quota_free(rehearsal->context.quota);
    rehearsal->context.directory = NULL;
    rehearsal->context.quota = NULL;
}

/* Fetched in the next turn: whoever asks is not waiting yet. */
static void ask_cb(void *context, size_t issuer)
{
    struct rehearsal *rehearsal = context;

    rehearsal->asked_issuer = issuer + 1;
}

static struct store *new_store(const struct rehearsal *rehearsal)
{
    const struct config *config = rehearsal->config;
    const struct store_redis_settings settings = {
        .address = &config->store,
        .client_name = "reevectl",
        .connect_timeout_us = config->store_connect_timeout_us,
        .command_timeout_us = config->store_timeout_us,
        .max_in_flight = RECORDS_MAX,
    };

    return store_redis_new(rehearsal->loop, &settings);
}

static bool make_parts(struct rehearsal *rehearsal)
{
    struct config *config = rehearsal->config;
    struct decide_context *context = &rehearsal->context;

    rehearsal->loop = store_loop_new();
    rehearsal->store = rehearsal->loop ? new_store(rehearsal) : NULL;
    if (!rehearsal->store || !make_holder(rehearsal) || quota_start() != ERR_OK ||
        zones_load(ZONE_FOLDER, &rehearsal->zones) != ERR_OK) {
        return false;
    }
    arena_init(&rehearsal->arena, heap_take(rehearsal->heap, DECIDE_ARENA_BYTES),
               DECIDE_ARENA_BYTES);
    *context = (struct decide_context){
        .config = config,
        .apikeys = apikey_verifier_new(&config->peppers, config->accept_unpeppered),
        .tokens = tokens_new(config),
    };
    if (!context->apikeys || !context->tokens) {
        return false;
    }
    tokens_on_ask(context->tokens, ask_cb, rehearsal);
    return make_memory(rehearsal);
}

bool rehearsal_renew(struct rehearsal *rehearsal)
{
    drop_memory(rehearsal);
    facts_free(rehearsal->facts); /* a decision that is done leaves no question behind */
    rehearsal->facts = NULL;
    if (!make_memory(rehearsal)) {
        command_fail("out of memory or random bytes");
        return false;
    }
    return true;
}

static void wait_for_store(struct rehearsal *rehearsal)
{
    int64_t until_us =
        clock_read().mono_us + PATIENCE_US + 2 * rehearsal->config->store_connect_timeout_us;

    do {
        rehearsal_turn(rehearsal);
    } while (!store_is_up(rehearsal->store) && rehearsal->now.mono_us < until_us);
}

bool rehearsal_open(struct rehearsal *rehearsal, const char *config_file, struct heap *heap)
{
    *rehearsal = (struct rehearsal){.heap = heap};
    log_set_level(LOG_WARNING);
    if (config_load(config_file, NULL, 0, stderr, &rehearsal->config) != ERR_OK) {
        return false;
    }
    if (!make_parts(rehearsal)) {
        command_fail("out of memory or random bytes");
        return false;
    }
    wait_for_store(rehearsal);
    return true;
}

void rehearsal_close(struct rehearsal *rehearsal)
{
    drop_memory(rehearsal);
    store_free(rehearsal->store);
    facts_free(rehearsal->facts);
    store_loop_free(rehearsal->loop);
    apikey_verifier_free(rehearsal->context.apikeys);
    tokens_free(rehearsal->context.tokens);
    zones_free(rehearsal->zones);
    crypto_wipe(rehearsal->arena.block, rehearsal->arena.block ? DECIDE_ARENA_BYTES : 0);
    config_unref(rehearsal->config);
}

void rehearsal_decide(struct rehearsal *rehearsal, const struct request *request,
                      const struct explain_caller *caller, struct explain_trace *trace,
                      struct decision *out)
{
    struct asking asking = {.waiter.wake_cb = wake_cb};

    arena_reset(&rehearsal->arena);
    while (explain_run(&rehearsal->context, request, caller, trace, &rehearsal->arena,
                       rehearsal->now, &asking.waiter, out) != DECIDE_DONE) {
        wait_for(rehearsal, &asking);
        arena_reset(&rehearsal->arena);
    }
}

enum quota_answer rehearsal_check(struct rehearsal *rehearsal, struct quota_claim *claim)
{
    struct asking asking = {.waiter.wake_cb = wake_cb};
    enum quota_answer answer;

    for (;;) {
        claim->lease = NULL;
        answer = quota_check(rehearsal->context.quota, claim, rehearsal->now, &asking.waiter);
        if (answer != QUOTA_PENDING) {
            return answer;
        }
        wait_for(rehearsal, &asking);
    }
}

static void done_cb(void *context, const struct store_reply *reply)
{
    (void)reply;
    *(bool *)context = true;
}

const struct fact *rehearsal_get(struct rehearsal *rehearsal, struct str key)
{
    bool is_done = false;

    if (store_get_hash(facts_store(rehearsal->facts), key, done_cb, &is_done) != ERR_OK) {
        return NULL;
    }
    while (!is_done) {
        rehearsal_turn(rehearsal);
    }
    const struct fact *fact = facts_find(rehearsal->facts, key);
    return fact->status == STORE_OK ? fact : NULL;
}
