#include "tests/unit/access/reference.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TEXT_MAX 256

/* ck_assert() writes to a pipe each time, which is too slow here. */
static void require(bool is_met)
{
    if (!is_met) {
        ck_abort_msg("the reference's own bounds");
    }
}

/* A text cut at its slashes. */
struct pieces {
    char texts[RULE_SEGMENTS_MAX + 8][128];
    size_t count;
};

static bool is_kept(int byte)
{
    return byte <= 0x20 || byte >= 0x7f || byte == '/' || byte == '\\' || byte == '%';
}

/* Folds as a deny does: escapes of printable ASCII decoded, letters lower. */
static void fold(const char *text, char out[TEXT_MAX])
{
    size_t length = 0;
    int byte;

    for (size_t i = 0; text[i] != '\0'; i++) {
        byte = (unsigned char)text[i];
        if (text[i] == '%' && isxdigit((unsigned char)text[i + 1]) &&
            isxdigit((unsigned char)text[i + 2])) {
            char digits[3] = {text[i + 1], text[i + 2], '\0'};
            int value = (int)strtol(digits, NULL, 16);
            if (!is_kept(value)) {
                byte = value;
                i += 2;
            }
        }
        out[length++] = (char)tolower(byte);
    }
    out[length] = '\0';
}

static void cut(const char *path, bool folds, struct pieces *out)
{
    char text[TEXT_MAX];
    size_t length = strlen(path);

    require(length < sizeof(text));
    memcpy(text, path, length + 1);
    out->count = 0;
    while (folds && length > 0 && text[length - 1] == '/') {
        text[--length] = '\0';
    }
    for (char *at = text; *at == '/';) {
        char *end = strchr(at + 1, '/');
        size_t piece = end ? (size_t)(end - at) - 1 : strlen(at + 1);
        require(out->count < RULE_SEGMENTS_MAX + 8);
        require(piece < sizeof(out->texts[0]));
        memcpy(out->texts[out->count], at + 1, piece);
        out->texts[out->count++][piece] = '\0';
        at += 1 + piece;
    }
}

/* Where a segment of a template has its parameter: [*from, *to); false: it has none. */
static bool find_wild(const char *segment, size_t *from, size_t *to)
{
    const char *wild = strpbrk(segment, "{*");

    if (!wild) {
        return false;
    }
    *from = (size_t)(wild - segment);
    *to = *wild == '{' ? (size_t)(strchr(wild, '}') - segment) + 1 : *from + 1;
    return true;
}

static bool is_caller(const char *segment, struct str caller, bool folds)
{
    char name[TEXT_MAX];
    char plain[TEXT_MAX];
    size_t length = 0;

    if (caller.len == 0) {
        return false;
    }
    snprintf(name, sizeof(name), "%.*s", STR_ARG(caller));
    for (size_t i = 0; segment[i] != '\0'; i++) {
        char digits[3] = {segment[i + 1], segment[i + 1] ? segment[i + 2] : '\0', '\0'};
        bool is_escape = segment[i] == '%' && strlen(digits) == 2;
        plain[length++] = is_escape ? (char)strtol(digits, NULL, 16) : segment[i];
        i += is_escape ? 2 : 0;
    }
    plain[length] = '\0';
    return folds ? strcasecmp(plain, name) == 0 : strcmp(plain, name) == 0;
}

/* No byte of the suffix may be one of an escape's digits. */
static bool splits_escape(const char *segment, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (segment[i] == '%' && i + 3 > at) {
            return true;
        }
    }
    return false;
}

static bool is_segment(const char *template, const char *segment, const struct role_query *query,
                       bool folds)
{
    char prefix[TEXT_MAX], suffix[TEXT_MAX];
    size_t from, to;

    if (strcmp(template, "{@user}") == 0) {
        return is_caller(segment, query->user, folds);
    }
    if (strcmp(template, "{@team}") == 0) {
        return is_caller(segment, query->team, folds);
    }
    snprintf(prefix, sizeof(prefix), "%s", template);
    snprintf(suffix, sizeof(suffix), "%s", "");
    bool has_wild = find_wild(template, &from, &to);
    if (has_wild) {
        prefix[from] = '\0';
        snprintf(suffix, sizeof(suffix), "%s", template + to);
    }
    if (folds) {
        char text[TEXT_MAX];
        fold(prefix, text);
        memcpy(prefix, text, sizeof(text));
        fold(suffix, text);
        memcpy(suffix, text, sizeof(text));
    }
    size_t length = strlen(segment);
    if (!has_wild) {
        return strcmp(prefix, segment) == 0;
    }
    size_t before = strlen(prefix);
    size_t behind = strlen(suffix);
    return before + behind < length && strncmp(prefix, segment, before) == 0 &&
           strcmp(suffix, segment + length - behind) == 0 &&
           (behind == 0 || !splits_escape(segment, length - behind));
}

