#include "agent/serve/server.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/audit/writer.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/serve/listener.h"
#include "agent/serve/sinks.h"
#include "agent/serve/worker.h"

/* Kept of drain_timeout for flushing the audit. */
#define FLUSH_SHARE 4

enum server_state {
    SERVER_RUNNING,
    SERVER_UNREADY,  /* health checks fail, everything else goes on */
    SERVER_DRAINING, /* connections close as they become idle */
    SERVER_STOPPED,
};

struct server {
    struct ev_loop *loop;
    enum server_state state;
    struct config *config;
    const char *path;
    const struct config_override *overrides;
    size_t override_count;

    char boot[33];
    struct zones *zones;
    struct seen_board *seen_board;
    struct audit_writer *writer;
    struct journal *journal;
    struct sinks sinks;
    struct offload *offload;
    struct jwks *jwks;
    struct spool **spools;
    size_t spool_count;
    struct worker *workers;
    size_t worker_count;
    struct listener *listeners;
    size_t listener_count;

    ev_signal hup;
    ev_signal term;
    ev_signal interrupt;
    ev_timer drain;
    ev_async worker_done;
};

static bool post(struct worker *worker, enum worker_message type, int number, void *pointer)
{
    struct mailbox_message message = {.type = (int)type, .number = number, .pointer = pointer};

    return mailbox_post(&worker->mailbox, &message) == ERR_OK;
}

static bool has_room(void *context)
{
    const struct server *server = context;
    unsigned count = 0;

    for (size_t i = 0; i < server->worker_count; i++) {
        count += atomic_load(&server->workers[i].connection_count);
    }
    return count < server->config->max_connections;
}

static struct worker *least_busy(struct server *server)
{
    struct worker *best = &server->workers[0];

    for (size_t i = 1; i < server->worker_count; i++) {
        if (atomic_load(&server->workers[i].connection_count) <
            atomic_load(&best->connection_count)) {
            best = &server->workers[i];
        }
    }
    return best;
}

static bool take_socket(void *context, int fd)
{
    struct worker *worker = least_busy(context);

    atomic_fetch_add(&worker->connection_count, 1);
    if (!post(worker, WORKER_CONNECTION, fd, NULL)) {
        atomic_fetch_sub(&worker->connection_count, 1);
        close(fd);
        return false;
    }
    return true;
}

static void tell_restart_only(const struct config *before, const struct config *after)
{
    char names[512];

    config_restart_only(before, after, names, sizeof(names));
    if (names[0] != '\0') {
        log_warning("reload: takes effect at a restart only: %s", names);
    }
}

/* On the thread of jwks. */
static bool post_news(void *context, size_t receiver, struct jwks_news *news)
{
    struct server *server = context;

    return post(&server->workers[receiver], WORKER_KEYS, 0, news);
}

static void use_config(struct server *server, struct config *config)
{
    struct diag diag;

    if (jwks_prepare(server->jwks, config, &diag) != ERR_OK) {
        log_error("reload: %s; the old configuration stays", diag.text);
        config_unref(config);
        return;
    }
    tell_restart_only(server->config, config);
    log_set_level(config->log_level);
    for (size_t i = 0; i < server->worker_count; i++) {
        struct config *reference = config_ref(config);
        if (!post(&server->workers[i], WORKER_CONFIG, 0, reference)) {
            log_error("reload: worker %zu is not reading its mailbox; it keeps the old one", i);
            config_unref(reference);
        }
    }
    jwks_use_config(server->jwks, config);
    journal_lifecycle(server->journal, "reload", NULL, config->hash, server->config->hash);
    config_unref(server->config);
    server->config = config;
    log_info("reload: the new configuration is in use: %s", config->hash);
}

static void hup_cb(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct server *server = watcher->data;
    struct config *config = NULL;

    (void)loop;
    (void)events;
    audit_writer_reopen(server->writer);
    if (config_load(server->path, server->overrides, server->override_count, stderr, &config) !=
        ERR_OK) {
        journal_lifecycle(server->journal, "reload_refused", server->path, server->config->hash,
                          NULL);
        log_error("reload: %s is refused; the old configuration stays", server->path);
        return;
    }
    use_config(server, config);
}

