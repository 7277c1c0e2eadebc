/*
 * Copying short texts. Names, numbers and header values of a few bytes are most of what a decision
 * writes; for them a call of memcpy() with a length that only the run knows costs more than the
 * bytes. What is longer goes to memcpy().
 */
#ifndef REEVE_BASE_COPY_H
#define REEVE_BASE_COPY_H

#include <stddef.h>
#include <string.h>

#define COPY_SHORT_MAX 32

/* Between `half` and twice as many bytes, by both ends, which may overlap; half is a constant. */
static inline void copy_two(char *out, const char *from, size_t length, size_t half)
{
    char first[16], last[16];

    memcpy(first, from, half);
    memcpy(last, from + length - half, half);
    memcpy(out, first, half);
    memcpy(out + length - half, last, half);
}

/* As memcpy(), and gives what follows in out. `from` may be NULL where length is 0. */
static inline void *copy_bytes(void *out, const void *from, size_t length)
{
    char *to = out;

    if (length > COPY_SHORT_MAX) {
        memcpy(to, from, length);
    } else if (length >= 16) {
        copy_two(to, from, length, 16);
    } else if (length >= 8) {
        copy_two(to, from, length, 8);
    } else if (length >= 4) {
        copy_two(to, from, length, 4);
    } else if (length >= 2) {
        copy_two(to, from, length, 2);
    } else if (length == 1) {
        *to = *(const char *)from;
    }
    return to + length;
}

#endif
