/* One suite per part of authn; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_AUTHN_SUITES_H
#define REEVE_TESTS_UNIT_AUTHN_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *cert_suite(void);
Suite *form_suite(void);
Suite *make_suite(void);
Suite *memory_suite(void);
Suite *passwords_suite(void);
Suite *tokens_suite(void);
Suite *verify_suite(void);

#endif
