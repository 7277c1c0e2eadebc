#include "agent/access/tree.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"

void tree_measure(struct tree_size *size, const struct rule *rule, const struct template *template)
{
    size->rules++;
    size->nodes += 1 + template->count;
    size->methods += rule->method_count;
    size->text_bytes += rule->host.len + rule->template.len;
    for (size_t i = 0; i < rule->method_count; i++) {
        size->text_bytes += rule->methods[i].len;
    }
}

uint32_t tree_slots_for(uint32_t count)
{
    uint32_t slots = 4;

    while (slots < 2 * count) {
        slots *= 2;
    }
    return slots;
}

struct tree_node *tree_nodes_new(uint32_t count)
{
    size_t bytes = count * sizeof(struct tree_node);
    struct tree_node *nodes = aligned_alloc(TREE_NODE_BYTES, bytes);

    if (nodes) {
        memset(nodes, 0, bytes);
    }
    return nodes;
}

static uint32_t node_new(struct tree *tree, uint32_t parent, enum template_class class)
{
    if (tree->node_count == tree->node_capacity) {
        return TREE_NONE;
    }
    tree->nodes[tree->node_count] = (struct tree_node){.parent = parent, .class = (uint8_t) class};
    return tree->node_count++;
}

static enum err arrays_take(struct tree *tree, const struct tree_size *size)
{
    size_t nodes = size->nodes + TREE_ROOT_COUNT;
    size_t methods = size->methods < TREE_METHODS_MAX ? size->methods : TREE_METHODS_MAX;

    tree->node_capacity = nodes < TREE_NODES_MAX ? (uint32_t)nodes : TREE_NODES_MAX;
    uint32_t slots = tree_slots_for(tree->node_capacity);
    tree->slot_mask = slots - 1;
    tree->nodes = tree_nodes_new(tree->node_capacity);
    tree->ends = calloc(size->rules + 1, sizeof(*tree->ends));
    tree->methods = calloc(methods + 1, sizeof(*tree->methods));
    tree->slots = calloc(slots, sizeof(*tree->slots));
    tree->texts = malloc(size->text_bytes);
    return tree->nodes && tree->ends && tree->methods && tree->slots && tree->texts ? ERR_OK
                                                                                    : ERR_MEMORY;
}

enum err tree_start(struct tree *tree, const struct tree_size *size, bool is_folded)
{
    *tree = (struct tree){.is_folded = is_folded, .end_count = 1};
    if (size->rules == 0) {
        return ERR_OK;
    }
    enum err err = arrays_take(tree, size);
    if (!err) {
        err = crypto_random(&tree->seed, sizeof(tree->seed));
    }
    if (err) {
        tree_fini(tree);
        return err;
    }
    while (tree->node_count < TREE_ROOT_COUNT) {
        (void)node_new(tree, TREE_NONE, TEMPLATE_LITERAL);
    }
    return ERR_OK;
}

