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

/* One block: the role, then its rules by id, each with its limits, the numbers of its rank and its
 * texts behind it: what is read of a rule is in few lines of the processor's cache. The trees know a
 * rule by its place, in units of RULE_UNIT from the block's beginning. */
struct role {
    struct tree allows;
    struct tree denies;
    size_t bytes; /* of the block */
};

#define RULE_UNIT 8
_Static_assert(RULE_UNIT % _Alignof(struct role_rule) == 0 && RULE_UNIT % _Alignof(struct str) == 0,
               "rules are aligned");

/* A rule read and, where it denies, folded. */
struct reading {
    struct rule rule;
    struct template template;
    char texts[RULE_TEXT_MAX];
};

/* A compilation on its way: what all rules need, then where the next one comes in the role's block.
 */
struct compiling {
    const struct role_source *sources; /* by id */
    size_t count;
    struct tree_size allows, denies;
    size_t rule_bytes;
    struct role *role;
    char *at;
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

static size_t round_up(size_t bytes)
{
    return (bytes + RULE_UNIT - 1) / RULE_UNIT * RULE_UNIT;
}

/* Of a rule with all that stands behind it. */
static size_t rule_bytes(const struct reading *reading)
{
    const struct rule *rule = &reading->rule;
    size_t bytes = sizeof(struct role_rule) + rule->limit_count * sizeof(struct str) +
                   rank_segment_count(&reading->template) * sizeof(uint32_t) + rule->id.len;

    for (size_t i = 0; i < rule->limit_count; i++) {
        bytes += rule->limits[i].len;
    }
    return round_up(bytes);
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
        tree_measure(reading.rule.allows ? &compiling->allows : &compiling->denies, &reading.rule,
                     &reading.template);
        compiling->rule_bytes += rule_bytes(&reading);
    }
    return ERR_OK;
}

static enum err block_make(struct compiling *compiling)
{
    size_t rules_at = round_up(sizeof(struct role));
    char *block = calloc(1, rules_at + compiling->rule_bytes);

    if (!block) {
        return ERR_MEMORY;
    }
    compiling->role = (struct role *)block;
    compiling->role->bytes = rules_at + compiling->rule_bytes;
    compiling->at = block + rules_at;
    return ERR_OK;
}

static struct str text_copy(char **at, struct str text)
{
    struct str copy = str_make(*at, text.len);

    memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* Fills in the next rule; gives its place. */
static uint32_t rule_fill(struct compiling *compiling, const struct reading *reading)
{
    const struct rule *rule = &reading->rule;
    struct role_rule *out = (struct role_rule *)compiling->at;
    struct str *limits = (struct str *)(out + 1);
    uint32_t *segments = (uint32_t *)(limits + rule->limit_count);
    char *texts = (char *)(segments + rank_segment_count(&reading->template));

    *out = (struct role_rule){
        .id = text_copy(&texts, rule->id),
        .limits = limits,
        .limit_count = rule->limit_count,
        .cost = rule->cost,
        .rank = rank_make(rule, &reading->template, segments),
    };
    for (size_t i = 0; i < rule->limit_count; i++) {
        limits[i] = text_copy(&texts, rule->limits[i]);
    }
    compiling->at += rule_bytes(reading);
    return (uint32_t)(((char *)out - (char *)compiling->role) / RULE_UNIT);
}

static const struct role_rule *rule_at(const struct role *role, uint32_t place)
{
    return (const struct role_rule *)((const char *)role + (size_t)place * RULE_UNIT);
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
        uint32_t place = rule_fill(compiling, &reading);
        err = tree_add(reading.rule.allows ? &role->allows : &role->denies, &reading.rule,
                       &reading.template, place, compiling->diag);
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
    uint32_t place = tree_find(tree, query, &steps);

    if (place == TREE_NO_RULE) {
        return (struct role_match){.rule = STR_ABSENT};
    }
    const struct role_rule *rule = rule_at(role, place);
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
