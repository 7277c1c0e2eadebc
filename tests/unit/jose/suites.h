/* One suite per part of jose; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_JOSE_SUITES_H
#define REEVE_TESTS_UNIT_JOSE_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *claims_suite(void);
Suite *form_suite(void);
Suite *header_suite(void);
Suite *keys_suite(void);
Suite *libjwt_suite(void);
Suite *memory_suite(void);
Suite *signatures_suite(void);
Suite *vectors_suite(void);

#endif
