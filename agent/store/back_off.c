#include "agent/store/back_off.h"

#include "agent/base/crypto.h"

int64_t back_off_us(const struct config_store *address, unsigned attempt_count)
{
    int64_t delay = address->sentinel ? BACK_OFF_MAX_SENTINEL_US : BACK_OFF_MAX_US;
    uint32_t dice;

    if (attempt_count < 5 && BACK_OFF_MIN_US << attempt_count < delay) {
        delay = BACK_OFF_MIN_US << attempt_count;
    }
    if (crypto_random(&dice, sizeof(dice)) != ERR_OK) {
        return delay;
    }
    return delay / 2 + dice % (delay / 2 + 1);
}
