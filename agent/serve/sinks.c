#include "agent/serve/sinks.h"

#include <stdlib.h>

#include "agent/audit/syslog_outlet.h"
#include "agent/base/clock.h"

static enum syslog_transport transport_of(const struct sink_policy *policy)
{
    static const enum syslog_transport transports[] = {
        [SINK_TCP] = SYSLOG_TCP,
        [SINK_UDP] = SYSLOG_UDP,
        [SINK_UNIX] = SYSLOG_UNIX,
        [SINK_UNIX_STREAM] = SYSLOG_UNIX_STREAM,
    };

    return transports[policy->transport];
}

static enum err open_one(const struct config *config, const struct sink_policy *policy,
                         struct journal **journal, struct sink **out, struct diag *diag)
{
    const struct syslog_settings outlet_settings = {
        .transport = transport_of(policy),
        .host = policy->host.ptr,
        .port = policy->port,
        .source = {.facility = policy->facility,
                   .app = policy->app_name.ptr,
                   .sd_id = policy->sd_id.ptr},
        .message_bytes = policy->message_bytes,
        .timeout_us = policy->timeout_us,
    };
    const struct sink_settings settings = {
        .name = policy->name.ptr,
        .audit_file = config->audit_file,
        .timeout_us = policy->timeout_us,
        .hold_count = policy->hold_count,
        .journal = journal,
    };
    struct outlet *outlet = syslog_outlet_new(&outlet_settings);

    if (!outlet) {
        diag_set(diag, "sink %s: %s", policy->name.ptr, err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    return sink_new(&settings, outlet, out, diag);
}

enum err sinks_open(struct sinks *sinks, const struct config *config, struct journal **journal,
                    struct diag *diag)
{
    if (config->sink_count == 0) {
        return ERR_OK;
    }
    sinks->items = calloc(config->sink_count, sizeof(struct sink *));
    if (!sinks->items) {
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < config->sink_count; i++) {
        enum err e = open_one(config, &config->sinks[i], journal, &sinks->items[i], diag);
        if (e != ERR_OK) {
            return e;
        }
        sinks->count++;
    }
    return ERR_OK;
}

enum err sinks_start(struct sinks *sinks)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < sinks->count && e == ERR_OK; i++) {
        e = sink_start(sinks->items[i]);
    }
    return e;
}

bool sinks_hold(void *context, uint64_t segment, size_t newer_count)
{
    const struct sinks *sinks = context;

    for (size_t i = 0; i < sinks->count; i++) {
        if (sink_holds(sinks->items[i], segment, newer_count)) {
            return true;
        }
    }
    return false;
}

void sinks_close(struct sinks *sinks, int64_t timeout_us)
{
    int64_t give_up_us = clock_read().mono_us + timeout_us;

    for (size_t i = 0; i < sinks->count; i++) {
        sink_stop(sinks->items[i], give_up_us);
    }
    for (size_t i = 0; i < sinks->count; i++) {
        sink_free(sinks->items[i], give_up_us);
    }
    free(sinks->items);
    *sinks = (struct sinks){.items = NULL};
}
