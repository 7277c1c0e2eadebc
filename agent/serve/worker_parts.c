#include "agent/serve/worker_parts.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/store/redis.h"

#define MAILBOX_RETRY_US 1000

static struct store *new_store(struct worker *worker)
{
    const struct config *config = worker->start_config;
    struct store_redis_settings settings = {
        .address = &config->store,
        .client_name = config->agent_id,
        .connect_timeout_us = config->store_connect_timeout_us,
        .command_timeout_us = config->store_timeout_us,
        .max_in_flight = config->max_in_flight + SEEN_CALLS_MAX,
    };

    return store_redis_new(worker->loop, &settings);
}

static struct directory *new_directory(struct worker *worker)
{
    const struct config *config = worker->start_config;
    struct directory_settings settings = {
        .prefix = str_from_c(config->prefix),
        .max_age_us = config->max_age_us,
        .max_stale_us = config->max_stale_us,
        .max_records = config->directory_max_records,
        .max_absent = config->directory_max_absent,
        .max_source_misses = config->directory_max_source_misses,
        .max_misses = config->max_in_flight,
    };

    return directory_new(worker->store, &settings);
}

/* A holder that died must never be taken for this one, whatever agent_id says: its calls would be
 * answered with what it got. */
static struct quota *new_quota(struct worker *worker, const struct worker_settings *from)
{
    const struct config *config = worker->start_config;

    snprintf(worker->holder, sizeof(worker->holder), "%s.%u.%.8s", config->agent_id, worker->index,
             from->boot);
    struct quota_settings settings = {
        .prefix = str_from_c(config->prefix),
        .holder = str_from_c(worker->holder),
        .zones = from->zones,
        .max_leases = config->max_leases,
        .worker_count = config->workers,
        .replicas = config->grant_replicas,
    };
    return quota_new(worker->grant_store ? worker->grant_store : worker->store, &settings);
}

static enum err init_seen(struct worker *worker, const struct worker_settings *from)
{
    const struct config *config = worker->start_config;
    const struct seen_settings settings = {
        .prefix = str_from_c(config->prefix),
        .agent_id = str_from_c(config->agent_id),
        .interval_us = config->seen_interval_us,
        .ttl_us = config->seen_ttl_us,
        .board = from->seen_board,
    };

    if (config->seen_interval_us > 0) {
        worker->seen = seen_new(worker->store, &settings);
    }
    return worker->seen || config->seen_interval_us == 0 ? ERR_OK : ERR_MEMORY;
}

static const char *head_cb(void *context)
{
    struct worker *worker = context;

    audit_writer_head(worker->writer, worker->head);
    return worker->head;
}

static enum err init_store(struct worker *worker, const struct worker_settings *from)
{
    worker->store = new_store(worker);
    if (worker->config->grant_replicas > 0) {
        worker->grant_store = new_store(worker);
    }
    if (!worker->store || (worker->config->grant_replicas > 0 && !worker->grant_store)) {
        return ERR_MEMORY;
    }
    worker->directory = new_directory(worker);
    worker->quota = new_quota(worker, from);
    worker->shield = shield_new(worker->start_config, worker->store);
    if (!worker->directory || !worker->quota || !worker->shield ||
        init_seen(worker, from) != ERR_OK) {
        return ERR_MEMORY;
    }
    const struct live_settings settings = {
        .config = worker->start_config,
        .holder = str_from_c(worker->holder),
        .boot = str_from_c(from->boot),
        .worker = worker->index,
        .head_cb = head_cb,
        .head_context = worker,
    };
    worker->live =
        live_new(worker->loop, &settings, worker->store, worker->directory, worker->shield);
    return worker->live ? ERR_OK : ERR_MEMORY;
}

static void hash_cb(void *object)
{
    password_work_do(object);
}

/* On a thread of the pool. A worker reads its mailbox until it is joined, and the pool is stopped
 * before. */
