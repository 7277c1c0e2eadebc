/* One suite per part of agent/shield; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_SHIELD_SUITES_H
#define REEVE_TESTS_UNIT_SHIELD_SUITES_H

#include <check.h>

Suite *attempts_suite(void);
Suite *count_suite(void);
Suite *share_suite(void);
Suite *table_suite(void);

#endif
