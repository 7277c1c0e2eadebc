#include "agent/access/rank.h"

static int compare(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static uint32_t host_rank(struct str host)
{
    if (str_equal(host, STR("*"))) {
        return 0;
    }
    return str_starts_with(host, STR("*.")) ? (uint32_t)host.len : UINT32_MAX;
}

/* A rule's text has less than 2^12 bytes. */
static uint32_t segment_rank(const struct template_part *part)
{
    uint32_t rank = (uint32_t)part->class << 24;

    if (part->class == TEMPLATE_AFFIX) {
        rank |= (uint32_t)(part->prefix.len + part->suffix.len) << 12 | (uint32_t)part->prefix.len;
    }
    return rank;
}

static bool has_rest(const struct template *template)
{
    return template->count > 0 && template->parts[template->count - 1].class == TEMPLATE_REST;
}

size_t rank_segment_count(const struct template *template)
{
    return template->count + !has_rest(template);
}

struct role_rank rank_make(const struct rule *rule, const struct template *template,
                           uint32_t *segments)
{
    for (size_t i = 0; i < template->count; i++) {
        segments[i] = segment_rank(&template->parts[i]);
    }
    if (!has_rest(template)) {
        segments[template->count] = (uint32_t)TEMPLATE_END << 24;
    }
    return (struct role_rank){
        .host = host_rank(rule->host),
        .names_method = rule->method_count > 0,
        .segment_count = (uint32_t)rank_segment_count(template),
        .segments = segments,
    };
}

int rank_compare(const struct role_rank *a, const struct role_rank *b)
{
    int order = compare(a->host, b->host);

    for (uint32_t i = 0; order == 0 && i < a->segment_count && i < b->segment_count; i++) {
        order = compare(a->segments[i], b->segments[i]);
    }
    if (order == 0) {
        order = compare(a->segment_count, b->segment_count);
    }
    return order != 0 ? order : compare(a->names_method, b->names_method);
}
