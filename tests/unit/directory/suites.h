/* One suite per part of the directory's cache; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_DIRECTORY_SUITES_H
#define REEVE_TESTS_UNIT_DIRECTORY_SUITES_H

#include <check.h>

Suite *bounds_suite(void);
Suite *freshness_suite(void);
Suite *follow_suite(void);
Suite *invalidation_suite(void);
Suite *memory_suite(void);
Suite *outage_suite(void);
Suite *parts_suite(void);
Suite *waiting_suite(void);

#endif
