/*
 * The board: what was noted lately, and when, by any worker of the process. A slot has a part of a
 * use's digest and a second; no lock.
 *
 *   slot   [ digest, 32 bits | second, 32 bits ]
 *
 * Private to seen/.
 */
#ifndef REEVE_SEEN_BOARD_H
#define REEVE_SEEN_BOARD_H

#include <stdbool.h>

#include "agent/seen/seen.h"

/* On the monotonic clock, from 1 on: 0 is "never". */
static inline uint32_t board_second(struct now now)
{
    return (uint32_t)(now.mono_us / 1000000) + 1;
}

/* A worker's turn may be behind what another one noted. */
static inline bool board_is_recent(uint32_t at, uint32_t second, uint32_t interval_s)
{
    return at != 0 && (int32_t)(second - at) < (int32_t)interval_s;
}

/* Whether the caller is who notes this use now. *mark is when it was noted last, be it now. */
bool board_claim(struct seen_board *board, enum record_kind kind, struct str name,
                 enum seen_use use, uint32_t second, uint32_t interval_s, uint32_t *mark);

#endif
