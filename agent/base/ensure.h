/*
 * ensure(): a bug check that stays in release builds. Prints file, line and condition and aborts.
 * Never used on anything a peer, a record or a setting can influence.
 */
#ifndef REEVE_BASE_ENSURE_H
#define REEVE_BASE_ENSURE_H

__attribute__((noreturn)) void ensure_failed(const char *file, int line, const char *condition);

#define ensure(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ensure_failed(__FILE__, __LINE__, #condition);                                         \
        }                                                                                          \
    } while (0)

#endif
