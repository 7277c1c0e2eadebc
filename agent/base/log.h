/*
 * The daemon's own log: one line per event to stderr, "<level> <text>", thread-safe, each line one
 * write. Text that came from a peer or a record goes through log_quote(), so that no line can be
 * forged. Secrets have no way here: no secret type has a printable form.
 *
 * What can repeat at a peer's or a record's will is logged through a log_limit.
 */
#ifndef REEVE_BASE_LOG_H
#define REEVE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Process-wide; set once at start and on reload. Default LOG_INFO. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

#define LOG_QUOTED_MAX 128
struct log_quoted {
    char text[LOG_QUOTED_MAX];
};

/* Printable ASCII as it is, the rest as \xHH, cut with "..." at LOG_QUOTED_MAX. Used as
 * log_info("user %s", log_quote(name).text). */
struct log_quoted log_quote(struct str s);

/* At most one line per interval; counts what it swallowed. Owned by one thread. */
struct log_limit {
    int64_t next_us;
    uint64_t swallowed_count;
};

/* True when a line may be written now; *swallowed_count tells how many were held back before it. */
bool log_limit_pass(struct log_limit *limit, int64_t mono_us, int64_t interval_us,
                    uint64_t *swallowed_count);

#endif
