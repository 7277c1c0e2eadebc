/*
 * A bounded, human-readable account of one failure, filled on cold paths:
 * "reeve.conf:42: quota.window: expected a number". The caller owns it; nothing is allocated.
 */
#ifndef REEVE_BASE_DIAG_H
#define REEVE_BASE_DIAG_H

struct diag {
    char text[256]; /* NUL-terminated; cut with "..." when it does not fit */
};

/* Replaces the text. diag may be NULL: then nothing happens. */
void diag_set(struct diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
