/* One suite per part of agent/base; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_BASE_SUITES_H
#define REEVE_TESTS_UNIT_BASE_SUITES_H

#include <check.h>

Suite *crypto_suite(void);
Suite *dn_suite(void);
Suite *enc_suite(void);
Suite *ip_suite(void);
Suite *json_suite(void);
Suite *log_suite(void);
Suite *memory_suite(void);
Suite *phc_suite(void);
Suite *reason_suite(void);
Suite *sums_suite(void);
Suite *signature_suite(void);
Suite *str_suite(void);
Suite *thread_suite(void);

#endif
