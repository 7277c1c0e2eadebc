/*
 * The matcher of a role's allows, or of its denies: all their hosts and templates in one tree.
 * Private to access/. Immutable once finished.
 *
 *   host          segments of the path                            ends
 *   "a.b" ----+-- "v1" --+-- "orders" --+-- {param} ------------- END:  GET -> 3, POST -> 5, any ->
 * 7
 *   ".b"  ----'          |              |
 *   any   ----...        |              `------------------------ REST: any -> 1
 *                        `-- "v"{}".json" (affix) --- ...
 *
 * Nodes lie in one array. A child with text (host, literal, affix) is found in one hash table by
 * parent and text, a child without text by its index in the parent. So a step costs the same
 * however many rules there are.
 *
 * Looking up goes to the most literal child first, hosts before segments, and stops at the first
 * end that has a rule for the method: that is the most literal match. Only from a dead end it turns
 * back. What that can cost at worst is known when the tree is finished: children that can match the
 * same segment add up (a literal, the affixes, the parameters), different literals do not. A tree
 * that could take more than ROLE_STEPS_MAX steps is refused, and a step is one look-up of constant
 * cost. So the worst case is O(bytes of the path + RULE_LABELS_MAX x bytes of the host +
 * ROLE_STEPS_MAX x RULE_TEXT_MAX), whatever is asked; the usual case is a step a segment.
 */
#ifndef REEVE_ACCESS_TREE_H
#define REEVE_ACCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/access/role.h"
#include "agent/access/rule.h"
#include "agent/access/template.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/siphash.h"
#include "agent/base/str.h"

#define TREE_NO_RULE     UINT32_MAX
#define TREE_NODES_MAX   (1u << 18)
#define TREE_METHODS_MAX 64 /* different ones in a role */
#define TREE_SHAPES_MAX  64 /* of one node */

/* The nodes that every tree has. */
enum tree_root {
    TREE_NONE,     /* no node */
    TREE_HOSTS,    /* parent of the exact hosts, each the root of its paths */
    TREE_DOMAINS,  /* the same for "*.domain", by their text without "*." */
    TREE_ANY_HOST, /* the root of the paths of "*" */
    TREE_ROOT_COUNT,
};

#define TREE_BARE_COUNT (TEMPLATE_USER - TEMPLATE_PARAM + 1)

/* A rule of one host and template, in a chain that `next` 0 ends. A method is in one entry only, the
 * lowest rule's; the lowest rule for any method comes last. */
struct tree_end {
    uint64_t methods; /* a bit for each of the tree's methods that it names; 0: any */
    uint32_t rule;
    uint32_t next;
};

/* A node is one line of the processor's cache, and all that a step reads but for long texts: of very
 * many rules hardly one is in the cache. */
#define TREE_NODE_BYTES 64
#define TREE_SHORT_TEXT 16

struct tree_node {
    union {
        uint32_t text; /* where it is longer: its offset */
        char short_text[TREE_SHORT_TEXT];
    }; /* prefix and suffix, one after the other */
    uint16_t prefix_length;
    uint16_t suffix_length;
    uint32_t parent;
    uint8_t class; /* enum template_class; hosts are literals */
    bool has_literals;
    bool has_end;
    uint8_t shape_count;
    uint32_t first_shape;
    uint32_t bare[TREE_BARE_COUNT]; /* children without text, by class - TEMPLATE_PARAM */
    uint32_t rest;                  /* for all that begin with what led here; 0: none */
    struct tree_end end;            /* for paths that end here */
};

_Static_assert(sizeof(struct tree_node) == TREE_NODE_BYTES, "a node is a cache line");

/* Lengths that a node's affix children have, most literal first. */
struct tree_shape {
    uint16_t prefix_length;
    uint16_t suffix_length;
};

struct tree_slot {
    uint32_t hash;
    uint32_t node; /* TREE_NONE: free */
};

struct tree_method {
    uint32_t text;
    uint32_t length;
};

struct tree {
    bool is_folded;      /* queries are folded (fold.h); the rules were, before they came here */
    uint32_t depth_max;  /* most segments of a template */
    uint32_t labels_max; /* most labels of a "*.domain" */
    uint32_t steps_max;  /* of any look-up */
    uint32_t node_count, node_capacity, end_count, method_count, shape_count, text_bytes;
    uint32_t child_count; /* of those with text, which take a slot each */
    uint32_t slot_mask;
    struct siphash_key seed;
    struct tree_node *nodes; /* at a multiple of TREE_NODE_BYTES; NULL: the tree is empty */
    struct tree_end *ends;   /* all but the nodes' own; the first is none */
    struct tree_method *methods;
    struct tree_shape *shapes;
    struct tree_slot *slots; /* linear probing, at most half full */
    char *texts;
};

/* What all rules take at most: summed up before the building starts. */
struct tree_size {
    size_t rules, nodes, methods, text_bytes;
};

void tree_measure(struct tree_size *size, const struct rule *rule, const struct template *template);

/*
 * Building: start, add every rule, finish; tree_fini() at any point. Only tree_find() on a finished
 * tree means anything. Without rules the tree stays empty and takes no memory.
 * ERR_MEMORY; ERR_CRYPTO: no random seed.
 */
enum err tree_start(struct tree *tree, const struct tree_size *size, bool is_folded) MUST_USE;

/* `index` stands for the rule in answers; of two equally literal ones the lower is found, so they
 * come in their order.
 * ERR_RANGE: too many nodes. */
enum err tree_add(struct tree *tree, const struct rule *rule, const struct template *template,
                  uint32_t index, struct diag *diag) MUST_USE;

/* ERR_MEMORY; ERR_RANGE with a diag: too many shapes or steps. */
enum err tree_finish(struct tree *tree, struct diag *diag) MUST_USE;
void tree_fini(struct tree *tree);

size_t tree_bytes(const struct tree *tree);

/* The most literal rule for the query, or TREE_NO_RULE. *steps: how many it took, at most
 * steps_max. */
uint32_t tree_find(const struct tree *tree, const struct role_query *query, uint32_t *steps);

/* What a text hashes to, and the child with that text: `hash` is tree_hash() of prefix and suffix,
 * and a literal's suffix is empty. TREE_NONE: there is none. */
uint32_t tree_hash(const struct tree *tree, struct str prefix, struct str suffix);
uint32_t tree_child(const struct tree *tree, uint32_t parent, enum template_class class,
                    struct str prefix, struct str suffix, uint32_t hash);
uint32_t tree_literal(const struct tree *tree, uint32_t parent, struct str text);

/* The method's bit in ends; 0: no rule names it. */
uint64_t tree_method_bit(const struct tree *tree, struct str method);

/* The hash table: what a slot keeps of a child, how many slots `count` children need (a power of
 * two), and how one is taken. */
uint32_t tree_mix(uint32_t hash, uint32_t parent);
uint32_t tree_slots_for(uint32_t count);
void tree_slot_take(struct tree_slot *slots, uint32_t mask, struct tree_slot slot);

/* Zeroed; NULL: no memory. For free(). */
struct tree_node *tree_nodes_new(uint32_t count);

/* Borrowed: the node's prefix and suffix, one after the other. */
static inline const char *tree_text(const struct tree *tree, const struct tree_node *node)
{
    return (size_t)node->prefix_length + node->suffix_length <= TREE_SHORT_TEXT
               ? node->short_text
               : tree->texts + node->text;
}

#endif
