#include "agent/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* One write of this size is not torn, not even on a pipe (PIPE_BUF). */
#define LINE_MAX_BYTES 1024

static const char *const level_names[] = {"error ", "warning ", "info ", "debug "};
static atomic_int threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

/* Whatever a caller forgot to quote: one event is one line. */
static void flatten(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    int saved_errno = errno;
    va_list args;

    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed)) {
        return;
    }
    size_t length = (size_t)(stpcpy(line, level_names[level]) - line);
    size_t room = sizeof(line) - length;
    va_start(args, format);
    int wanted = vsnprintf(line + length, room, format, args);
    va_end(args);
    if (wanted > 0) {
        length += (size_t)wanted < room ? (size_t)wanted : room - 1;
    }
    flatten(line, length);
    line[length] = '\n';
    if (write(STDERR_FILENO, line, length + 1) < 0) {
        /* There is nowhere left to tell. */
    }
    errno = saved_errno;
}

static size_t quote_byte(unsigned char byte, char out[5])
{
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
        out[0] = (char)byte;
        return 1;
    }
    return (size_t)snprintf(out, 5, "\\x%02x", byte);
}

struct log_quoted log_quote(struct str s)
{
    struct log_quoted quoted;
    size_t used = 0, cut_at = 0;
    char piece[5];

    for (size_t i = 0; i < s.len; i++) {
        size_t length = quote_byte((unsigned char)s.ptr[i], piece);

        if (used + length >= sizeof(quoted.text)) {
            memcpy(quoted.text + cut_at, "...", 4);
            return quoted;
        }
        memcpy(quoted.text + used, piece, length);
        used += length;
        if (used + sizeof("...") <= sizeof(quoted.text)) {
            cut_at = used;
        }
    }
    quoted.text[used] = '\0';
    return quoted;
}

bool log_limit_pass(struct log_limit *limit, int64_t mono_us, int64_t interval_us,
                    uint64_t *swallowed_count)
{
    if (mono_us < limit->next_us) {
        limit->swallowed_count++;
        return false;
    }
    *swallowed_count = limit->swallowed_count;
    limit->swallowed_count = 0;
    limit->next_us = mono_us + interval_us;
    return true;
}
