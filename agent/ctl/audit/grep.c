/* reevectl audit grep, audit tail: the records that are meant, as text or as they stand. */
#include <stdlib.h>
#include <time.h>

#include "agent/ctl/audit/filter.h"
#include "agent/ctl/audit/source.h"
#include "agent/ctl/command.h"
#include "agent/ctl/json_out.h"

#define LAST_DEFAULT    10
#define LAST_MAX        100000
#define BYTES_PER_LINE  4096 /* more than lines mostly have; tail reads so much for each */
#define FOLLOW_WAIT_NS  200000000L
#define VALUE_BYTES_MAX AUDIT_READ_LINE_MAX

struct options {
    const char *command;
    const char *config_file;
    char *const *paths;
    size_t path_count;
    struct filter filter;
    bool is_json, is_tail, follows;
    uint64_t last; /* of tail */
};

/* ---- a record as text ---- */

static void put(struct str value)
{
    static char text[VALUE_BYTES_MAX];

    json_escaped(stdout, scan_unescape(value, text));
}

static void put_word(const struct scan *scan, enum audit_field field)
{
    struct str value = scan->values[field];

    putchar(' ');
    put(value.len > 0 ? value : STR("-"));
}

static void put_named(const char *name, struct str value)
{
    if (value.len > 0) {
        printf(" %s=", name);
        put(value);
    }
}

static void print_text(const struct scan *scan)
{
    put(scan->values[AUDIT_FIELD_TIME]);
    put_word(scan, AUDIT_FIELD_VERDICT);
    put_word(scan, AUDIT_FIELD_STATUS);
    put_word(scan, AUDIT_FIELD_REASON);
    put_word(scan, AUDIT_FIELD_USER);
    put_word(scan, AUDIT_FIELD_METHOD);
    put_word(scan, AUDIT_FIELD_HOST);
    put(scan->values[AUDIT_FIELD_PATH]);
    put_named("rule", scan->values[AUDIT_FIELD_RULE]);
    put_named("limit", scan->values[AUDIT_FIELD_LIMIT]);
    put_named("credential", scan->values[AUDIT_FIELD_CREDENTIAL]);
    put_named("gate", scan->values[AUDIT_FIELD_GATE]);
    put_named("src", scan->values[AUDIT_FIELD_SOURCE]);
    put_named("shadow", scan->values[AUDIT_FIELD_SHADOW]);
    put_named("fault", scan->values[AUDIT_FIELD_FAULT]);
    put_named("count", scan->values[AUDIT_FIELD_REQUESTS]);
    put_named("boot", scan->boot);
    put_named("worker", scan->worker);
    put_named("seq", scan->sequence);
    putchar('\n');
}

static void print(const struct options *options, struct str line)
{
    struct scan_shape shape = {{0}};
    struct scan scan;

    if (options->is_json) {
        fwrite(line.ptr, 1, line.len, stdout);
        putchar('\n');
    } else if (scan_line(&shape, line, &scan) != SCAN_BROKEN) {
        print_text(&scan);
    }
}

/* ---- the last of them ---- */

/* A ring of lines. */
struct last {
    char **lines;
    size_t *lengths;
    size_t capacity, count, next;
};

static void remember(struct last *last, struct str line)
{
    if (last->capacity == 0) {
        return;
    }
    char *copy = realloc(last->lines[last->next], line.len + 1);
    if (!copy) {
        heap_fail();
    }
    memcpy(copy, line.ptr, line.len);
    last->lines[last->next] = copy;
    last->lengths[last->next] = line.len;
    last->next = (last->next + 1) % last->capacity;
    last->count += last->count < last->capacity;
}

static void print_last(const struct options *options, struct last *last)
{
    size_t first = last->count < last->capacity ? 0 : last->next;

    for (size_t i = 0; i < last->count; i++) {
        size_t at = (first + i) % last->capacity;
        print(options, str_make(last->lines[at], last->lengths[at]));
    }
    for (size_t i = 0; i < last->capacity; i++) {
        free(last->lines[i]);
    }
}

/* ---- all of them ---- */

static void wait_for_more(void)
{
    fflush(stdout);
    nanosleep(&(struct timespec){.tv_nsec = FOLLOW_WAIT_NS}, NULL);
}

/* Up to the end, for now. */
static enum files_answer run_through(const struct options *options, struct source *source,
                                     struct last *last, uint64_t *found)
{
    struct files_line line;
    struct scan scan;
    enum scan_kind kind;
    enum files_answer answer;

