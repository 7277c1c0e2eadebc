#include "agent/ctl/audit/report.h"
#include "agent/ctl/json_out.h"

#define SHOWN_MAX 5 /* sources of a user */
#define DAY_S     86400

static void put(struct str s)
{
    json_escaped(stdout, s);
}

static unsigned long long number(uint64_t n)
{
    return n;
}

/* "ok 12, no_rule 3". */
static void put_uses(const char *title, const struct map *map, size_t most, uint64_t more)
{
    const struct map_slot *slots = map_sorted(map);

    if (map->count == 0) {
        return;
    }
    printf("    %-11s ", title);
    for (size_t i = 0; i < map->count && i < most; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        put(slots[i].key);
        printf(" %llu", number(((const struct tally_use *)slots[i].item)->count));
    }
    if (map->count > most || more > 0) {
        printf(", %zu%s more", map->count > most ? map->count - most : 0, more > 0 ? "+" : "");
    }
    putchar('\n');
}

static void put_credentials(const struct report *report, const struct tally *tally)
{
    char last[SCAN_TIME_BYTES];
    const struct map_slot *slots = map_sorted(&tally->credentials);

    for (size_t i = 0; i < tally->credentials.count; i++) {
        const struct tally_use *use = slots[i].item;
        int64_t created_s = report_created_s(report, slots[i].key);

        printf("    %-11s ", i == 0 ? "credentials" : "");
        put(slots[i].key);
        printf(" %llu, last %s", number(use->count), scan_time_text(use->last, last));
        if (created_s > 0) {
            printf(", %lld days old", (long long)((report->now_s - created_s) / DAY_S));
        }
        putchar('\n');
    }
}

static void put_numbers(const struct tally *tally)
{
    printf("%llu requests: %llu allow, %llu throttle, %llu deny", number(tally->use.count),
           number(tally->allow), number(tally->throttle), number(tally->deny));
    if (tally->observed > 0) {
        printf(" (%llu of the allows only because the gate observes)", number(tally->observed));
    }
    putchar('\n');
}

static void put_tally(const struct report *report, const char *what, const struct map_slot *slot)
{
    const struct tally *tally = slot->item;
    char first[SCAN_TIME_BYTES], last[SCAN_TIME_BYTES];

    printf("\n%s ", what);
    put(slot->key.len > 0 ? slot->key : STR("(nobody who is known)"));
    if (tally->team.len > 0) {
        fputs(", team ", stdout);
        put(tally->team);
    }
    fputs("\n    ", stdout);
    put_numbers(tally);
    printf("    %-11s %s to %s\n", "seen", scan_time_text(tally->use.first, first),
           scan_time_text(tally->use.last, last));
    put_uses("reasons", &tally->reasons, SIZE_MAX, 0);
    put_uses("limits", &tally->limits, SIZE_MAX, 0);
    put_credentials(report, tally);
    put_uses("sources", &tally->sources, SHOWN_MAX, tally->more_sources);
}

static void put_all(const struct report *report, const char *what, const struct map *map)
{
    const struct map_slot *slots = map_sorted(map);

    for (size_t i = 0; i < map->count; i++) {
        put_tally(report, what, &slots[i]);
    }
}

static void put_unused(const struct report *report)
{
    printf("\nunused rules\n");
    for (size_t i = 0; i < report->unused_rule_count; i++) {
        const struct report_rule *rule = &report->unused_rules[i];
        printf("    ");
        put(rule->role);
        putchar('/');
        put(rule->id);
        putchar(' ');
        put(rule->text);
        putchar('\n');
    }
    printf("\nunused keys\n");
    for (size_t i = 0; i < report->key_count; i++) {
        const struct report_key *key = &report->keys[i];
        if (!key->is_used) {
            printf("    ");
            put(key->id);
            fputs(" of ", stdout);
            put(key->user);
            putchar('\n');
        }
    }
}

void report_text(const struct report *report)
{
    const struct source *source = report->source;

    put_numbers(&report->tallies.all);
    printf("%llu lines, %llu of other types, %llu broken; %llu records lost by the agents, "
           "%llu told twice\n",
           number(source->line_count), number(source->other_count), number(source->broken_count),
           number(source->lost_count), number(report->repeated_count));
    put_all(report, "user", &report->tallies.users);
    put_all(report, "team", &report->tallies.teams);
    if (report->tells_unused) {
        put_unused(report);
    }
}
