/*
 * Finishing a tree: which lengths of affixes each node has to try, how many steps a look-up can
 * take at worst, and arrays of the size that is needed.
 */
#include "agent/access/tree.h"

#include <stdlib.h>
#include <string.h>

/* One affix child's place among the shapes of its parent. */
struct affix {
    uint32_t parent;
    struct tree_shape shape;
};

/* By parent, then longest affix first, then longest prefix first. */
static int affix_compare(const void *left, const void *right)
{
    const struct affix *a = left;
    const struct affix *b = right;
    int a_length = a->shape.prefix_length + a->shape.suffix_length;
    int b_length = b->shape.prefix_length + b->shape.suffix_length;

    if (a->parent != b->parent) {
        return a->parent < b->parent ? -1 : 1;
    }
    return a_length != b_length ? b_length - a_length
                                : b->shape.prefix_length - a->shape.prefix_length;
}

static uint32_t affixes_gather(const struct tree *tree, struct affix *affixes)
{
    uint32_t count = 0;

    for (uint32_t i = TREE_ROOT_COUNT; i < tree->node_count; i++) {
        const struct tree_node *node = &tree->nodes[i];
        if (node->class == TEMPLATE_AFFIX) {
            affixes[count++] =
                (struct affix){node->parent, {node->prefix_length, node->suffix_length}};
        }
    }
    return count;
}

static enum err shapes_fill(struct tree *tree, const struct affix *affixes, uint32_t count,
                            struct diag *diag)
{
    for (uint32_t i = 0; i < count; i++) {
        struct tree_node *parent = &tree->nodes[affixes[i].parent];
        if (i > 0 && affix_compare(&affixes[i - 1], &affixes[i]) == 0) {
            continue;
        }
        if (parent->shape_count == TREE_SHAPES_MAX) {
            diag_set(diag, "more than %d lengths of literals around one parameter",
                     TREE_SHAPES_MAX);
            return ERR_RANGE;
        }
        if (parent->shape_count++ == 0) {
            parent->first_shape = tree->shape_count;
        }
        tree->shapes[tree->shape_count++] = affixes[i].shape;
    }
    return ERR_OK;
}

static enum err shapes_make(struct tree *tree, struct diag *diag)
{
    struct affix *affixes = calloc(tree->node_count, sizeof(*affixes));
    enum err err = ERR_MEMORY;

    if (!affixes) {
        return ERR_MEMORY;
    }
    uint32_t count = affixes_gather(tree, affixes);
    tree->shapes = calloc(count > 0 ? count : 1, sizeof(*tree->shapes));
    if (tree->shapes) {
        qsort(affixes, count, sizeof(*affixes), affix_compare);
        err = shapes_fill(tree, affixes, count, diag);
    }
    free(affixes);
    return err;
}

/* What is known of the steps below each node while they are summed up. */
struct steps {
    uint32_t *below;    /* by node: all that a walk can take from there */
    uint32_t *literals; /* by node: the dearest literal child */
    uint32_t *shapes;   /* by shape: the dearest affix child */
};

static void steps_add(uint32_t *sum, uint32_t more)
{
    *sum = more > UINT32_MAX - *sum ? UINT32_MAX : *sum + more;
}

static void steps_raise(uint32_t *most, uint32_t steps)
{
    if (steps > *most) {
        *most = steps;
    }
}

static uint32_t shape_of(const struct tree *tree, const struct tree_node *node)
{
    uint32_t shape = tree->nodes[node->parent].first_shape;

    while (tree->shapes[shape].prefix_length != node->prefix_length ||
           tree->shapes[shape].suffix_length != node->suffix_length) {
        shape++;
    }
    return shape;
}

static uint32_t chain_length(const struct tree *tree, const struct tree_end *end)
{
    uint32_t length = 1;

    for (; end->next != 0; end = &tree->ends[end->next]) {
        length++;
    }
    return length;
}

/* Different literals never match the same segment, nor do affixes of one shape; all else adds up.
 */
static void steps_close(const struct tree *tree, const struct steps *steps, uint32_t index)
{
    const struct tree_node *node = &tree->nodes[index];
    uint32_t *below = &steps->below[index];

    steps_add(below, 1);
    steps_add(below, node->has_end ? chain_length(tree, &node->end) : 0);
    steps_add(below, node->rest != 0 ? chain_length(tree, &tree->ends[node->rest]) : 0);
    steps_add(below, steps->literals[index]);
    steps_add(below, node->shape_count);
    for (uint32_t i = 0; i < node->shape_count; i++) {
        steps_add(below, steps->shapes[node->first_shape + i]);
    }
    switch (node->class) {
    case TEMPLATE_LITERAL:
        steps_raise(&steps->literals[node->parent], *below);
        break;
    case TEMPLATE_AFFIX:
        steps_raise(&steps->shapes[shape_of(tree, node)], *below);
        break;
    default:
        steps_add(&steps->below[node->parent], *below);
        break;
    }
}

