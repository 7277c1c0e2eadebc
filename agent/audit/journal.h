/*
 * The journal: what the agent says of itself in the audit, beside the decisions of its workers. A spool
 * of its own, so that its records are as safe and as exactly once as theirs; its worker's number is
 * AUDIT_JOURNAL_WORKER.
 *
 *   type       event
 *   lifecycle  start, reload, reload_refused, drain, stop
 *   sink       failing, recovered, file_changed, segments_removed, skipped
 *
 * `fault` says more, for people. A journal that is full drops, and the log says so.
 *
 * Any thread.
 */
#ifndef REEVE_AUDIT_JOURNAL_H
#define REEVE_AUDIT_JOURNAL_H

#include "agent/audit/spool.h"

/* Above every worker's number. */
#define AUDIT_JOURNAL_WORKER 1000

struct journal;

/* As spool_create(). Gives a new journal. */
enum err journal_create(const char *dir, const char *agent, const char *boot, struct journal **out,
                        struct diag *diag) MUST_USE;
/* As spool_close(). NULL accepted. */
void journal_close(struct journal *journal);

struct spool *journal_spool(struct journal *journal);

/* `config` and `before`: hashes of configurations, NULL where there is none. The journal may be NULL:
 * then nothing happens. */
void journal_lifecycle(struct journal *journal, const char *event, const char *detail,
                       const char *config, const char *before);
void journal_sink(struct journal *journal, const char *event, const char *detail);

#endif
