/* One suite per part; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_QUOTA_SUITES_H
#define REEVE_TESTS_UNIT_QUOTA_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *call_suite(void);
Suite *check_suite(void);
Suite *date_suite(void);
Suite *faults_suite(void);
Suite *fleet_suite(void);
Suite *lease_suite(void);
Suite *leases_suite(void);
Suite *memory_suite(void);
Suite *outage_suite(void);
Suite *policy_suite(void);
Suite *queue_suite(void);
Suite *terms_suite(void);
Suite *units_suite(void);
Suite *window_suite(void);
Suite *window_libc_suite(void);
Suite *zone_suite(void);
Suite *zone_file_suite(void);
Suite *zone_hostile_suite(void);
Suite *zone_rule_suite(void);

#endif
