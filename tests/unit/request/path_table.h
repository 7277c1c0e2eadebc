/* Reads path_cases.txt: raw paths and what becomes of them. */
#ifndef REEVE_TESTS_UNIT_REQUEST_PATH_TABLE_H
#define REEVE_TESTS_UNIT_REQUEST_PATH_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/reason.h"
#include "agent/base/str.h"

#define PATH_TABLE_MAX 512

struct path_case {
    struct str name;
    unsigned relax; /* enum path_relax bits */
    struct str raw;
    enum reason reason;
    struct str canonical; /* raw itself where nothing changes; absent where refused */
    bool is_different;
};

struct path_table {
    char *text; /* what the cases borrow from */
    struct path_case cases[PATH_TABLE_MAX];
    size_t count;
};

/* Aborts, naming the line, on a file that does not follow its grammar. */
void path_table_load(const char *file_name, struct path_table *out);
void path_table_fini(struct path_table *table);

#endif
