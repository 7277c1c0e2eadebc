#include "agent/jwks/schedule.h"

#define SECOND_US    INT64_C(1000000)
#define BACK_OFF_MAX (60 * SECOND_US)
#define DOUBLED_MAX  6

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void set_intervals(struct schedule *schedule, const struct jwt_published *published)
{
    schedule->refresh_us = published->refresh_us;
    schedule->max_age_us = published->max_age_us;
    schedule->cooldown_us = published->cooldown_us;
}

void schedule_init(struct schedule *schedule, const struct jwt_published *published, int64_t now_us)
{
    *schedule =
        (struct schedule){.due_us = now_us, .good_until_us = INT64_MIN, .next_ask_us = INT64_MIN};
    set_intervals(schedule, published);
}

void schedule_change(struct schedule *schedule, const struct jwt_published *published,
                     int64_t now_us)
{
    if (schedule->good_until_us != INT64_MIN) {
        schedule->good_until_us += published->max_age_us - schedule->max_age_us;
    }
    set_intervals(schedule, published);
    schedule->next_ask_us = smaller(schedule->next_ask_us, now_us + schedule->cooldown_us);
    schedule->due_us =
        schedule->is_fetching ? now_us : smaller(schedule->due_us, now_us + schedule->refresh_us);
    schedule->is_fetching = false;
}

void schedule_ask(struct schedule *schedule, int64_t now_us)
{
    if (!schedule->is_fetching && now_us >= schedule->next_ask_us) {
        schedule->due_us = smaller(schedule->due_us, now_us);
        schedule->is_asked = true;
    }
}

bool schedule_is_due(const struct schedule *schedule, int64_t now_us)
{
    return !schedule->is_fetching && now_us >= schedule->due_us;
}

void schedule_begin(struct schedule *schedule, int64_t now_us)
{
    schedule->is_fetching = true;
    schedule->begun_us = now_us;
    if (schedule->is_asked) {
        schedule->next_ask_us = now_us + schedule->cooldown_us;
        schedule->is_asked = false;
    }
}

void schedule_succeed(struct schedule *schedule, int64_t now_us, uint32_t dice)
{
    int64_t spread_us = schedule->refresh_us / 10;

    schedule->is_fetching = false;
    schedule->failures = 0;
    schedule->good_until_us = schedule->begun_us + schedule->max_age_us;
    schedule->due_us = now_us + schedule->refresh_us - (int64_t)dice % (spread_us + 1);
}

void schedule_fail(struct schedule *schedule, int64_t now_us, uint32_t dice)
{
    unsigned doubled = schedule->failures < DOUBLED_MAX ? schedule->failures : DOUBLED_MAX;
    int64_t most_us = smaller(schedule->refresh_us, BACK_OFF_MAX);
    int64_t delay_us = smaller(SECOND_US << doubled, most_us);

    schedule->is_fetching = false;
    schedule->failures++;
    schedule->due_us = now_us + delay_us / 2 + (int64_t)dice % (delay_us / 2 + 1);
}
