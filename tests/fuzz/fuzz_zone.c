/*
 * Aims at zone_file_parse(), zone_rule_parse(), zone_span(), window_at().
 *
 * Input: a TZif file. Whatever comes: a zone that is taken borrows nothing from its bytes, its spans
 * go forward, and its windows hold their instant and follow each other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/quota/window.h"
#include "agent/quota/zone_file.h"

#define DAY_MS INT64_C(86400000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes lie in memory of their own, which is gone before the zone is looked at. */
static struct zone *parse(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    struct zone *zone = NULL;

    ensure(copy);
    memcpy(copy, data, size);
    enum err err = zone_file_parse(str_make(copy, size), &zone);
    ensure((err == ERR_OK) == (zone != NULL));
    free(copy);
    return zone;
}

static void window_check(enum limit_per per, const struct zone *zone, int64_t at_ms)
{
    struct window window = window_at(per, zone, at_ms);

    ensure(window_holds(&window, at_ms));
    ensure(window_at(per, zone, window.start_ms - 1).end_ms == window.start_ms);
    ensure(window_at(per, zone, window.end_ms).start_ms == window.end_ms);
}

static void instant_check(const struct zone *zone, int64_t at_s)
{
    struct zone_span span = zone_span(zone, at_s);

    ensure(span.end_s > at_s);
    ensure(span.offset >= ZONE_OFFSET_MIN && span.offset <= ZONE_OFFSET_MAX);
    for (int64_t days = -2; days <= 2; days++) {
        window_check(LIMIT_PER_DAY, zone, at_s * 1000 + days * DAY_MS);
    }
    window_check(LIMIT_PER_WEEK, zone, at_s * 1000);
    window_check(LIMIT_PER_MONTH, zone, at_s * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zone *zone = parse(data, size);

    for (size_t i = 0; zone && i < zone->count && i < 8; i++) {
        instant_check(zone, zone->changes[i].at_s);
    }
    if (zone) {
        instant_check(zone, ZONE_LAST_S - 40 * 86400);
        instant_check(zone, 40 * 86400);
    }
    free(zone);
    return 0;
}
