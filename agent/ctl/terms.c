#include "agent/ctl/terms.h"

static const char *period_name(int64_t period_us)
{
    return period_us == 1000000 ? "s" : period_us == 60000000 ? "min" : "h";
}

struct str terms_text(struct heap *heap, const struct limit_record *record)
{
    static const char *const windows[LIMIT_PER_COUNT] = {
        [LIMIT_PER_MINUTE] = "minute", [LIMIT_PER_HOUR] = "hour",   [LIMIT_PER_DAY] = "day",
        [LIMIT_PER_WEEK] = "week",     [LIMIT_PER_MONTH] = "month",
    };

    if (record->kind == LIMIT_RATE) {
        return heap_print(heap, "rate %llu/%s burst %llu", (unsigned long long)record->units,
                          period_name(record->period_us), (unsigned long long)record->burst);
    }
    return heap_print(heap, "quota %llu per %s %.*s", (unsigned long long)record->units,
                      windows[record->per], STR_ARG(record->tz.len > 0 ? record->tz : STR("UTC")));
}
