/* One suite per part of the directory; main.c runs them all. */
#ifndef REEVE_TESTS_UNIT_DIRECTORY_SUITES_H
#define REEVE_TESTS_UNIT_DIRECTORY_SUITES_H

#include <check.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

Suite *bounds_suite(void);
Suite *freshness_suite(void);
Suite *follow_suite(void);
Suite *invalidation_suite(void);
Suite *memory_suite(void);
Suite *outage_suite(void);
Suite *parts_suite(void);
Suite *record_corpus_suite(void);
Suite *record_key_suite(void);
Suite *record_told_suite(void);
Suite *record_values_suite(void);
Suite *waiting_suite(void);

#endif