static void finish(struct server *server)
{
    server->state = SERVER_STOPPED;
    ev_timer_stop(server->loop, &server->drain);
    ev_break(server->loop, EVBREAK_ALL);
}

static bool are_drained(const struct server *server, size_t first)
{
    for (size_t i = first; i < server->worker_count; i++) {
        if (!atomic_load(&server->workers[i].is_done)) {
            return false;
        }
    }
    return true;
}

static void tell_last(struct server *server)
{
    if (are_drained(server, 1)) {
        (void)post(&server->workers[0], WORKER_LAST, 0, NULL);
    }
}

static void begin_drain(struct server *server)
{
    int64_t left_us = server->config->drain_timeout_us - server->config->drain_delay_us;

    server->state = SERVER_DRAINING;
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_close(&server->listeners[i]);
    }
    for (size_t i = 0; i < server->worker_count; i++) {
        (void)post(&server->workers[i], WORKER_DRAIN, 0, NULL);
    }
    tell_last(server);
    left_us -= left_us / FLUSH_SHARE;
    ev_timer_set(&server->drain, (double)left_us / 1e6, 0.);
    ev_timer_start(server->loop, &server->drain);
}

static void drain_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct server *server = watcher->data;

    (void)loop;
    (void)events;
    if (server->state == SERVER_UNREADY) {
        begin_drain(server);
    } else {
        log_warning("drain: busy connections are cut");
        finish(server);
    }
}

static void done_cb(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct server *server = watcher->data;

    (void)loop;
    (void)events;
    if (are_drained(server, 0)) {
        finish(server);
    } else {
        tell_last(server);
    }
}

static void term_cb(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct server *server = watcher->data;

    (void)events;
    if (server->state != SERVER_RUNNING) {
        log_warning("second signal: exit at once; the spool keeps what is not in the audit file");
        _exit(1);
    }
    journal_lifecycle(server->journal, "drain", NULL, server->config->hash, NULL);
    log_info("drain: health checks fail from now on");
    server->state = SERVER_UNREADY;
    for (size_t i = 0; i < server->worker_count; i++) {
        (void)post(&server->workers[i], WORKER_UNREADY, 0, NULL);
    }
    ev_timer_set(&server->drain, (double)server->config->drain_delay_us / 1e6, 0.);
    ev_timer_start(loop, &server->drain);
}

static void start_signal(struct server *server, ev_signal *watcher,
                         void (*callback)(struct ev_loop *, ev_signal *, int), int number)
{
    ev_signal_init(watcher, callback, number);
    watcher->data = server;
    ev_signal_start(server->loop, watcher);
}

static void start_watchers(struct server *server)
{
    start_signal(server, &server->hup, hup_cb, SIGHUP);
    start_signal(server, &server->term, term_cb, SIGTERM);
    start_signal(server, &server->interrupt, term_cb, SIGINT);
    ev_timer_init(&server->drain, drain_cb, 0., 0.);
    server->drain.data = server;
    ev_async_init(&server->worker_done, done_cb);
    server->worker_done.data = server;
    ev_async_start(server->loop, &server->worker_done);
}

static enum err make_boot(struct server *server)
{
    uint8_t random[16];
    enum err e = crypto_random(random, sizeof(random));

    if (e == ERR_OK) {
        enc_hex(random, sizeof(random), server->boot);
        server->boot[32] = '\0';
    }
    return e;
}

static enum err open_spools(struct server *server, struct diag *diag)
{
    const struct config *config = server->config;
    struct spool_identity identity = {.agent = config->agent_id};

    memcpy(identity.boot, server->boot, sizeof(identity.boot));
    server->spools = calloc(config->workers, sizeof(*server->spools));
    if (!server->spools) {
        return ERR_MEMORY;
    }
    for (unsigned i = 0; i < config->workers; i++) {
        identity.worker = i;
        enum err e = spool_create(config->spool_dir, &identity, config->spool_bytes,
                                  &server->spools[i], diag);
        if (e != ERR_OK) {
            return e;
        }
        server->spool_count++;
        e = audit_writer_add(server->writer, server->spools[i]);
        if (e != ERR_OK) {
            diag_set(diag, "audit: %s", err_text(e));
            return e;
        }
    }
    return ERR_OK;
}

