/* reevectl audit report: what the records of a period say of each user and team. */
#include "agent/ctl/audit/report.h"

#include "agent/base/clock.h"
#include "agent/ctl/audit/filter.h"
#include "agent/ctl/census.h"
#include "agent/ctl/command.h"

#define READS_MAX 3 /* a file that is written may have more the next time */

enum form { FORM_TEXT, FORM_CSV, FORM_JSON };

struct options {
    const char *config_file;
    char *const *paths;
    size_t path_count;
    struct filter filter;
    enum form form;
};

int64_t report_created_s(const struct report *report, struct str credential)
{
    const struct str prefix = STR("key:");
    struct report_key *const *key =
        str_starts_with(credential, prefix) && report->has_store
            ? map_find(&report->keys_by_id, str_skip(credential, prefix.len))
            : NULL;

    return key ? (*key)->created_s : 0;
}

/* ---- the records ---- */

/* Sequences rise, so what is marked and not above the highest was read before. */
static bool is_repeated(struct report *report, const struct scan *scan)
{
    char name[ORIGIN_BYTES_MAX];
    struct str origin = origin_of(scan, name);
    uint64_t sequence = 0;

    if (str_is_absent(origin) || !str_to_uint64(scan->sequence, UINT64_MAX, &sequence)) {
        return false;
    }
    uint64_t *highest = map_get(&report->origins, origin);
    if (scan->is_redelivered && sequence <= *highest) {
        report->repeated_count++;
        return true;
    }
    *highest = sequence > *highest ? sequence : *highest;
    return false;
}

/* True: it counts, as what was told. */
static bool is_request(struct report *report, enum scan_kind kind, struct scan *scan)
{
    if (is_repeated(report, scan) || kind == SCAN_GAP) {
        return false;
    }
    if (kind == SCAN_RECORD) {
        superseded_apply(&report->superseded, scan);
        return true;
    }
    enum superseded_note noted = superseded_note(&report->superseded, scan);
    report->late_count += noted == SUPERSEDED_NEW;
    return noted == SUPERSEDED_ALONE;
}

static bool read_records(struct report *report, struct source *source, const struct filter *filter)
{
    struct files_line line;
    struct scan scan;
    enum scan_kind kind;
    enum files_answer answer;

    progress_begin(&source->progress, files_total(source->files));
    while ((answer = source_next(source, &scan, &kind, &line)) == FILES_LINE) {
        progress_show(&source->progress, files_done(source->files));
        if (is_request(report, kind, &scan) && filter_passes(filter, &scan)) {
            tallies_add(&report->tallies, &scan);
        }
    }
    progress_clear(&source->progress);
    return answer == FILES_END;
}

static void count_from_zero(struct report *report)
{
    heap_free(&report->counted);
    report->counted = (struct heap){0};
    report->late_count = report->repeated_count = 0;
    tallies_init(&report->tallies, &report->counted);
    map_init(&report->origins, &report->counted, sizeof(uint64_t));
}

static bool tell_late(const struct report *report)
{
    if (report->late_count > 0) {
        command_fail("audit report: %llu allows were not told, and are counted: they stand before "
                     "the records that say so, and what was read can not be read again",
                     (unsigned long long)report->late_count);
    }
    return report->late_count == 0;
}

/* Once more while there are allows of which it was not known when they were read that they were not told. False:
 * there is nothing to report on. */
static bool read_all(struct report *report, struct source *source, const struct options *options,
                     bool *is_whole)
{
    bool is_again = true;

    for (int reads = 0; is_again; reads++) {
        *source = (struct source){.command = source->command, .is_quiet = reads > 0};
        count_from_zero(report);
        if (!source_open(source, report->heap, options->config_file, options->paths,
                         options->path_count)) {
            return false;
        }
        *is_whole = read_records(report, source, &options->filter);
        is_again = *is_whole && report->late_count > 0 && reads + 1 < READS_MAX &&
                   files_may_be_read_again(source->files);
        source_close(source);
    }
    *is_whole &= tell_late(report);
    return true;
}

/* ---- the store ---- */

static struct str field(const struct store_field *fields, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(fields[i].name, name)) {
            return fields[i].value;
        }
    }
    return STR_ABSENT;
}

