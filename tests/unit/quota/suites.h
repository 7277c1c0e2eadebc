/* One suite per part; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_QUOTA_SUITES_H
#define REEVE_TESTS_UNIT_QUOTA_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *date_suite(void);
Suite *window_suite(void);
Suite *window_libc_suite(void);
Suite *zone_suite(void);
Suite *zone_file_suite(void);
Suite *zone_hostile_suite(void);
Suite *zone_rule_suite(void);

#endif
