#include "agent/access/tree.h"

#include <string.h>

#include "agent/access/fold.h"

/* One look-up on its way. */
struct walk {
    const struct tree *tree;
    struct str user, team;
    uint64_t methods; /* bits of what the query's method may be called in a rule */
    struct {
        struct str text;
        uint32_t hash;
        bool is_hashed;
    } segments[RULE_SEGMENTS_MAX];
    size_t segment_count; /* at most the tree's depth */
    bool is_whole;        /* the path has no more segments than these */
    uint32_t steps;
};

uint32_t tree_hash(const struct tree *tree, struct str prefix, struct str suffix)
{
    uint64_t hash = siphash_64(&tree->seed, prefix.ptr, prefix.len);

    if (suffix.len > 0) {
        hash += 3 * siphash_64(&tree->seed, suffix.ptr, suffix.len);
    }
    return (uint32_t)(hash >> 32);
}

uint32_t tree_mix(uint32_t hash, uint32_t parent)
{
    uint64_t x = ((uint64_t)parent << 32 | hash) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(x >> 32) ^ (uint32_t)x;
}

static bool is_text(const struct tree *tree, const struct tree_node *node, struct str prefix,
                    struct str suffix)
{
    struct str own_prefix = str_make(tree_text(tree, node), node->prefix_length);
    struct str own_suffix = str_make(own_prefix.ptr + own_prefix.len, node->suffix_length);

    return str_equal(own_prefix, prefix) && str_equal(own_suffix, suffix);
}

uint32_t tree_child(const struct tree *tree, uint32_t parent, enum template_class class,
                    struct str prefix, struct str suffix, uint32_t hash)
{
    uint32_t mixed = tree_mix(hash, parent);

    for (uint32_t at = mixed & tree->slot_mask;; at = (at + 1) & tree->slot_mask) {
        const struct tree_slot *slot = &tree->slots[at];
        if (slot->node == TREE_NONE) {
            return TREE_NONE;
        }
        if (slot->hash != mixed) {
            continue;
        }
        const struct tree_node *node = &tree->nodes[slot->node];
        /* An only child comes right behind its parent. */
        __builtin_prefetch(node + 1);
        if (node->parent == parent && node->class == class && is_text(tree, node, prefix, suffix)) {
            return slot->node;
        }
    }
}

uint32_t tree_literal(const struct tree *tree, uint32_t parent, struct str text)
{
    if (!tree->nodes[parent].has_literals) {
        return TREE_NONE;
    }
    return tree_child(tree, parent, TEMPLATE_LITERAL, text, STR(""),
                      tree_hash(tree, text, STR("")));
}

uint64_t tree_method_bit(const struct tree *tree, struct str method)
{
    for (uint32_t i = 0; i < tree->method_count; i++) {
        const struct tree_method *own = &tree->methods[i];
        if (str_equal(method, str_make(tree->texts + own->text, own->length))) {
            return UINT64_C(1) << i;
        }
    }
    return 0;
}

/* Methods that are named beat "any", which comes last. */
static uint32_t walk_ends(struct walk *walk, const struct tree_end *end)
{
    for (;;) {
        walk->steps++;
        if (end->methods == 0 || end->methods & walk->methods) {
            return end->rule;
        }
        if (end->next == 0) {
            return TREE_NO_RULE;
        }
        end = &walk->tree->ends[end->next];
    }
}

static uint32_t walk_node(struct walk *walk, uint32_t index, size_t depth);

static uint32_t walk_literal(struct walk *walk, uint32_t index, size_t depth)
{
    struct str text = walk->segments[depth].text;

    if (!walk->segments[depth].is_hashed) {
        walk->segments[depth].hash = tree_hash(walk->tree, text, STR(""));
        walk->segments[depth].is_hashed = true;
    }
    uint32_t child =
        tree_child(walk->tree, index, TEMPLATE_LITERAL, text, STR(""), walk->segments[depth].hash);
    return child == TREE_NONE ? TREE_NO_RULE : walk_node(walk, child, depth + 1);
}

/* A suffix "F" must not match the last digit of "%2F". */
static bool cuts_escape(struct str text, size_t at)
{
    return (at >= 1 && text.ptr[at - 1] == '%') || (at >= 2 && text.ptr[at - 2] == '%');
}

static uint32_t walk_shape(struct walk *walk, uint32_t index, size_t depth,
                           const struct tree_shape *shape)
{
    struct str text = walk->segments[depth].text;

    walk->steps++;
    if ((size_t)shape->prefix_length + shape->suffix_length >= text.len) {
        return TREE_NO_RULE;
    }
    struct str prefix = str_make(text.ptr, shape->prefix_length);
    struct str suffix = str_skip(text, text.len - shape->suffix_length);
    if (suffix.len > 0 && cuts_escape(text, text.len - suffix.len)) {
        return TREE_NO_RULE;
    }
    uint32_t child = tree_child(walk->tree, index, TEMPLATE_AFFIX, prefix, suffix,
                                tree_hash(walk->tree, prefix, suffix));
    return child == TREE_NONE ? TREE_NO_RULE : walk_node(walk, child, depth + 1);
}

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* A caller's name is raw, the segment may spell parts of it as escapes ("bob%40example.org"). */
static bool is_caller(struct str segment, struct str caller, bool is_folded)
{
    size_t at = 0;
    size_t i = 0;

    for (; at < segment.len && i < caller.len; i++) {
        unsigned char theirs = fold_decode(segment, &at);
        unsigned char ours = (unsigned char)caller.ptr[i];
        if (is_folded ? lower(theirs) != lower(ours) : theirs != ours) {
            return false;
        }
    }
    return caller.len > 0 && at == segment.len && i == caller.len;
}

