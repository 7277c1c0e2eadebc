#include "agent/ctl/audit/filter.h"

#include <time.h>

#include "agent/base/clock.h"
#include "agent/base/enc.h"
#include "agent/config/value.h"
#include "agent/ctl/command.h"
#include "agent/request/path.h"

enum match { MATCH_WHOLE, MATCH_CREDENTIAL, MATCH_PATH, MATCH_FROM, MATCH_TO };

static const struct {
    const char *name;
    enum audit_field field;
    enum match match;
} options[] = {
    {"--user", AUDIT_FIELD_USER, MATCH_WHOLE},
    {"--team", AUDIT_FIELD_TEAM, MATCH_WHOLE},
    {"--verdict", AUDIT_FIELD_VERDICT, MATCH_WHOLE},
    {"--reason", AUDIT_FIELD_REASON, MATCH_WHOLE},
    {"--status", AUDIT_FIELD_STATUS, MATCH_WHOLE},
    {"--gate", AUDIT_FIELD_GATE, MATCH_WHOLE},
    {"--credential", AUDIT_FIELD_CREDENTIAL, MATCH_CREDENTIAL},
    {"--path", AUDIT_FIELD_PATH, MATCH_PATH},
    {"--from", AUDIT_FIELD_TIME, MATCH_FROM},
    {"--to", AUDIT_FIELD_TIME, MATCH_TO},
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static struct str escape(struct heap *heap, struct str text)
{
    char *out = heap_take(heap, ENC_JSON_MAX(text.len) + 1);

    return str_make(out, enc_json(text, out));
}

/* The beginning of a time as lines have it, by which texts of times are in order. */
static bool is_time(struct str text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";

    for (size_t i = 0; i < text.len; i++) {
        bool is_digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        if (i >= sizeof(form) - 1 || (form[i] == 'd' ? !is_digit : text.ptr[i] != form[i])) {
            return false;
        }
    }
    return text.len >= 4;
}

/* "2026-11-25T08", or so long ago: "2h". */
static bool set_time(struct str text, struct heap *heap, struct str *out)
{
    uint64_t ago_us;
    struct tm tm;
    char *printed = heap_take(heap, sizeof("2026-11-25T08:00:00"));

    if (is_time(text)) {
        *out = text;
        return true;
    }
    if (!value_parse_duration(text, &ago_us)) {
        return false;
    }
    int64_t unix_s = now_wall_s(clock_read()) - (int64_t)(ago_us / 1000000);
    time_t time = (time_t)unix_s;
    if (unix_s < 0 || !gmtime_r(&time, &tm)) {
        return false;
    }
    *out = str_make(printed,
                    strftime(printed, sizeof("2026-11-25T08:00:00"), "%Y-%m-%dT%H:%M:%S", &tm));
    return true;
}

static bool set_path(struct filter *filter, struct str template, struct heap *heap)
{
    const struct role_source source = {STR("path"),
                                       heap_print(heap, "allow * * %.*s", STR_ARG(template))};
    struct diag diag;

    if (filter->path) {
        command_fail("--path: more than one");
        return false;
    }
    if (memchr(template.ptr, ' ', template.len)) {
        command_fail("--path: expected a path template");
        return false;
    }
    if (role_compile(&source, 1, &filter->path, &diag) != ERR_OK) {
        command_fail("--path: %s", diag.text);
        return false;
    }
    return true;
}

static bool set(struct filter *filter, unsigned option, struct str value, struct heap *heap)
{
    switch (options[option].match) {
    case MATCH_PATH:
        return set_path(filter, value, heap);
    case MATCH_FROM:
    case MATCH_TO:
        if (!set_time(value, heap,
                      options[option].match == MATCH_FROM ? &filter->from : &filter->to)) {
            command_fail("%s: expected a time, 2026-11-25T08:30, or how long ago, 2h",
                         options[option].name);
            return false;
        }
        return true;
    case MATCH_WHOLE:
    case MATCH_CREDENTIAL:
        break;
    }
    if (filter->count == FILTER_MAX) {
        command_fail("%s: too many filters", options[option].name);
        return false;
    }
    filter->terms[filter->count++] =
        (struct filter_term){.option = option, .value = escape(heap, value)};
    return true;
}

int filter_option(struct filter *filter, const char *name, const char *value, struct heap *heap)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return set(filter, i, str_from_c(value), heap) ? 1 : -1;
        }
    }
    return 0;
}

void filter_fini(struct filter *filter)
{
    role_free(filter->path);
    filter->path = NULL;
}

/* "key:abc" is also "key:abc#2", and "jwt:corp" all of its tokens. */
static bool is_credential(struct str value, struct str wanted)
{
    return str_starts_with(value, wanted) &&
           (value.len == wanted.len || value.ptr[wanted.len] == '#' ||
            value.ptr[wanted.len] == ':');
}

static bool holds(const struct filter_term *term, const struct scan *scan)
{
    struct str value = scan->values[options[term->option].field];

    return options[term->option].match == MATCH_CREDENTIAL ? is_credential(value, term->value)
                                                           : str_equal(value, term->value);
}

static bool terms_pass(const struct filter *filter, const struct scan *scan)
{
    for (size_t i = 0; i < filter->count; i++) {
        bool any = false;
        for (size_t j = 0; j < filter->count && !any; j++) {
            any = filter->terms[j].option == filter->terms[i].option &&
                  holds(&filter->terms[j], scan);
        }
        if (!any) {
            return false;
        }
    }
    return true;
}

static bool path_passes(const struct filter *filter, const struct scan *scan)
{
    char path[2 * PATH_BYTES_MAX];
    struct str value = scan->values[AUDIT_FIELD_PATH];
    struct role_match deny, allow;

    if (!filter->path) {
        return true;
    }
    if (value.len > sizeof(path)) {
        return false;
    }
    const struct role_query query = {.method = STR("GET"), .path = scan_unescape(value, path)};
    role_match(filter->path, &query, &deny, &allow);
    return !str_is_absent(allow.rule);
}

/* An end of the same length as the beginning that it is compared with. */
static int compare_time(struct str time, struct str bound)
{
    size_t length = time.len < bound.len ? time.len : bound.len;

    return memcmp(time.ptr, bound.ptr, length);
}

static bool time_passes(const struct filter *filter, const struct scan *scan)
{
    struct str time = scan->values[AUDIT_FIELD_TIME];

    return (filter->from.len == 0 || compare_time(time, filter->from) >= 0) &&
           (filter->to.len == 0 || compare_time(time, filter->to) < 0);
}

bool filter_is_of_time(const struct filter *filter)
{
    return filter->count == 0 && !filter->path;
}

bool filter_passes(const struct filter *filter, const struct scan *scan)
{
    return terms_pass(filter, scan) && time_passes(filter, scan) && path_passes(filter, scan);
}