    while ((answer = source_next(source, &scan, &kind, &line)) == FILES_LINE) {
        if (kind == SCAN_GAP || !filter_passes(&options->filter, &scan)) {
            continue;
        }
        ++*found;
        if (last) {
            remember(last, line.text);
        } else {
            print(options, line.text);
        }
    }
    return answer;
}

static bool has_filter(const struct filter *filter)
{
    return filter->count > 0 || filter->path || filter->from.len > 0 || filter->to.len > 0;
}

static enum files_answer run_tail(const struct options *options, struct source *source,
                                  struct heap *heap, uint64_t *found)
{
    struct last last = {.capacity = options->last};

    last.lines = heap_take(heap, (last.capacity + 1) * sizeof(*last.lines));
    last.lengths = heap_take(heap, (last.capacity + 1) * sizeof(*last.lengths));
    if (!options->follows && !has_filter(&options->filter)) {
        files_skip_to_last(source->files, (options->last + 1) * BYTES_PER_LINE);
    }
    enum files_answer answer = run_through(options, source, &last, found);
    print_last(options, &last);
    while (options->follows && answer == FILES_END) {
        wait_for_more();
        answer = run_through(options, source, NULL, found);
    }
    return answer;
}

static int run(const struct options *options, struct heap *heap)
{
    struct source source = {.command = options->command};
    uint64_t found = 0;

    bool is_open = options->follows ? source_follow(&source, heap, options->config_file)
                                    : source_open(&source, heap, options->config_file,
                                                  options->paths, options->path_count);
    if (!is_open) {
        return COMMAND_TROUBLE;
    }
    enum files_answer answer = options->is_tail ? run_tail(options, &source, heap, &found)
                                                : run_through(options, &source, NULL, &found);
    source_close(&source);
    int status = source_status(&source);
    if (answer == FILES_FAIL || status != 0) {
        return COMMAND_TROUBLE;
    }
    return found > 0 ? 0 : 1;
}

/* ---- arguments ---- */

static bool set_flag(struct options *options, const char *word)
{
    if (strcmp(word, "--json") == 0) {
        options->is_json = true;
        return true;
    }
    if (options->is_tail && (strcmp(word, "-f") == 0 || strcmp(word, "--follow") == 0)) {
        options->follows = true;
        return true;
    }
    return false;
}

/* As filter_option(). */
static int set(struct options *options, const char *name, const char *value, struct heap *heap)
{
    if (strcmp(name, "--config") == 0) {
        options->config_file = value;
        return 1;
    }
    if (options->is_tail && strcmp(name, "-n") == 0) {
        bool is_good = str_to_uint64(str_from_c(value), LAST_MAX, &options->last);
        return is_good ? 1 : (command_fail("-n: expected a number up to %d", LAST_MAX), -1);
    }
    return filter_option(&options->filter, name, value, heap);
}

/* The paths come last. */
static int parse(struct options *options, int argc, char **argv, struct heap *heap)
{
    int i = 0;

    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        if (set_flag(options, argv[i])) {
            continue;
        }
        int taken = i + 1 < argc ? set(options, argv[i], argv[i + 1], heap) : 0;
        if (taken <= 0) {
            return taken < 0 ? COMMAND_USAGE : command_refuse_argument(options->command, argv[i]);
        }
        i++;
    }
    options->paths = argv + i;
    options->path_count = (size_t)(argc - i);
    if ((options->path_count == 0) == !options->config_file) {
        command_fail("%s: expected files, or --config FILE", options->command);
        return COMMAND_USAGE;
    }
    if (options->follows && !options->config_file) {
        command_fail("%s: -f follows the audit file of --config FILE", options->command);
        return COMMAND_USAGE;
    }
    return 0;
}

static int parse_and_run(struct options *options, int argc, char **argv)
{
    struct heap heap = {0};
    int status = parse(options, argc, argv, &heap);

    if (status == 0) {
        status = run(options, &heap);
    }
    filter_fini(&options->filter);
    heap_free(&heap);
    return status;
}

int command_audit_grep(int argc, char **argv)
{
    struct options options = {.command = "audit grep"};

    return parse_and_run(&options, argc, argv);
}

int command_audit_tail(int argc, char **argv)
{
    struct options options = {.command = "audit tail", .is_tail = true, .last = LAST_DEFAULT};

    return parse_and_run(&options, argc, argv);
}
