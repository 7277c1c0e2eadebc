/* A bar on stderr that tells how much is read, where stderr is a terminal. Elsewhere, and while it is all
 * zero, nothing is drawn. */
#ifndef REEVE_CTL_PROGRESS_H
#define REEVE_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t total; /* 0: nothing is drawn */
    bool is_drawn;
    int percent; /* that is drawn */
};

/* `total` in bytes; 0: not known. */
void progress_begin(struct progress *progress, uint64_t total);

/* Cheap where it changes nothing. */
void progress_show(struct progress *progress, uint64_t done);

/* The line is blank again: before something else is printed, and at the end. */
void progress_clear(struct progress *progress);

#endif
