/* A writer whose thread runs, in durable mode, with one spool, on the fixture of lives.h. */
#ifndef REEVE_TESTS_AUDIT_RUNNING_H
#define REEVE_TESTS_AUDIT_RUNNING_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "agent/audit/spool.h"
#include "agent/audit/writer.h"

#define WAIT_MS 20000

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        int waited = 0;                                                                            \
        for (; !(condition) && waited < WAIT_MS; waited++) {                                       \
            usleep(1000);                                                                          \
        }                                                                                          \
        ck_assert_msg(waited < WAIT_MS, "waited in vain for " #condition);                         \
    } while (0)

extern struct audit_writer *writer;
extern struct spool *spool;

void start_writer(struct audit_writer_settings settings, size_t ring_bytes);
void end_writer(void);

/* Each batch ends its segment. */
struct audit_writer_settings small_segments(void);

/* Half of the spool is free. */
bool has_room(void);

#endif
