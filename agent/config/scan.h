/*
 * What libconfuse lets pass or gets wrong in a file, settled before it sees the text:
 *
 *  - it counts the line of a comment twice, so comments are blanked here;
 *  - a block comment that never ends and a section that is never closed are the end of the file for
 *    it: the restrictions behind them would be lost without a word;
 *  - ${NAME} of a variable that is not set is an empty text;
 *  - a string may go on over lines, and may hold \0, which cuts it;
 *  - '*' and '+' outside a string are dropped;
 *  - "gate|mode = x" reaches into a section.
 */
#ifndef REEVE_CONFIG_SCAN_H
#define REEVE_CONFIG_SCAN_H

#include <stdbool.h>

#include "agent/config/draft.h"

/* Blanks comments in `text`, NUL-terminated, and reports every fault under `name`. False where
 * there was one. */
bool scan_clean(struct draft *draft, const char *name, char *text);

#endif
