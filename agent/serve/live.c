#include "agent/serve/live.h"

#include <stdlib.h>

#include "agent/store/tracking.h"

struct live {
    struct directory *directory;
    struct tracking *tracking;
    struct str prefix;
};

/* What records' keys begin with, sorted. */
static const struct str suffixes[] = {
    {"key:", 4}, {"limit:", 6}, {"role:", 5}, {"team:", 5}, {"user:", 5},
};

static void proven(void *context, uint64_t session, int64_t as_of_us)
{
    struct live *live = context;

    directory_follow(live->directory, session, as_of_us);
}

static void unproven(void *context)
{
    struct live *live = context;

    directory_unfollow(live->directory);
}

static void changed(void *context, struct str key)
{
    struct live *live = context;
    char out[DIRECTORY_NAME_BYTES_MAX];
    enum record_kind kind;
    struct str name;

    if (record_key_read(live->prefix, key, &kind, out, sizeof(out), &name)) {
        directory_invalidate(live->directory, kind, name);
    }
}

static void flushed(void *context)
{
    struct live *live = context;

    directory_invalidate_all(live->directory);
}

static const struct tracking_events events = {
    .proven = proven, .unproven = unproven, .changed = changed, .flushed = flushed};

enum err live_start(void)
{
    return tracking_start();
}

struct live *live_new(struct ev_loop *loop, const struct config *config, struct str holder,
                      struct store *store, struct directory *directory)
{
    struct live *live = calloc(1, sizeof(*live));

    if (!live) {
        return NULL;
    }
    live->directory = directory;
    live->prefix = str_from_c(config->prefix);
    const struct tracking_settings settings = {
        .address = &config->store,
        .client_name = config->agent_id,
        .prefix = live->prefix,
        .suffixes = suffixes,
        .suffix_count = sizeof(suffixes) / sizeof(suffixes[0]),
        .holder = holder,
        .connect_timeout_us = config->store_connect_timeout_us,
        .silence_us = config->max_age_us,
    };
    live->tracking = tracking_new(loop, store, &settings, &events, live);
    if (!live->tracking) {
        free(live);
        return NULL;
    }
    return live;
}

void live_free(struct live *live)
{
    if (live) {
        tracking_free(live->tracking);
        free(live);
    }
}

void live_tick(struct live *live, struct now now)
{
    tracking_tick(live->tracking, now);
}
