/* One suite per group of reevectl's commands; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_CTL_SUITES_H
#define REEVE_TESTS_UNIT_CTL_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *command_suite(void);
Suite *config_suite(void);
Suite *explain_suite(void);
Suite *key_suite(void);
Suite *password_suite(void);
Suite *path_suite(void);
Suite *token_suite(void);

#endif