/* The dearest way through the roots: an exact host or a domain, every domain above it, any host. */
static uint32_t steps_of_hosts(const struct tree *tree, const struct steps *steps)
{
    uint32_t most = 0;

    for (uint32_t i = TREE_ROOT_COUNT; i < tree->node_count; i++) {
        const struct tree_node *node = &tree->nodes[i];
        if (node->parent != TREE_HOSTS && node->parent != TREE_DOMAINS) {
            continue;
        }
        struct str rest = str_make(tree_text(tree, node), node->prefix_length);
        struct str label;
        uint32_t sum = steps->below[i];
        while (str_cut(&rest, '.', &label) && rest.len > 0) {
            uint32_t domain = tree_literal(tree, TREE_DOMAINS, rest);
            steps_add(&sum, domain != TREE_NONE ? steps->below[domain] : 0);
        }
        steps_raise(&most, sum);
    }
    steps_add(&most, steps->below[TREE_ANY_HOST]);
    return most;
}

/* Children come behind their parents in the array, so from its end on every child is closed before
 * its parent. */
static enum err steps_make(struct tree *tree, struct diag *diag)
{
    uint32_t *sums = calloc(2 * (size_t)tree->node_count + tree->shape_count, sizeof(*sums));

    if (!sums) {
        return ERR_MEMORY;
    }
    struct steps steps = {
        .below = sums,
        .literals = sums + tree->node_count,
        .shapes = sums + 2 * (size_t)tree->node_count,
    };
    for (uint32_t i = tree->node_count - 1; i >= TREE_ANY_HOST; i--) {
        steps_close(tree, &steps, i);
    }
    tree->steps_max = steps_of_hosts(tree, &steps);
    free(sums);
    if (tree->steps_max > ROLE_STEPS_MAX) {
        diag_set(diag, "a path could match parameters in too many ways (%u steps, at most %d)",
                 tree->steps_max, ROLE_STEPS_MAX);
        return ERR_RANGE;
    }
    return ERR_OK;
}

static enum err slots_shrink(struct tree *tree)
{
    uint32_t count = tree_slots_for(tree->child_count);
    struct tree_slot *slots = calloc(count, sizeof(*slots));

    if (!slots) {
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i <= tree->slot_mask; i++) {
        if (tree->slots[i].node != TREE_NONE) {
            tree_slot_take(slots, count - 1, tree->slots[i]);
        }
    }
    free(tree->slots);
    tree->slots = slots;
    tree->slot_mask = count - 1;
    return ERR_OK;
}

static enum err nodes_shrink(struct tree *tree)
{
    struct tree_node *nodes = tree_nodes_new(tree->node_count);

    if (!nodes) {
        return ERR_MEMORY;
    }
    memcpy(nodes, tree->nodes, tree->node_count * sizeof(*nodes));
    free(tree->nodes);
    tree->nodes = nodes;
    return ERR_OK;
}

/* Where memory can not even be given back, it stays as it is. */
static void *shrink(void *items, size_t bytes)
{
    void *smaller = realloc(items, bytes > 0 ? bytes : 1);

    return smaller ? smaller : items;
}

enum err tree_finish(struct tree *tree, struct diag *diag)
{
    enum err err;

    if (!tree->nodes) {
        return ERR_OK;
    }
    err = shapes_make(tree, diag);
    if (!err) {
        err = steps_make(tree, diag);
    }
    if (!err) {
        err = slots_shrink(tree);
    }
    if (!err) {
        err = nodes_shrink(tree);
    }
    if (err) {
        return err;
    }
    tree->shapes = shrink(tree->shapes, tree->shape_count * sizeof(*tree->shapes));
    tree->ends = shrink(tree->ends, tree->end_count * sizeof(*tree->ends));
    tree->methods = shrink(tree->methods, tree->method_count * sizeof(*tree->methods));
    tree->texts = shrink(tree->texts, tree->text_bytes);
    tree->node_capacity = tree->node_count;
    return ERR_OK;
}

void tree_fini(struct tree *tree)
{
    free(tree->nodes);
    free(tree->ends);
    free(tree->methods);
    free(tree->shapes);
    free(tree->slots);
    free(tree->texts);
    *tree = (struct tree){0};
}

size_t tree_bytes(const struct tree *tree)
{
    if (!tree->nodes) {
        return 0;
    }
    return tree->node_count * sizeof(*tree->nodes) + tree->end_count * sizeof(*tree->ends) +
           tree->method_count * sizeof(*tree->methods) + tree->shape_count * sizeof(*tree->shapes) +
           ((size_t)tree->slot_mask + 1) * sizeof(*tree->slots) + tree->text_bytes;
}
