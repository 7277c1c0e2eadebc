#include "agent/shield/count.h"

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Doubles `steps` times, or until it is as long as it gets; *steps is how often that was. */
static int64_t wait_after(const struct shield_rule *rule, int64_t *steps)
{
    int64_t wait_us = rule->wait_us, step = 0;

    while (step < *steps && wait_us < rule->wait_max_us) {
        wait_us *= 2;
        step++;
    }
    *steps = step;
    return smaller(wait_us, rule->wait_max_us);
}

void shield_count_add(struct shield_count *count, const struct shield_rule *rule, int64_t now_us)
{
    if (rule->free == 0 || shield_count_waits(count, now_us)) {
        return;
    }
    count->clear_us = larger(count->clear_us, now_us) + rule->interval_us;
    int64_t failures = (count->clear_us - now_us + rule->interval_us - 1) / rule->interval_us;
    if (failures < rule->free) {
        return;
    }
    int64_t steps = failures - rule->free;
    int64_t wait_us = wait_after(rule, &steps);
    int64_t most_us = now_us + (rule->free + steps) * rule->interval_us;
    count->until_us = now_us + wait_us;
    count->clear_us = smaller(count->clear_us, most_us) + wait_us;
}
