/*
 * The memo: where the records stand that a busy caller needs, so that they need no hash of a name
 * and no look-up.
 *
 *   limit:  limit's name in a record, user -> limit's entry, and lease   a table
 *   link:   an entry                       -> the entries it names       in the entry itself
 *
 * What is remembered holds while nothing that it points to was freed or replaced, in the directory
 * or among the leases: each counts such changes (directory_generation(), quota_generation()), and
 * what was noted under another count is forgotten. Pointers are compared, never followed, before
 * that. A link goes, besides, with the record that names it. What is found must be current too
 * (directory_is_current()), or it is looked up the long way, which fetches it.
 *
 * The table is of a fixed size; lines that fall together push each other out. Limits by source are
 * not for the memo: their subject does not follow from the pair.
 */
#ifndef REEVE_DECIDE_MEMO_H
#define REEVE_DECIDE_MEMO_H

#include <stdint.h>

#include "agent/base/str.h"
#include "agent/directory/directory.h"
#include "agent/quota/quota.h"

struct memo;

/* Of a limit. */
struct memo_line {
    const char *name;
    const char *user; /* NULL: the anonymous */
    uint64_t directory_generation;
    uint64_t quota_generation;
    struct directory_entry *entry;
    struct lease *lease;
    bool is_exact; /* quota_is_exact() of the entry's record */
};

/* NULL when out of memory. */
struct memo *memo_new(void);
/* NULL accepted. */
void memo_free(struct memo *memo);

/* The entry that this one names, current; NULL: not known. */
struct directory_entry *memo_follow(const struct directory_entry *from, enum directory_link link,
                                    struct directory *directory, struct now now);
/* Both were given by the directory in this run. */
void memo_link(struct directory_entry *from, enum directory_link link,
               const struct directory *directory, struct directory_entry *to);

/* The pair's line, or NULL where it has none that holds. `memo` may be NULL. */
const struct memo_line *memo_find(const struct memo *memo, struct str name, struct str user,
                                  const struct directory *directory, const struct quota *quota);

void memo_keep(struct memo *memo, const struct memo_line *line);

#endif
