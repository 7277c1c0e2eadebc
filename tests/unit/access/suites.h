/* One suite per part of agent/access; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_ACCESS_SUITES_H
#define REEVE_TESTS_UNIT_ACCESS_SUITES_H

#include <check.h>

Suite *bounds_suite(void);
Suite *match_suite(void);
Suite *random_suite(void);
Suite *rank_suite(void);
Suite *rule_suite(void);
Suite *why_suite(void);

#endif
