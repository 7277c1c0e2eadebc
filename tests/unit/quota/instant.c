#include "tests/unit/quota/instant.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t instant(const char *text)
{
    struct tm tm = {0};
    int got = sscanf(text, "%d-%d-%dT%d:%d:%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
                     &tm.tm_min, &tm.tm_sec);

    if (got != 3 && got != 6) {
        abort();
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return timegm(&tm);
}

const char *instant_text(int64_t unix_s)
{
    static char texts[8][64];
    static unsigned next;
    char *text = texts[next++ % 8];
    time_t time = (time_t)unix_s;
    struct tm tm;

    if (!gmtime_r(&time, &tm) || strftime(text, sizeof(texts[0]), "%FT%TZ", &tm) == 0) {
        abort();
    }
    return text;
}

/* xorshift64 */
uint64_t instant_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

int64_t instant_between(uint64_t *state, int64_t from, int64_t to)
{
    return from + (int64_t)(instant_random(state) % (uint64_t)(to - from));
}