/* On the writer's thread, which starts after the workers were made. */
static void settled_cb(void *context)
{
    struct server *server = context;

    for (size_t i = 0; i < server->worker_count; i++) {
        worker_note_settled(&server->workers[i]);
    }
}

_Static_assert((int)AUDIT_ADDRESS_FULL == (int)CONFIG_ADDRESSES_FULL &&
                   (int)AUDIT_ADDRESS_TRUNCATED == (int)CONFIG_ADDRESSES_TRUNCATED &&
                   (int)AUDIT_ADDRESS_HASHED == (int)CONFIG_ADDRESSES_HASHED,
               "audit/ does not see config/");

static enum err open_journal(struct server *server, struct diag *diag)
{
    const struct config *config = server->config;
    enum err e =
        journal_create(config->spool_dir, config->agent_id, server->boot, &server->journal, diag);

    if (e != ERR_OK) {
        return e;
    }
    journal_lifecycle(server->journal, "start", REEVE_VERSION, config->hash, NULL);
    e = audit_writer_add_journal(server->writer, server->journal);
    if (e != ERR_OK) {
        diag_set(diag, "audit: %s", err_text(e));
    }
    return e;
}

static enum err open_audit(struct server *server, struct diag *diag)
{
    const struct config *config = server->config;
    struct audit_writer_settings settings = {
        .audit_file = config->audit_file,
        .spool_dir = config->spool_dir,
        .agent = config->agent_id,
        .boot = server->boot,
        .key_file = config->audit_key_file,
        .segment_bytes = config->audit_segment_bytes,
        .segment_us = config->audit_segment_us,
        .retention = {.keep_count = config->audit_keep_segments,
                      .keep_us = config->audit_keep_us,
                      .is_held_cb = sinks_hold,
                      .context = &server->sinks},
        .addresses = (enum audit_addresses)config->audit_addresses,
        .address_key = str_from_c(config->audit_address_key),
        .is_durable = config->audit_mode == CONFIG_AUDIT_DURABLE,
        .settled_cb = settled_cb,
        .settled_context = server,
    };
    enum err e = sinks_open(&server->sinks, config, &server->journal, diag);

    e = e == ERR_OK ? audit_writer_open(&settings, &server->writer, diag) : e;
    e = e == ERR_OK ? open_journal(server, diag) : e;
    return e == ERR_OK ? open_spools(server, diag) : e;
}

static enum err open_listeners(struct server *server, struct diag *diag)
{
    const struct config *config = server->config;

    server->listeners = calloc(config->listen.count, sizeof(*server->listeners));
    if (!server->listeners) {
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < config->listen.count; i++) {
        enum err e = listener_open(&server->listeners[i], config, &config->listen.items[i], diag);
        if (e != ERR_OK) {
            return e;
        }
        server->listener_count++;
    }
    return ERR_OK;
}

static enum err open_jwks(struct server *server)
{
    const struct jwks_settings settings = {
        .receiver_count = server->config->workers, .post_cb = post_news, .context = server};

    server->jwks = jwks_new(&settings);
    return server->jwks ? ERR_OK : ERR_MEMORY;
}

static enum err init_workers(struct server *server, struct diag *diag)
{
    const struct config *config = server->config;

    server->offload = offload_new(config->password_threads, config->password_queue);
    server->workers = calloc(config->workers, sizeof(*server->workers));
    if (!server->offload || !server->workers) {
        return ERR_MEMORY;
    }
    for (unsigned i = 0; i < config->workers; i++) {
        const struct worker_settings settings = {.index = i,
                                                 .config = server->config,
                                                 .spool = server->spools[i],
                                                 .writer = server->writer,
                                                 .offload = server->offload,
                                                 .jwks = server->jwks,
                                                 .zones = server->zones,
                                                 .seen_board = server->seen_board,
                                                 .boot = server->boot};
        enum err e = worker_init(&server->workers[i], &settings, diag);
        if (e != ERR_OK) {
            return e;
        }
        server->workers[i].server_loop = server->loop;
        server->workers[i].done = &server->worker_done;
        server->worker_count++;
    }
    return ERR_OK;
}

