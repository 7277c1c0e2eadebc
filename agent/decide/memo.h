/*
 * The memo: for a limit's name as it stands in somebody's record, and that somebody, the limit's own
 * record and the lease. Saves a busy caller two look-ups, two hashes and the subject's text for
 * each limit.
 *
 *   line: name pointer, user pointer -> entry, lease
 *
 * A line holds while nothing that it points to was freed or replaced, in the directory or among the
 * leases: each counts such changes (directory_generation(), quota_generation()), and a line of
 * another count is none. Pointers are compared, never followed, before that.
 *
 * Only for subjects that follow from the pair: not for limits by source.
 */
#ifndef REEVE_DECIDE_MEMO_H
#define REEVE_DECIDE_MEMO_H

#include <stdint.h>

#include "agent/base/str.h"
#include "agent/directory/directory.h"
#include "agent/quota/quota.h"

struct memo;

struct memo_line {
    const char *name;
    const char *user; /* NULL: the anonymous */
    uint64_t directory_generation;
    uint64_t quota_generation;
    struct directory_entry *entry;
    struct lease *lease;
};

/* NULL when out of memory. */
struct memo *memo_new(void);
/* NULL accepted. */
void memo_free(struct memo *memo);

/* The pair's line, or NULL where it has none that holds. `memo` may be NULL. */
const struct memo_line *memo_find(const struct memo *memo, struct str name, struct str user,
                                  const struct directory *directory, const struct quota *quota);

void memo_keep(struct memo *memo, const struct memo_line *line);

#endif