static void hashed_cb(void *context, void *object, bool was_done)
{
    struct worker *worker = context;
    const struct mailbox_message message = {
        .type = WORKER_PASSWORD_DONE, .number = was_done, .pointer = object};

    while (mailbox_post(&worker->mailbox, &message) != ERR_OK) {
        usleep(MAILBOX_RETRY_US);
    }
}

static enum err submit_cb(void *context, struct password_work *work,
                          const struct password_place *place)
{
    struct worker *worker = context;
    const struct offload_task task = {.work_cb = hash_cb,
                                      .done_cb = hashed_cb,
                                      .context = worker,
                                      .object = work,
                                      .source = place->source,
                                      .subject = place->user,
                                      .late_us = place->late_us};

    return offload_submit(worker->offload, &task);
}

/* They are hashed by the pool, and handed back through the mailbox. */
static struct passwords *new_passwords(struct worker *worker)
{
    const struct passwords_settings settings = {
        .max_remembered = worker->config->max_passwords, .submit_cb = submit_cb, .context = worker};

    return passwords_new(&settings);
}

static void ask_cb(void *context, size_t issuer)
{
    struct worker *worker = context;

    jwks_ask(worker->jwks, worker->engine.decide.config, issuer);
}

enum err worker_parts_init(struct worker *worker, const struct worker_settings *from,
                           engine_output_cb *output_cb)
{
    const struct config *config = worker->config;

    worker->apikeys = apikey_verifier_new(&config->peppers, config->accept_unpeppered);
    worker->passwords = new_passwords(worker);
    worker->tokens = tokens_new(config);
    enum err e = init_store(worker, from);
    if (e != ERR_OK || !worker->apikeys || !worker->passwords || !worker->tokens) {
        return ERR_MEMORY;
    }
    tokens_on_ask(worker->tokens, ask_cb, worker);
    struct engine_settings settings = {
        .decide = {.config = config,
                   .directory = worker->directory,
                   .apikeys = worker->apikeys,
                   .passwords = worker->passwords,
                   .tokens = worker->tokens,
                   .quota = worker->quota,
                   .shield = worker->shield,
                   .seen = worker->seen},
        .spool = worker->spool,
        .is_durable = config->audit_mode == CONFIG_AUDIT_DURABLE,
        .output_cb = output_cb,
        .output_context = worker,
    };
    return engine_init(&worker->engine, &settings);
}

void worker_parts_fini(struct worker *worker)
{
    live_free(worker->live);
    directory_free(worker->directory);
    quota_free(worker->quota);
    shield_free(worker->shield);
    seen_free(worker->seen);
    store_free(worker->grant_store);
    store_free(worker->store);
    engine_fini(&worker->engine);
    apikey_verifier_free(worker->apikeys);
    passwords_free(worker->passwords);
    tokens_free(worker->tokens);
}

void worker_use_config(struct worker *worker, struct config *config)
{
    struct apikey_verifier *apikeys =
        apikey_verifier_new(&config->peppers, config->accept_unpeppered);
    struct tokens *tokens = tokens_new(config), *old = worker->tokens;

    if (!apikeys || !tokens) {
        log_error("worker %u: the new configuration's secrets can not be used; the old one stays",
                  worker->index);
        apikey_verifier_free(apikeys);
        tokens_free(tokens);
        config_unref(config);
        return;
    }
    apikey_verifier_free(worker->apikeys);
    worker->apikeys = apikeys;
    worker->tokens = tokens;
    tokens_on_ask(tokens, ask_cb, worker);
    worker->engine.decide.apikeys = apikeys;
    worker->engine.decide.tokens = tokens;
    worker->engine.decide.config = config;
    shield_configure(worker->shield, config);
    /* Who waits for keys is decided by the new configuration, while its old names still stand. */
    tokens_wake(old, worker->engine.now);
    tokens_free(old);
    config_unref(worker->config);
    worker->config = config;
}
