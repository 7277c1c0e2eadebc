/* How long to wait before connecting again. */
#ifndef REEVE_STORE_BACK_OFF_H
#define REEVE_STORE_BACK_OFF_H

#include <stdint.h>

#include "agent/config/config.h"

#define BACK_OFF_MIN_US 50000
#define BACK_OFF_MAX_US 1000000
/* Where Sentinels know the primary: its successor shall have the work within two seconds. */
#define BACK_OFF_MAX_SENTINEL_US 500000

/* Between half of the doubled delay and all of it, so that agents do not come back in step.
 * `attempt_count` attempts have failed. */
int64_t back_off_us(const struct config_store *address, unsigned attempt_count);

#endif
