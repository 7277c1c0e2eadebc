/* Reads records.txt, whose head says how it is written. A file that breaks its own rules ends the
 * test. */
#ifndef REEVE_TESTS_CORPUS_CORPUS_H
#define REEVE_TESTS_CORPUS_CORPUS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/directory/record.h"
#include "agent/store/store.h"

#define CORPUS_FIELDS_MAX 32

struct corpus {
    char *text; /* unescaped in place as it is read */
    char *next;
    unsigned line;
};

/* One block; everything in it borrows from the corpus. */
struct corpus_record {
    enum record_kind kind;
    bool is_good;
    const char *head; /* the first line */
    unsigned line;
    struct store_field fields[CORPUS_FIELDS_MAX];
    size_t field_count;
};

void corpus_open(struct corpus *corpus, const char *path);
bool corpus_next(struct corpus *corpus, struct corpus_record *out);
void corpus_close(struct corpus *corpus);

#endif
