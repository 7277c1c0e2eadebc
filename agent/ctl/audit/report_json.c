#include "agent/ctl/audit/report.h"
#include "agent/ctl/json_out.h"

static void put_use(struct json_out *json, const struct tally_use *use)
{
    char text[SCAN_TIME_BYTES];

    json_count(json, "requests", use->count);
    json_text(json, "first", str_from_c(scan_time_text(use->first, text)));
    json_text(json, "last", str_from_c(scan_time_text(use->last, text)));
}

static void put_uses(struct json_out *json, const char *name, const struct map *map,
                     const struct report *report)
{
    const struct map_slot *slots = map_sorted(map);

    json_begin(json, name, '[');
    for (size_t i = 0; i < map->count; i++) {
        int64_t created_s = report_created_s(report, slots[i].key);

        json_begin(json, NULL, '{');
        json_text(json, "name", slots[i].key);
        put_use(json, slots[i].item);
        if (created_s > 0) {
            json_number(json, "created", created_s);
        }
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void put_numbers(struct json_out *json, const struct tally *tally)
{
    put_use(json, &tally->use);
    json_count(json, "allow", tally->allow);
    json_count(json, "throttle", tally->throttle);
    json_count(json, "deny", tally->deny);
    json_count(json, "observed", tally->observed);
}

static void put_tallies(struct json_out *json, const char *name, const struct map *map,
                        const struct report *report)
{
    const struct map_slot *slots = map_sorted(map);

    json_begin(json, name, '[');
    for (size_t i = 0; i < map->count; i++) {
        const struct tally *tally = slots[i].item;

        json_begin(json, NULL, '{');
        json_text(json, "name", slots[i].key);
        json_text(json, "team", tally->team);
        put_numbers(json, tally);
        put_uses(json, "reasons", &tally->reasons, report);
        put_uses(json, "limits", &tally->limits, report);
        put_uses(json, "credentials", &tally->credentials, report);
        put_uses(json, "sources", &tally->sources, report);
        json_count(json, "of_more_sources", tally->more_sources);
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void put_unused(struct json_out *json, const struct report *report)
{
    json_begin(json, "unused_rules", '[');
    for (size_t i = 0; i < report->unused_rule_count; i++) {
        json_begin(json, NULL, '{');
        json_text(json, "role", report->unused_rules[i].role);
        json_text(json, "id", report->unused_rules[i].id);
        json_text(json, "text", report->unused_rules[i].text);
        json_end(json, '}');
    }
    json_end(json, ']');
    json_begin(json, "unused_keys", '[');
    for (size_t i = 0; i < report->key_count; i++) {
        if (!report->keys[i].is_used) {
            json_begin(json, NULL, '{');
            json_text(json, "id", report->keys[i].id);
            json_text(json, "user", report->keys[i].user);
            json_number(json, "created", report->keys[i].created_s);
            json_end(json, '}');
        }
    }
    json_end(json, ']');
}

void report_json(const struct report *report)
{
    struct json_out json = {.stream = stdout};
    const struct source *source = report->source;

    json_begin(&json, NULL, '{');
    put_numbers(&json, &report->tallies.all);
    json_count(&json, "lines", source->line_count);
    json_count(&json, "lines_of_other_types", source->other_count);
    json_count(&json, "broken_lines", source->broken_count);
    json_count(&json, "records_lost", source->lost_count);
    json_count(&json, "records_repeated", report->repeated_count);
    put_tallies(&json, "users", &report->tallies.users, report);
    put_tallies(&json, "teams", &report->tallies.teams, report);
    if (report->tells_unused) {
        put_unused(&json, report);
    }
    json_end(&json, '}');
    putchar('\n');
}
