#include "agent/serve/live.h"

#include <stdlib.h>
#include <string.h>

#include "agent/fleet/fleet.h"
#include "agent/store/eviction.h"
#include "agent/store/tracking.h"

/* More at once than that are not acknowledged: who waits for one is told so. */
#define FENCES_MAX 64

/* How much longer an agent counts than it may serve what it knows. */
#define GRACE_US 10000000

struct fence {
    char id[FLEET_FENCE_ID_MAX];
    size_t length;
};

struct live {
    struct directory *directory;
    struct shield *shield;
    struct fleet *fleet;
    struct tracking *tracking;
    struct eviction *eviction; /* NULL: another worker looks */
    struct str prefix;
    bool is_proven;
    struct fence fences[FENCES_MAX]; /* told, and not acknowledged yet */
    size_t fence_count;
};

/* What the keys of records, unlocks and fences begin with. The store tells in this order. */
static const struct str suffixes[] = {
    {"cert:", 5}, {"key:", 4},    {"limit:", 6}, {"revoked:", 8}, {"role:", 5},
    {"team:", 5}, {"unlock:", 7}, {"user:", 5},  {"~fence:", 7},
};

static void proven(void *context, uint64_t session, int64_t as_of_us)
{
    struct live *live = context;

    live->is_proven = true;
    directory_follow(live->directory, session, as_of_us);
}

static void unproven(void *context)
{
    struct live *live = context;

    live->is_proven = false;
    directory_unfollow(live->directory);
}

static void add_fence(struct live *live, struct str id)
{
    if (live->fence_count < FENCES_MAX) {
        struct fence *fence = &live->fences[live->fence_count++];
        memcpy(fence->id, id.ptr, id.len);
        fence->length = id.len;
    }
}

static void forgive(struct live *live, enum record_kind kind, struct str name)
{
    if (kind == RECORD_KEY || kind == RECORD_USER) {
        shield_changed(live->shield, kind == RECORD_KEY ? CREDENTIAL_APIKEY : CREDENTIAL_BASIC,
                       name);
    }
}

static void changed(void *context, struct str key)
{
    struct live *live = context;
    char out[DIRECTORY_NAME_BYTES_MAX];
    enum record_kind kind;
    struct str name, id;

    if (fleet_read_fence(live->prefix, key, &id)) {
        add_fence(live, id);
    } else if (!shield_unlock(live->shield, key) &&
               record_key_read(live->prefix, key, &kind, out, sizeof(out), &name)) {
        directory_invalidate(live->directory, kind, name);
        forgive(live, kind, name);
    }
}

static void flushed(void *context)
{
    struct live *live = context;

    directory_invalidate_all(live->directory);
    shield_flushed(live->shield);
}

static const struct tracking_events events = {
    .proven = proven, .unproven = unproven, .changed = changed, .flushed = flushed};

enum err live_start(void)
{
    enum err e = tracking_start();

    e = e == ERR_OK ? eviction_start() : e;
    e = e == ERR_OK ? shield_start() : e;
    return e == ERR_OK ? fleet_start() : e;
}

static struct fleet *new_fleet(const struct live_settings *from, struct store *store)
{
    const struct config *config = from->config;
    const struct fleet_settings settings = {
        .prefix = str_from_c(config->prefix),
        .agent_id = str_from_c(config->agent_id),
        .boot = from->boot,
        .version = STR(REEVE_VERSION),
        .worker = from->worker,
        .worker_count = config->workers,
        .time_to_live_us = config->max_stale_us + config->max_age_us + GRACE_US,
        .started = clock_read(),
        .head_cb = from->head_cb,
        .head_context = from->head_context,
    };

    return fleet_new(store, &settings);
}

static struct tracking *new_tracking(struct ev_loop *loop, const struct live_settings *from,
                                     struct store *store, struct live *live)
{
    const struct config *config = from->config;
    const struct tracking_settings settings = {
        .address = &config->store,
        .client_name = config->agent_id,
        .prefix = live->prefix,
        .suffixes = suffixes,
        .suffix_count = sizeof(suffixes) / sizeof(suffixes[0]),
        .holder = from->holder,
        .connect_timeout_us = config->store_connect_timeout_us,
        .silence_us = config->max_age_us,
    };

    return tracking_new(loop, store, &settings, &events, live);
}

struct live *live_new(struct ev_loop *loop, const struct live_settings *settings,
                      struct store *store, struct directory *directory, struct shield *shield)
{
    struct live *live = calloc(1, sizeof(*live));

    if (!live) {
        return NULL;
    }
    live->directory = directory;
    live->shield = shield;
    live->prefix = str_from_c(settings->config->prefix);
    live->fleet = new_fleet(settings, store);
    live->tracking = new_tracking(loop, settings, store, live);
    if (settings->worker == 0) {
        live->eviction = eviction_new(store, live->prefix);
    }
    if (!live->fleet || !live->tracking || (settings->worker == 0 && !live->eviction)) {
        live_free(live);
        return NULL;
    }
    return live;
}

void live_free(struct live *live)
{
    if (live) {
        tracking_free(live->tracking);
        fleet_free(live->fleet);
        eviction_free(live->eviction);
        free(live);
    }
}

void live_tick(struct live *live)
{
    tracking_tick(live->tracking);
    if (live->eviction) {
        eviction_tick(live->eviction);
    }
}

size_t live_fences(const struct live *live)
{
    return live->fence_count;
}

void live_settle(struct live *live, bool is_sent, struct now now)
{
    if (is_sent && live->is_proven && live->fence_count > 0) {
        directory_seal(live->directory, now);
        for (size_t i = 0; i < live->fence_count; i++) {
            fleet_acknowledge(live->fleet, str_make(live->fences[i].id, live->fences[i].length),
                              now);
        }
        live->fence_count = 0;
    }
    fleet_tick(live->fleet, now);
}

bool live_leave(struct live *live, struct now now)
{
    return fleet_leave(live->fleet, now);
}