static bool is_path(const struct pieces *template, const struct pieces *path,
                    const struct role_query *query, bool folds)
{
    for (size_t i = 0; i < template->count; i++) {
        if (strcmp(template->texts[i], "**") == 0) {
            return true;
        }
        if (i == path->count || !is_segment(template->texts[i], path->texts[i], query, folds)) {
            return false;
        }
    }
    return template->count == path->count;
}

static bool is_host(struct str pattern, struct str host)
{
    if (str_equal(pattern, STR("*"))) {
        return true;
    }
    if (pattern.ptr[0] != '*') {
        return str_equal(pattern, host);
    }
    struct str dotted = str_skip(pattern, 1);
    return host.len > dotted.len && str_equal(str_skip(host, host.len - dotted.len), dotted);
}

static bool is_method(const struct rule *rule, struct str method)
{
    for (size_t i = 0; i < rule->method_count; i++) {
        struct str name = rule->methods[i];
        bool covers_head = str_equal(method, STR("HEAD")) && str_equal(name, STR("GET"));
        if (!rule->allows) {
            covers_head =
                str_equal_nocase(method, STR("HEAD")) && str_equal_nocase(name, STR("GET"));
        }
        if (covers_head ||
            (rule->allows ? str_equal(name, method) : str_equal_nocase(name, method))) {
            return true;
        }
    }
    return rule->method_count == 0;
}

static void cut_template(const struct rule *rule, struct pieces *out)
{
    char text[TEXT_MAX];

    snprintf(text, sizeof(text), "%.*s", STR_ARG(rule->template));
    cut(text, !rule->allows, out);
}

static bool is_match(const struct rule *rule, const struct role_query *query)
{
    char path[TEXT_MAX], folded[TEXT_MAX];
    struct pieces template, pieces;

    snprintf(path, sizeof(path), "%.*s", STR_ARG(query->path));
    fold(path, folded);
    cut(rule->allows ? path : folded, !rule->allows, &pieces);
    cut_template(rule, &template);
    return is_host(rule->host, query->host) && is_method(rule, query->method) &&
           is_path(&template, &pieces, query, !rule->allows);
}

static int host_order(struct str host)
{
    if (str_equal(host, STR("*"))) {
        return 0;
    }
    return host.ptr[0] == '*' ? (int)host.len : 1000;
}

/* Greater is more literal: class, then literal bytes around a parameter, then those before it. */
static long segment_order(const struct pieces *template, size_t at, bool folds)
{
    size_t from, to;

    if (at >= template->count) {
        return 1000000;
    }
    const char *text = template->texts[at];
    if (strcmp(text, "**") == 0) {
        return 0;
    }
    if (strcmp(text, "{@user}") == 0) {
        return 4000000;
    }
    if (strcmp(text, "{@team}") == 0) {
        return 3000000;
    }
    if (!find_wild(text, &from, &to)) {
        return 6000000;
    }
    char whole[TEXT_MAX], prefix[TEXT_MAX], suffix[TEXT_MAX];
    snprintf(whole, sizeof(whole), "%.*s", (int)from, text);
    fold(whole, prefix);
    fold(text + to, suffix);
    size_t before = folds ? strlen(prefix) : from;
    size_t behind = folds ? strlen(suffix) : strlen(text + to);
    return before + behind == 0 ? 2000000 : 5000000 + (long)((before + behind) * 1000 + before);
}

static bool is_more_literal(const struct rule *a, const struct rule *b)
{
    struct pieces ours, theirs;

    if (host_order(a->host) != host_order(b->host)) {
        return host_order(a->host) > host_order(b->host);
    }
    cut_template(a, &ours);
    cut_template(b, &theirs);
    for (size_t i = 0; i <= ours.count || i <= theirs.count; i++) {
        long our_order = segment_order(&ours, i, !a->allows);
        long their_order = segment_order(&theirs, i, !b->allows);
        if (our_order != their_order) {
            return our_order > their_order;
        }
    }
    if ((a->method_count > 0) != (b->method_count > 0)) {
        return a->method_count > 0;
    }
    char id[TEXT_MAX], other[TEXT_MAX];
    snprintf(id, sizeof(id), "%.*s", STR_ARG(a->id));
    snprintf(other, sizeof(other), "%.*s", STR_ARG(b->id));
    return strcmp(id, other) < 0;
}

struct str reference_match(const struct role_source *rules, size_t count, bool allows,
                           const struct role_query *query)
{
    struct rule best = {.id = STR_ABSENT};
    struct rule rule;
    struct diag diag;

    for (size_t i = 0; i < count; i++) {
        require(rule_parse(rules[i].id, rules[i].text, &rule, &diag) == ERR_OK);
        if (rule.allows == allows && is_match(&rule, query) &&
            (str_is_absent(best.id) || is_more_literal(&rule, &best))) {
            best = rule;
        }
    }
    return best.id;
}
