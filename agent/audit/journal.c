#include "agent/audit/journal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/log.h"

struct journal {
    struct spool *spool;
    pthread_mutex_t mutex; /* makes many producers one */
};

enum err journal_create(const char *dir, const char *agent, const char *boot, struct journal **out,
                        struct diag *diag)
{
    struct spool_identity identity = {.agent = agent, .worker = AUDIT_JOURNAL_WORKER};
    struct journal *journal = calloc(1, sizeof(*journal));

    if (!journal) {
        diag_set(diag, "audit: %s", err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    snprintf(identity.boot, sizeof(identity.boot), "%s", boot);
    enum err e = spool_create(dir, &identity, SPOOL_BYTES_MIN, &journal->spool, diag);
    if (e != ERR_OK) {
        free(journal);
        return e;
    }
    pthread_mutex_init(&journal->mutex, NULL);
    *out = journal;
    return ERR_OK;
}

void journal_close(struct journal *journal)
{
    if (journal) {
        spool_close(journal->spool);
        pthread_mutex_destroy(&journal->mutex);
        free(journal);
    }
}

struct spool *journal_spool(struct journal *journal)
{
    return journal->spool;
}

static void note(struct journal *journal, struct str type, struct audit_record *record)
{
    struct now now = clock_read();

    if (!journal) {
        return;
    }
    record->wall_us = now.wall_us;
    record->mono_us = now.mono_us;
    record->duration_us = -1;
    record->status = -1;
    pthread_mutex_lock(&journal->mutex);
    enum spool_result result = spool_note(journal->spool, type, record);
    pthread_mutex_unlock(&journal->mutex);
    if (result != SPOOL_RECORDED) {
        log_error("audit: the journal is full: %.*s is not recorded", STR_ARG(record->event));
    }
}

void journal_lifecycle(struct journal *journal, const char *event, const char *detail,
                       const char *config, const char *before)
{
    struct audit_record record = {.event = str_from_c(event),
                                  .fault = str_from_c(detail),
                                  .config = str_from_c(config),
                                  .config_before = str_from_c(before)};

    note(journal, STR("lifecycle"), &record);
}

void journal_sink(struct journal *journal, const char *event, const char *detail)
{
    struct audit_record record = {.event = str_from_c(event), .fault = str_from_c(detail)};

    note(journal, STR("sink"), &record);
}