static enum err start_threads(struct server *server, struct diag *diag)
{
    enum err e = audit_writer_start(server->writer);

    e = e == ERR_OK ? sinks_start(&server->sinks) : e;
    e = e == ERR_OK ? offload_start(server->offload) : e;
    for (size_t i = 0; i < server->worker_count && e == ERR_OK; i++) {
        e = worker_start(&server->workers[i]);
    }
    if (e != ERR_OK) {
        diag_set(diag, "threads: %s", err_text(e));
    }
    return e;
}

static enum err start_seen(struct server *server)
{
    server->seen_board = seen_board_new();
    return server->seen_board ? seen_start() : ERR_MEMORY;
}

static enum err start(struct server *server, struct diag *diag)
{
    server->loop = ev_default_loop(EVFLAG_AUTO);
    enum err e = server->loop ? make_boot(server) : ERR_IO;

    e = e == ERR_OK ? quota_start() : e;
    e = e == ERR_OK ? live_start() : e;
    e = e == ERR_OK ? start_seen(server) : e;
    e = e == ERR_OK ? zones_load(ZONE_FOLDER, &server->zones) : e;
    e = e == ERR_OK ? open_jwks(server) : e;
    diag_set(diag, "start: %s", err_text(e));
    e = e == ERR_OK ? open_audit(server, diag) : e;
    e = e == ERR_OK ? open_listeners(server, diag) : e;
    e = e == ERR_OK ? init_workers(server, diag) : e;
    e = e == ERR_OK ? jwks_prepare(server->jwks, server->config, diag) : e;
    if (e != ERR_OK) {
        return e;
    }
    jwks_use_config(server->jwks, server->config);
    start_watchers(server);
    e = start_threads(server, diag);
    for (size_t i = 0; i < server->listener_count && e == ERR_OK; i++) {
        listener_start(&server->listeners[i], server->loop, take_socket, has_room, server);
    }
    return e;
}

/* For the writer, and as much for the sinks where there are any. */
static int64_t flush_us(const struct server *server)
{
    return server->config->drain_timeout_us / FLUSH_SHARE / (server->sinks.count > 0 ? 2 : 1);
}

static void stop(struct server *server)
{
    if (server->writer) {
        audit_writer_tell_nobody(server->writer);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_close(&server->listeners[i]);
    }
    /* First, while the workers still read what it hands back. */
    if (server->offload) {
        offload_stop(server->offload);
    }
    if (server->jwks) {
        jwks_stop(server->jwks);
    }
    for (size_t i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[i];
        while (worker->has_thread && !post(worker, WORKER_STOP, 0, NULL)) {
            usleep(1000);
        }
        worker_join(worker);
        worker_fini(worker);
    }
    jwks_free(server->jwks);
    if (server->state == SERVER_STOPPED) {
        journal_lifecycle(server->journal, "stop", NULL, server->config->hash, NULL);
    }
    if (server->writer) {
        audit_writer_close(server->writer, flush_us(server));
    }
    sinks_close(&server->sinks, flush_us(server));
    for (size_t i = 0; i < server->spool_count; i++) {
        spool_close(server->spools[i]);
    }
    offload_free(server->offload);
    journal_close(server->journal);
    free(server->listeners);
    free(server->workers);
    free(server->spools);
    zones_free(server->zones);
    seen_board_free(server->seen_board);
    config_unref(server->config);
}

int server_run(struct config *config, const char *path, const struct config_override *overrides,
               size_t override_count)
{
    struct server server = {
        .config = config, .path = path, .overrides = overrides, .override_count = override_count};
    struct diag diag = {0};
    int status = 1;

    log_set_level(config->log_level);
    if (start(&server, &diag) == ERR_OK) {
        log_info("%s: started, boot %s, configuration %s, %zu worker(s)", config->agent_id,
                 server.boot, config->hash, server.worker_count);
        ev_run(server.loop, 0);
        status = 0;
    } else {
        log_error("%s", diag.text);
    }
    stop(&server);
    if (status == 0) {
        log_info("stopped");
    }
    return status;
}