static bool is_match(const struct walk *walk, enum template_class class, struct str segment)
{
    switch (class) {
    case TEMPLATE_USER:
        return is_caller(segment, walk->user, walk->tree->is_folded);
    case TEMPLATE_TEAM:
        return is_caller(segment, walk->team, walk->tree->is_folded);
    default:
        return segment.len > 0;
    }
}

static uint32_t walk_bare(struct walk *walk, uint32_t index, size_t depth)
{
    const struct tree_node *node = &walk->tree->nodes[index];
    uint32_t rule = TREE_NO_RULE;

    for (int class = TEMPLATE_USER; class >= TEMPLATE_PARAM && rule == TREE_NO_RULE; class --) {
        uint32_t child = node->bare[class - TEMPLATE_PARAM];
        if (child != TREE_NONE &&
            is_match(walk, (enum template_class) class, walk->segments[depth].text)) {
            rule = walk_node(walk, child, depth + 1);
        }
    }
    return rule;
}

static uint32_t walk_children(struct walk *walk, uint32_t index, size_t depth)
{
    const struct tree_node *node = &walk->tree->nodes[index];
    uint32_t rule = node->has_literals ? walk_literal(walk, index, depth) : TREE_NO_RULE;

    for (uint32_t i = 0; i < node->shape_count && rule == TREE_NO_RULE; i++) {
        rule = walk_shape(walk, index, depth, &walk->tree->shapes[node->first_shape + i]);
    }
    return rule != TREE_NO_RULE ? rule : walk_bare(walk, index, depth);
}

/* The best rule below a node that the first `depth` segments lead to. Recursion ends at the tree's
 * depth, RULE_SEGMENTS_MAX at most. */
static uint32_t walk_node(struct walk *walk, uint32_t index, size_t depth)
{
    const struct tree_node *node = &walk->tree->nodes[index];
    uint32_t rule = TREE_NO_RULE;

    walk->steps++;
    if (depth < walk->segment_count) {
        rule = walk_children(walk, index, depth);
    } else if (walk->is_whole && node->has_end) {
        rule = walk_ends(walk, &node->end);
    }
    if (rule == TREE_NO_RULE && node->rest != 0) {
        rule = walk_ends(walk, &walk->tree->ends[node->rest]);
    }
    return rule;
}

static size_t count_labels(struct str host)
{
    size_t count = 1;

    for (size_t i = 0; i < host.len; i++) {
        count += host.ptr[i] == '.';
    }
    return count;
}

/* "*.domain", the longest first. */
static uint32_t walk_domains(struct walk *walk, struct str host)
{
    uint32_t rule = TREE_NO_RULE;
    struct str label;

    if (walk->tree->labels_max == 0 || host.ptr[0] == '.') {
        return TREE_NO_RULE;
    }
    for (size_t labels = count_labels(host); labels > 1 && rule == TREE_NO_RULE; labels--) {
        (void)str_cut(&host, '.', &label);
        if (labels - 1 > walk->tree->labels_max) {
            continue;
        }
        uint32_t root = tree_literal(walk->tree, TREE_DOMAINS, host);
        if (root != TREE_NONE) {
            rule = walk_node(walk, root, 0);
        }
    }
    return rule;
}

static uint32_t walk_hosts(struct walk *walk, struct str host)
{
    uint32_t rule = TREE_NO_RULE;

    if (host.len > 0) {
        uint32_t root = tree_literal(walk->tree, TREE_HOSTS, host);
        if (root != TREE_NONE) {
            rule = walk_node(walk, root, 0);
        }
        if (rule == TREE_NO_RULE) {
            rule = walk_domains(walk, host);
        }
    }
    return rule != TREE_NO_RULE ? rule : walk_node(walk, TREE_ANY_HOST, 0);
}

static void cut_segments(struct walk *walk, struct str path)
{
    struct str rest = path.len > 0 ? str_skip(path, 1) : STR_ABSENT;

    while (walk->segment_count < walk->tree->depth_max &&
           str_cut(&rest, '/', &walk->segments[walk->segment_count].text)) {
        walk->segments[walk->segment_count++].is_hashed = false;
    }
    walk->is_whole = str_is_absent(rest);
}

static void walk_start(struct walk *walk, const struct tree *tree, const struct role_query *query,
                       struct str method, struct str path)
{
    walk->tree = tree;
    walk->user = query->user;
    walk->team = query->team;
    walk->segment_count = 0;
    walk->steps = 0;
    walk->methods = tree_method_bit(tree, method);
    if (str_equal(method, STR("HEAD"))) {
        walk->methods |= tree_method_bit(tree, STR("GET"));
    }
    cut_segments(walk, path);
}

static uint32_t find_exact(const struct tree *tree, const struct role_query *query, uint32_t *steps)
{
    struct walk walk;

    walk_start(&walk, tree, query, query->method, query->path);
    uint32_t rule = walk_hosts(&walk, query->host);
    *steps = walk.steps;
    return rule;
}

static uint32_t find_folded(const struct tree *tree, const struct role_query *query,
                            uint32_t *steps)
{
    char path[ROLE_PATH_BYTES_MAX];
    char method[RULE_METHOD_BYTES_MAX];
    struct walk walk;

    walk_start(&walk, tree, query,
               query->method.len <= sizeof(method) ? fold_method(query->method, method)
                                                   : query->method,
               fold_trim(str_make(path, fold_path(query->path, path))));
    uint32_t rule = walk_hosts(&walk, query->host);
    *steps = walk.steps;
    return rule;
}

uint32_t tree_find(const struct tree *tree, const struct role_query *query, uint32_t *steps)
{
    *steps = 0;
    if (!tree->nodes) {
        return TREE_NO_RULE;
    }
    return tree->is_folded ? find_folded(tree, query, steps) : find_exact(tree, query, steps);
}
