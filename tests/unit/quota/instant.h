/* Instants as tests write them: "2024-02-29T12:00:00Z", or without the time; years from 1 on. */
#ifndef REEVE_TESTS_UNIT_QUOTA_INSTANT_H
#define REEVE_TESTS_UNIT_QUOTA_INSTANT_H

#include <stdint.h>

/* UNIX seconds, by libc. */
int64_t instant(const char *text);

/* Valid until the eighth call from now. */
const char *instant_text(int64_t unix_s);

/* A fixed sequence; *state is its seed, not 0. */
uint64_t instant_random(uint64_t *state);

/* One in [from, to). */
int64_t instant_between(uint64_t *state, int64_t from, int64_t to);

#endif
