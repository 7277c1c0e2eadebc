/* One suite per part of the store; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_STORE_SUITES_H
#define REEVE_TESTS_UNIT_STORE_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *bounds_suite(void);
Suite *commands_suite(void);
Suite *deadline_suite(void);
Suite *endpoint_suite(void);
Suite *error_suite(void);
Suite *failover_suite(void);
Suite *eviction_suite(void);
Suite *fake_script_suite(void);
Suite *greeting_suite(void);
Suite *loss_suite(void);
Suite *outage_suite(void);
Suite *queue_suite(void);
Suite *reply_suite(void);
Suite *resolve_suite(void);
Suite *script_suite(void);
Suite *sentinels_suite(void);
Suite *sync_suite(void);
Suite *tracking_suite(void);

#endif