static void key_cb(void *context, struct str name, const struct store_field *fields, size_t count)
{
    struct report *report = context;
    struct report_key *key = heap_take(report->heap, sizeof(*key));
    uint64_t created_s = 0;

    (void)str_to_uint64(field(fields, count, STR("created")), RECORD_TIME_MAX, &created_s);
    *key = (struct report_key){
        .id = heap_copy(report->heap, name),
        .user = heap_copy(report->heap, field(fields, count, STR("user"))),
        .created_s = (int64_t)created_s,
        .is_used = map_find(&report->tallies.keys, name) != NULL,
    };
    *(struct report_key **)map_get(&report->keys_by_id, name) = key;
}

static void add_rule(struct report *report, struct str role, const struct store_field *rule)
{
    struct str id = str_skip(rule->name, sizeof("rule:") - 1);
    struct str full = heap_print(report->heap, "%.*s/%.*s", STR_ARG(role), STR_ARG(id));

    if (map_find(&report->tallies.rules, full)) {
        return;
    }
    report->unused_rules = heap_grow(report->heap, report->unused_rules, report->unused_rule_count,
                                     sizeof(*report->unused_rules));
    report->unused_rules[report->unused_rule_count++] = (struct report_rule){
        .role = heap_copy(report->heap, role),
        .id = heap_copy(report->heap, id),
        .text = heap_copy(report->heap, rule->value),
    };
}

static void role_cb(void *context, struct str name, const struct store_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_starts_with(fields[i].name, STR("rule:"))) {
            add_rule(context, name, &fields[i]);
        }
    }
}

static void list_keys(struct report *report)
{
    const struct map_slot *slots = map_sorted(&report->keys_by_id);

    report->key_count = report->keys_by_id.count;
    report->keys = heap_take(report->heap, (report->key_count + 1) * sizeof(*report->keys));
    for (size_t i = 0; i < report->key_count; i++) {
        report->keys[i] = **(struct report_key **)slots[i].item;
    }
}

static bool read_store(struct report *report, const struct options *options)
{
    struct rehearsal rehearsal;

    map_init(&report->keys_by_id, report->heap, sizeof(struct report_key *));
    report->has_store = rehearsal_open(&rehearsal, options->config_file, report->heap) &&
                        census_take(&rehearsal, RECORD_KEY, key_cb, report) &&
                        census_take(&rehearsal, RECORD_ROLE, role_cb, report);
    rehearsal_close(&rehearsal);
    list_keys(report);
    report->tells_unused = report->has_store && filter_is_of_time(&options->filter);
    return report->has_store;
}

/* ---- the command ---- */

static void print(const struct report *report, enum form form)
{
    switch (form) {
    case FORM_TEXT:
        report_text(report);
        break;
    case FORM_CSV:
        report_csv(report);
        break;
    case FORM_JSON:
        report_json(report);
        break;
    }
}

/* What is known is reported, also where something is missing. */
static int run(const struct options *options, struct heap *heap)
{
    struct source source = {.command = "audit report"};
    struct report report = {.heap = heap, .source = &source, .now_s = now_wall_s(clock_read())};
    bool is_whole = false;

    superseded_init(&report.superseded, heap);
    if (!read_all(&report, &source, options, &is_whole)) {
        return COMMAND_TROUBLE;
    }
    if (options->config_file) {
        is_whole &= read_store(&report, options);
    }
    print(&report, options->form);
    heap_free(&report.counted);
    int status = source_status(&source);
    return is_whole ? status : COMMAND_TROUBLE;
}

static int set(struct options *options, const char *name, const char *value, struct heap *heap)
{
    if (strcmp(name, "-f") == 0 || strcmp(name, "--config") == 0) {
        options->config_file = value;
        return 1;
    }
    return filter_option(&options->filter, name, value, heap);
}

static int parse(struct options *options, int argc, char **argv, struct heap *heap)
{
    int i = 0;

    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--csv") == 0) {
            options->form = argv[i][2] == 'j' ? FORM_JSON : FORM_CSV;
            continue;
        }
        int taken = i + 1 < argc ? set(options, argv[i], argv[i + 1], heap) : 0;
        if (taken <= 0) {
            return taken < 0 ? COMMAND_USAGE : command_refuse_argument("audit report", argv[i]);
        }
        i++;
    }
    options->paths = argv + i;
    options->path_count = (size_t)(argc - i);
    if (options->path_count == 0 && !options->config_file) {
        command_fail("audit report: expected files, or -f FILE");
        return COMMAND_USAGE;
    }
    return 0;
}

int command_audit_report(int argc, char **argv)
{
    struct options options = {0};
    struct heap heap = {0};
    int status = parse(&options, argc, argv, &heap);

    if (status == 0) {
        status = run(&options, &heap);
    }
    filter_fini(&options.filter);
    heap_free(&heap);
    return status;
}
