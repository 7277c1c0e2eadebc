/*
 * The sinks of a configuration: made before the audit's writer opens, which asks them what old segments
 * they wait for; started with the threads; stopped after the writer, when all is in the file.
 *
 * Main thread, but for sinks_hold().
 */
#ifndef REEVE_SERVE_SINKS_H
#define REEVE_SERVE_SINKS_H

#include "agent/audit/sink.h"
#include "agent/config/config.h"

struct sinks {
    struct sink **items;
    size_t count;
};

/* Borrows the configuration; `journal` as in struct sink_settings. On failure, with a diag, what was made
 * so far is in *sinks. */
enum err sinks_open(struct sinks *sinks, const struct config *config, struct journal **journal,
                    struct diag *diag) MUST_USE;

enum err sinks_start(struct sinks *sinks) MUST_USE;

/* As the writer asks; the context is the sinks. Any thread. */
bool sinks_hold(void *context, uint64_t segment, size_t newer_count);

/* All at once, after at most timeout_us and what sink_free() says. */
void sinks_close(struct sinks *sinks, int64_t timeout_us);

#endif
