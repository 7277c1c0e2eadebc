/* One suite per part of agent/decide; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_DECIDE_SUITES_H
#define REEVE_TESTS_UNIT_DECIDE_SUITES_H

#include <check.h>

Suite *memo_suite(void);
Suite *reply_suite(void);

#endif
