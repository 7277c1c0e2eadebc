#include "agent/access/role.h"

#include <stdlib.h>
#include <string.h>

#include "agent/access/fold.h"
#include "agent/access/rank.h"
#include "agent/access/tree.h"
#include "agent/base/log.h"

struct role_rule {
    struct str id;
    const struct str *limits;
    size_t limit_count;
    uint32_t cost;
    struct role_rank rank;
};

/* One block: the role, its rules by id, their limits, the numbers of their ranks, all texts. */
struct role {
    struct tree allows;
    struct tree denies;
    size_t bytes; /* of the block */
    struct role_rule *rules;
};

/* A rule read and, where it denies, folded. */
struct reading {
    struct rule rule;
    struct template template;
    char texts[RULE_TEXT_MAX];
};

/* A compilation on its way: what all rules need, then what is left of the role's block to fill. */
struct compiling {
    const struct role_source *sources; /* by id */
    size_t count;
    struct tree_size allows, denies;
    size_t limit_count, segment_count, text_bytes;
    struct role *role;
    struct str *limits;
    uint32_t *segments;
    char *texts;
    struct diag *diag;
};

static int str_compare(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int source_compare(const void *left, const void *right)
{
    const struct role_source *a = left;
    const struct role_source *b = right;

    return str_compare(a->id, b->id);
}

static enum err source_read(const struct role_source *source, struct reading *out,
                            struct diag *diag)
{
    struct diag inner;
    enum err err = rule_parse(source->id, source->text, &out->rule, &inner);

    if (!err) {
        err = template_parse(out->rule.template, &out->template, &inner);
    }
    if (err) {
        diag_set(diag, "rule:%s: %s", log_quote(source->id).text, inner.text);
        return err;
    }
    if (!out->rule.allows) {
        fold_rule(&out->rule, &out->template, out->texts);
    }
    return ERR_OK;
}

static void reading_measure(struct compiling *compiling, const struct reading *reading)
{
    const struct rule *rule = &reading->rule;

    tree_measure(rule->allows ? &compiling->allows : &compiling->denies, rule, &reading->template);
    compiling->limit_count += rule->limit_count;
    compiling->segment_count += rank_segment_count(&reading->template);
    compiling->text_bytes += rule->id.len;
    for (size_t i = 0; i < rule->limit_count; i++) {
        compiling->text_bytes += rule->limits[i].len;
    }
}

static enum err sources_measure(struct compiling *compiling)
{
    const struct role_source *sources = compiling->sources;
    struct reading reading;

    for (size_t i = 0; i < compiling->count; i++) {
        if (i > 0 && str_equal(sources[i - 1].id, sources[i].id)) {
            diag_set(compiling->diag, "rule:%s: stands twice", log_quote(sources[i].id).text);
            return ERR_SYNTAX;
        }
        enum err err = source_read(&sources[i], &reading, compiling->diag);
        if (err) {
            return err;
        }
        reading_measure(compiling, &reading);
    }
    return ERR_OK;
}

static enum err block_make(struct compiling *compiling)
{
    size_t limits_at = sizeof(struct role) + compiling->count * sizeof(struct role_rule);
    size_t segments_at = limits_at + compiling->limit_count * sizeof(struct str);
    size_t texts_at = segments_at + compiling->segment_count * sizeof(uint32_t);
    char *block = calloc(1, texts_at + compiling->text_bytes);

    if (!block) {
        return ERR_MEMORY;
    }
    compiling->role = (struct role *)block;
    compiling->role->bytes = texts_at + compiling->text_bytes;
    compiling->role->rules = (struct role_rule *)(block + sizeof(struct role));
    compiling->limits = (struct str *)(block + limits_at);
    compiling->segments = (uint32_t *)(block + segments_at);
    compiling->texts = block + texts_at;
    return ERR_OK;
}

static struct str text_copy(struct compiling *compiling, struct str text)
{
    struct str copy = str_make(compiling->texts, text.len);

    memcpy(compiling->texts, text.ptr, text.len);
    compiling->texts += text.len;
    return copy;
}

static void rule_fill(struct compiling *compiling, const struct reading *reading,
                      struct role_rule *out)
{
    const struct rule *rule = &reading->rule;

    *out = (struct role_rule){
        .id = text_copy(compiling, rule->id),
        .limits = compiling->limits,
        .limit_count = rule->limit_count,
        .cost = rule->cost,
        .rank = rank_make(rule, &reading->template, compiling->segments),
    };
    compiling->segments += out->rank.segment_count;
    for (size_t i = 0; i < rule->limit_count; i++) {
        *compiling->limits++ = text_copy(compiling, rule->limits[i]);
    }
}

/* The rules were measured before and are read again: all of them at once would be large. */
static enum err sources_add(struct compiling *compiling)
{
    struct role *role = compiling->role;
    struct reading reading;

    for (size_t i = 0; i < compiling->count; i++) {
        enum err err = source_read(&compiling->sources[i], &reading, compiling->diag);
        if (err) {
            return err;
        }
        rule_fill(compiling, &reading, &role->rules[i]);
        err = tree_add(reading.rule.allows ? &role->allows : &role->denies, &reading.rule,
                       &reading.template, (uint32_t)i, compiling->diag);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err trees_make(struct compiling *compiling)
{
    struct role *role = compiling->role;
    enum err err = tree_start(&role->allows, &compiling->allows, false);

    if (!err) {
        err = tree_start(&role->denies, &compiling->denies, true);
    }
    if (!err) {
        err = sources_add(compiling);
    }
    if (!err) {
        err = tree_finish(&role->allows, compiling->diag);
    }
    if (!err) {
        err = tree_finish(&role->denies, compiling->diag);
    }
    return err;
}

static enum err compile(struct compiling *compiling, struct role **out)
{
    enum err err = sources_measure(compiling);

    if (!err) {
        err = block_make(compiling);
    }
    if (err) {
        return err;
    }
    err = trees_make(compiling);
    if (err) {
        role_free(compiling->role);
        return err;
    }
    *out = compiling->role;
    return ERR_OK;
}

enum err role_compile(const struct role_source *rules, size_t count, struct role **out,
                      struct diag *diag)
{
    if (count > ROLE_RULES_MAX) {
        diag_set(diag, "more than %d rules", ROLE_RULES_MAX);
        return ERR_RANGE;
    }
    struct role_source *sorted = malloc((count + 1) * sizeof(*sorted));
    if (!sorted) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    if (count > 0) {
        memcpy(sorted, rules, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), source_compare);
    }
    diag_set(diag, "out of memory or random bytes");
    enum err err =
        compile(&(struct compiling){.sources = sorted, .count = count, .diag = diag}, out);
    free(sorted);
    return err;
}

void role_free(struct role *role)
{
    if (role) {
        tree_fini(&role->allows);
        tree_fini(&role->denies);
        free(role);
    }
}

size_t role_bytes(const struct role *role)
{
    return role->bytes + tree_bytes(&role->allows) + tree_bytes(&role->denies);
}

static struct role_match match_in(const struct role *role, const struct tree *tree,
                                  const struct role_query *query)
{
    uint32_t steps;
    uint32_t index = tree_find(tree, query, &steps);

    if (index == TREE_NO_RULE) {
        return (struct role_match){.rule = STR_ABSENT};
    }
    const struct role_rule *rule = &role->rules[index];
    return (struct role_match){
        .rule = rule->id,
        .cost = rule->cost,
        .limits = rule->limits,
        .limit_count = rule->limit_count,
        .rank = &rule->rank,
    };
}

void role_match(const struct role *role, const struct role_query *query, struct role_match *deny,
                struct role_match *allow)
{
    *deny = (struct role_match){.rule = STR_ABSENT};
    *allow = (struct role_match){.rule = STR_ABSENT};
    if (query->path.len == 0 || query->path.ptr[0] != '/' ||
        query->path.len > ROLE_PATH_BYTES_MAX) {
        return;
    }
    *deny = match_in(role, &role->denies, query);
    *allow = match_in(role, &role->allows, query);
}

int role_match_compare(const struct role_match *a, const struct role_match *b)
{
    if (str_is_absent(a->rule) || str_is_absent(b->rule)) {
        return !str_is_absent(a->rule) - !str_is_absent(b->rule);
    }
    int order = rank_compare(a->rank, b->rank);

    return order != 0 ? order : str_compare(b->rule, a->rule);
}
