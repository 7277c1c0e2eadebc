/* How long to wait before connecting again. */
#ifndef REEVE_STORE_BACK_OFF_H
#define REEVE_STORE_BACK_OFF_H

#include <stdint.h>

#define BACK_OFF_MIN_US 50000
#define BACK_OFF_MAX_US 1000000

/* Between half of the doubled delay and all of it, so that agents do not come back in step.
 * `attempt_count` attempts have failed. */
int64_t back_off_us(unsigned attempt_count);

#endif
