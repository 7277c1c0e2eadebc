/* One suite per part of agent/request; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_REQUEST_SUITES_H
#define REEVE_TESTS_UNIT_REQUEST_SUITES_H

#include <check.h>

Suite *host_suite(void);
Suite *offer_suite(void);
Suite *path_suite(void);
Suite *path_property_suite(void);
Suite *request_suite(void);
Suite *request_values_suite(void);

#endif
