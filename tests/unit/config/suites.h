/* One suite per part of agent/config; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_CONFIG_SUITES_H
#define REEVE_TESTS_UNIT_CONFIG_SUITES_H

#include <check.h>

Suite *address_suite(void);
Suite *certificates_suite(void);
Suite *gates_suite(void);
Suite *issuers_suite(void);
Suite *load_suite(void);
Suite *pepper_suite(void);
Suite *secret_suite(void);
Suite *settings_suite(void);
Suite *sinks_suite(void);
Suite *syntax_suite(void);
Suite *value_suite(void);

#endif
