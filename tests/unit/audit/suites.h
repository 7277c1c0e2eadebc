/* One suite per part of agent/audit; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_AUDIT_SUITES_H
#define REEVE_TESTS_UNIT_AUDIT_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *batch_suite(void);
Suite *disorder_suite(void);
Suite *entry_suite(void);
Suite *follow_suite(void);
Suite *forgery_suite(void);
Suite *key_memory_suite(void);
Suite *keys_suite(void);
Suite *kill_suite(void);
Suite *line_suite(void);
Suite *mutation_suite(void);
Suite *outlet_suite(void);
Suite *recover_suite(void);
Suite *remover_suite(void);
Suite *ring_suite(void);
Suite *segments_suite(void);
Suite *signatures_suite(void);
Suite *sink_suite(void);
Suite *spool_suite(void);
Suite *syslog_suite(void);
Suite *sync_suite(void);
Suite *syncer_suite(void);
Suite *tampering_suite(void);
Suite *unlink_suite(void);
Suite *writer_suite(void);

#endif