void tree_slot_take(struct tree_slot *slots, uint32_t mask, struct tree_slot slot)
{
    uint32_t at = slot.hash & mask;

    while (slots[at].node != TREE_NONE) {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

static void text_copy(char *out, struct str prefix, struct str suffix)
{
    if (prefix.len > 0) {
        memcpy(out, prefix.ptr, prefix.len);
    }
    if (suffix.len > 0) {
        memcpy(out + prefix.len, suffix.ptr, suffix.len);
    }
}

static uint32_t text_add(struct tree *tree, struct str prefix, struct str suffix)
{
    uint32_t offset = tree->text_bytes;

    text_copy(tree->texts + offset, prefix, suffix);
    tree->text_bytes += (uint32_t)(prefix.len + suffix.len);
    return offset;
}

static void node_name(struct tree *tree, struct tree_node *node, struct str prefix,
                      struct str suffix)
{
    node->prefix_length = (uint16_t)prefix.len;
    node->suffix_length = (uint16_t)suffix.len;
    if (prefix.len + suffix.len <= TREE_SHORT_TEXT) {
        text_copy(node->short_text, prefix, suffix);
    } else {
        node->text = text_add(tree, prefix, suffix);
    }
}

/* The child with this text, made where there is none; TREE_NONE: no room. */
static uint32_t text_child(struct tree *tree, uint32_t parent, enum template_class class,
                           struct str prefix, struct str suffix)
{
    uint32_t hash = tree_hash(tree, prefix, suffix);
    uint32_t child = tree_child(tree, parent, class, prefix, suffix, hash);

    if (child != TREE_NONE) {
        return child;
    }
    child = node_new(tree, parent, class);
    if (child == TREE_NONE) {
        return TREE_NONE;
    }
    node_name(tree, &tree->nodes[child], prefix, suffix);
    tree->child_count++;
    if (class == TEMPLATE_LITERAL) {
        tree->nodes[parent].has_literals = true;
    }
    tree_slot_take(tree->slots, tree->slot_mask, (struct tree_slot){tree_mix(hash, parent), child});
    return child;
}

static uint32_t bare_child(struct tree *tree, uint32_t parent, enum template_class class)
{
    uint32_t *child = &tree->nodes[parent].bare[class - TEMPLATE_PARAM];

    if (*child == TREE_NONE) {
        *child = node_new(tree, parent, class);
    }
    return *child;
}

static uint32_t host_child(struct tree *tree, struct str host)
{
    if (str_equal(host, STR("*"))) {
        return TREE_ANY_HOST;
    }
    if (!str_starts_with(host, STR("*."))) {
        return text_child(tree, TREE_HOSTS, TEMPLATE_LITERAL, host, STR(""));
    }
    struct str domain = str_skip(host, 2);
    uint32_t labels = 1;
    for (size_t i = 0; i < domain.len; i++) {
        labels += domain.ptr[i] == '.';
    }
    if (labels > tree->labels_max) {
        tree->labels_max = labels;
    }
    return text_child(tree, TREE_DOMAINS, TEMPLATE_LITERAL, domain, STR(""));
}

static uint32_t part_child(struct tree *tree, uint32_t parent, const struct template_part *part)
{
    return part->class < TEMPLATE_AFFIX
               ? bare_child(tree, parent, part->class)
               : text_child(tree, parent, part->class, part->prefix, part->suffix);
}

/* The node that a template's segments lead to, ** left aside. */
static uint32_t path_child(struct tree *tree, uint32_t host, const struct template *template)
{
    uint32_t node = host;
    uint32_t depth = 0;

    for (size_t i = 0; i < template->count && node != TREE_NONE; i++) {
        if (template->parts[i].class != TEMPLATE_REST) {
            node = part_child(tree, node, &template->parts[i]);
            depth++;
        }
    }
    if (depth > tree->depth_max) {
        tree->depth_max = depth;
    }
    return node;
}

/* Bits of the rule's methods. False: too many different ones. */
static bool methods_add(struct tree *tree, const struct rule *rule, uint64_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < rule->method_count; i++) {
        struct str method = rule->methods[i];
        if (tree_method_bit(tree, method) == 0) {
            if (tree->method_count == TREE_METHODS_MAX) {
                return false;
            }
            tree->methods[tree->method_count++] =
                (struct tree_method){text_add(tree, method, STR("")), (uint32_t)method.len};
        }
        *bits |= tree_method_bit(tree, method);
    }
    return true;
}

static uint32_t end_new(struct tree *tree, uint64_t methods, uint32_t rule)
{
    tree->ends[tree->end_count] = (struct tree_end){methods, rule, 0};
    return tree->end_count++;
}

/* Puts the rule into a chain: for any method (no bits), or for the methods that no lower rule has. */
static void end_add(struct tree *tree, struct tree_end *end, uint64_t methods, uint32_t rule)
{
    bool names_methods = methods != 0;

    for (; end->methods != 0; end = &tree->ends[end->next]) {
        methods &= ~end->methods;
        if (names_methods && methods == 0) {
            return;
        }
        if (end->next == 0) {
            end->next = end_new(tree, methods, rule);
            return;
        }
    }
    if (names_methods) {
        *end = (struct tree_end){methods, rule, end_new(tree, 0, end->rule)};
    } else if (rule < end->rule) {
        end->rule = rule;
    }
}

static void node_end(struct tree *tree, struct tree_node *node, uint64_t methods, uint32_t rule)
{
    if (node->has_end) {
        end_add(tree, &node->end, methods, rule);
        return;
    }
    node->has_end = true;
    node->end = (struct tree_end){methods, rule, 0};
}

static void node_rest(struct tree *tree, struct tree_node *node, uint64_t methods, uint32_t rule)
{
    if (node->rest != 0) {
        end_add(tree, &tree->ends[node->rest], methods, rule);
    } else {
        node->rest = end_new(tree, methods, rule);
    }
}

enum err tree_add(struct tree *tree, const struct rule *rule, const struct template *template,
                  uint32_t index, struct diag *diag)
{
    bool has_rest =
        template->count > 0 && template->parts[template->count - 1].class == TEMPLATE_REST;
    uint32_t host = host_child(tree, rule->host);
    uint32_t node = host == TREE_NONE ? TREE_NONE : path_child(tree, host, template);
    uint64_t methods;

    if (node == TREE_NONE) {
        diag_set(diag, "more than %u hosts and segments in all", TREE_NODES_MAX);
        return ERR_RANGE;
    }
    if (!methods_add(tree, rule, &methods)) {
        diag_set(diag, "more than %d different methods", TREE_METHODS_MAX);
        return ERR_RANGE;
    }
    (has_rest ? node_rest : node_end)(tree, &tree->nodes[node], methods, index);
    return ERR_OK;
}
