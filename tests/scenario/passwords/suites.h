/* One suite per part; main.c runs them all. */
#ifndef REEVE_TESTS_SCENARIO_PASSWORDS_SUITES_H
#define REEVE_TESTS_SCENARIO_PASSWORDS_SUITES_H

#include <check.h>

Suite *bounds_suite(void);
Suite *changes_suite(void);
Suite *hashes_suite(void);
Suite *verdicts_suite(void);

#endif
