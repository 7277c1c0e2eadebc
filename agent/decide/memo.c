#include "agent/decide/memo.h"

#include <stdlib.h>

#define LINE_COUNT 4096

struct memo {
    struct memo_line lines[LINE_COUNT];
};

struct memo *memo_new(void)
{
    return calloc(1, sizeof(struct memo));
}

void memo_free(struct memo *memo)
{
    free(memo);
}

/* Pairs that fall together push each other out, which costs time and nothing else. */
static size_t index_of(const char *name, const char *user)
{
    uint64_t mixed = ((uintptr_t)name ^ (uintptr_t)user << 20) * UINT64_C(0x9e3779b97f4a7c15);

    return mixed >> 32 & (LINE_COUNT - 1);
}

struct directory_entry *memo_follow(const struct directory_entry *from, enum directory_link link,
                                    struct directory *directory, struct now now)
{
    struct directory_entry *to = from->links[link];
    bool holds = to && from->links_generation == directory_generation(directory) &&
                 directory_is_current(directory, to, now);

    return holds ? to : NULL;
}

void memo_link(struct directory_entry *from, enum directory_link link,
               const struct directory *directory, struct directory_entry *to)
{
    uint64_t generation = directory_generation(directory);

    if (from->links_generation != generation) {
        memset(from->links, 0, sizeof(from->links));
        from->links_generation = generation;
    }
    from->links[link] = to;
}

const struct memo_line *memo_find(const struct memo *memo, struct str name, struct str user,
                                  const struct directory *directory, const struct quota *quota)
{
    if (!memo) {
        return NULL;
    }
    const struct memo_line *line = &memo->lines[index_of(name.ptr, user.ptr)];
    bool holds = line->name == name.ptr && line->user == user.ptr && line->entry &&
                 line->directory_generation == directory_generation(directory) &&
                 line->quota_generation == quota_generation(quota);
    return holds ? line : NULL;
}

void memo_keep(struct memo *memo, const struct memo_line *line)
{
    if (memo) {
        memo->lines[index_of(line->name, line->user)] = *line;
    }
}
