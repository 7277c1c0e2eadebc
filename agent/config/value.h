/*
 * Numbers with units, as they stand in reeve.conf: "150ms", "8MiB". Whole numbers only; anything
 * that could be read in two ways (a duration without unit, "1.5s", "010") is refused.
 */
#ifndef REEVE_CONFIG_VALUE_H
#define REEVE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/str.h"

#define VALUE_TEXT_MAX 32

/* <number><us|ms|s|m|h|d>, or "0". False where it is none, or beyond INT64_MAX microseconds. */
bool value_parse_duration(struct str text, uint64_t *us);
/* <number>[KiB|MiB|GiB], bytes without unit. */
bool value_parse_size(struct str text, uint64_t *bytes);

/* The text form with the largest unit that leaves a whole number; NUL-terminated. */
void value_print_duration(uint64_t us, char out[VALUE_TEXT_MAX]);
void value_print_size(uint64_t bytes, char out[VALUE_TEXT_MAX]);

#endif
