#include <stdio.h>

#include "agent/ctl/audit/report.h"

/* One cell. A quote before what would begin a formula: RFC 4180 has no other way to say that it is
 * a text. */
static void put(struct str value, bool is_last)
{
    bool is_formula = value.len > 0 && strchr("=+-@\t\r\n", value.ptr[0]);

    fputs(is_formula ? "\"'" : "\"", stdout);
    for (size_t i = 0; i < value.len; i++) {
        fputs(value.ptr[i] == '"' ? "\"\"" : (char[]){value.ptr[i], '\0'}, stdout);
    }
    fputs(is_last ? "\"\r\n" : "\",", stdout);
}

static void put_number(uint64_t n)
{
    printf("%llu,", (unsigned long long)n);
}

static void put_time(uint64_t time)
{
    char text[SCAN_TIME_BYTES];

    put(str_from_c(scan_time_text(time, text)), false);
}

static struct str uses(const struct report *report, const struct map *map)
{
    const struct map_slot *slots = map_sorted(map);
    struct str text = STR("");

    for (size_t i = 0; i < map->count; i++) {
        text = heap_print(report->heap, "%.*s%s%.*s %llu", STR_ARG(text), i > 0 ? "; " : "",
                          STR_ARG(slots[i].key),
                          (unsigned long long)((const struct tally_use *)slots[i].item)->count);
    }
    return text;
}

static void put_tally(const struct report *report, struct str what, const struct map_slot *slot)
{
    const struct tally *tally = slot->item;

    put(what, false);
    put(slot->key, false);
    put(tally->team, false);
    put_number(tally->use.count);
    put_number(tally->allow);
    put_number(tally->throttle);
    put_number(tally->deny);
    put_number(tally->observed);
    put_time(tally->use.first);
    put_time(tally->use.last);
    put_number(tally->sources.count);
    put(uses(report, &tally->reasons), false);
    put(uses(report, &tally->limits), false);
    put(uses(report, &tally->credentials), true);
}

static void put_all(const struct report *report, struct str what, const struct map *map)
{
    const struct map_slot *slots = map_sorted(map);

    for (size_t i = 0; i < map->count; i++) {
        put_tally(report, what, &slots[i]);
    }
}

static void put_unused(struct str what, struct str name, struct str text)
{
    put(what, false);
    put(name, false);
    fputs("\"\",0,0,0,0,0,\"\",\"\",0,\"\",\"\",", stdout);
    put(text, true);
}

static void put_all_unused(const struct report *report)
{
    for (size_t i = 0; i < report->unused_rule_count; i++) {
        const struct report_rule *rule = &report->unused_rules[i];
        struct str name =
            heap_print(report->heap, "%.*s/%.*s", STR_ARG(rule->role), STR_ARG(rule->id));
        put_unused(STR("unused rule"), name, rule->text);
    }
    for (size_t i = 0; i < report->key_count; i++) {
        if (!report->keys[i].is_used) {
            put_unused(STR("unused key"), report->keys[i].id, report->keys[i].user);
        }
    }
}

void report_csv(const struct report *report)
{
    printf("what,name,team,requests,allow,throttle,deny,observed,first,last,sources,reasons,"
           "limits,credentials\r\n");
    put_all(report, STR("user"), &report->tallies.users);
    put_all(report, STR("team"), &report->tallies.teams);
    if (report->tells_unused) {
        put_all_unused(report);
    }
}
