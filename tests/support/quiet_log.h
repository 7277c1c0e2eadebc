/*
 * For programs that provoke the log all the time: with quiet_log linked every line is formatted, so
 * that a sanitizer sees what it would hold, and thrown away.
 */
#ifndef REEVE_TESTS_SUPPORT_QUIET_LOG_H
#define REEVE_TESTS_SUPPORT_QUIET_LOG_H

#include "agent/base/log.h"

void __wrap_log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
