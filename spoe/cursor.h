/*
 * Reading wire data: a cursor over borrowed bytes with a sticky error. Read everything, check once.
 * After the first read that does not fit, every further one gives zeroes and empty slices and the
 * cursor stays failed.
 */
#ifndef SPOE_CURSOR_H
#define SPOE_CURSOR_H

#include "spoe/value.h"

struct spoe_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool is_failed;
};

#endif
