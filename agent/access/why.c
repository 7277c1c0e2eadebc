#include "agent/access/why.h"

#include <stdio.h>
#include <string.h>

#include "agent/access/rule.h"

/* The words of a rule's text. */
struct words {
    struct str verdict, methods, host, template;
};

struct asking {
    const struct role_source *rule;
    const struct role_query *query;
    struct words words;
    struct diag *diag;
};

static enum err ask(const struct asking *asking, struct str text, bool *matches)
{
    const struct role_source source = {asking->rule->id, text};
    struct role_match deny, allow;
    struct role *role;

    enum err e = role_compile(&source, 1, &role, asking->diag);
    if (e == ERR_OK) {
        role_match(role, asking->query, &deny, &allow);
        *matches = !str_is_absent(deny.rule) || !str_is_absent(allow.rule);
        role_free(role);
    }
    return e;
}

/* The same verdict with these parts, and `tail` behind the template. */
static enum err ask_parts(const struct asking *asking, struct str methods, struct str host,
                          struct str template, const char *tail, bool *matches)
{
    char text[2 * RULE_TEXT_MAX];
    int length =
        snprintf(text, sizeof(text), "%.*s %.*s %.*s %.*s%s", STR_ARG(asking->words.verdict),
                 STR_ARG(methods), STR_ARG(host), STR_ARG(template), tail);

    return ask(asking, str_make(text, (size_t)length), matches);
}

/* Of the template, up to the end of its n-th segment; false: it has fewer. */
static bool cut_template(struct str template, size_t n, struct str *out)
{
    size_t end = 0;

    for (size_t i = 0; i < n; i++) {
        if (end >= template.len) {
            return false;
        }
        const char *slash = memchr(template.ptr + end + 1, '/', template.len - end - 1);
        end = slash ? (size_t)(slash - template.ptr) : template.len;
    }
    *out = str_make(template.ptr, end);
    return true;
}

static bool ends_in(struct str s, const char *tail)
{
    size_t length = strlen(tail);

    return s.len >= length && memcmp(s.ptr + s.len - length, tail, length) == 0;
}

static enum err find_segment(const struct asking *asking, size_t *segment)
{
    const struct str any = STR("*");
    struct str begin;
    enum err e = ERR_OK;
    bool matches = true;

    for (*segment = 1; cut_template(asking->words.template, *segment, &begin); ++*segment) {
        const char *tail = ends_in(begin, "/**") ? "" : ends_in(begin, "/") ? "**" : "/**";
        e = ask_parts(asking, any, any, begin, tail, &matches);
        if (e != ERR_OK || !matches) {
            break;
        }
    }
    return e;
}

static enum err find_parts(const struct asking *asking, struct why *out)
{
    const struct words *words = &asking->words;
    const struct str any = STR("*"), all = STR("/**");
    enum err e = ask_parts(asking, words->methods, any, all, "", &out->method);

    if (e == ERR_OK) {
        e = ask_parts(asking, any, words->host, all, "", &out->host);
    }
    if (e == ERR_OK) {
        e = ask_parts(asking, any, any, words->template, "", &out->path);
    }
    if (e == ERR_OK && !out->path) {
        e = find_segment(asking, &out->segment);
    }
    return e;
}

static void split(struct str text, struct words *out)
{
    (void)str_cut(&text, ' ', &out->verdict);
    (void)str_cut(&text, ' ', &out->methods);
    (void)str_cut(&text, ' ', &out->host);
    (void)str_cut(&text, ' ', &out->template);
}

enum err why_find(const struct role_source *rule, const struct role_query *query, struct why *out,
                  struct diag *diag)
{
    struct asking asking = {.rule = rule, .query = query, .diag = diag};
    struct why why = {0};

    enum err e = ask(&asking, rule->text, &why.matches);
    if (e != ERR_OK) {
        return e;
    }
    split(rule->text, &asking.words);
    why.allows = str_equal(asking.words.verdict, STR("allow"));
    if (why.matches) {
        why.method = why.host = why.path = true;
    } else {
        e = find_parts(&asking, &why);
    }
    if (e == ERR_OK) {
        *out = why;
    }
    return e;
}
