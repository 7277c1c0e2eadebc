/* A folder for one test's spools and audit file, records to put in, and a reader of what comes out
 * that trusts nothing of the code under test. */
#ifndef REEVE_TESTS_AUDIT_FIXTURE_H
#define REEVE_TESTS_AUDIT_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/record.h"
#include "agent/audit/spool.h"
#include "agent/audit/writer.h"
#include "tests/support/quiet.h"
#include "tests/support/tier.h"

#define RING_BYTES ((size_t)64 * 1024)

struct fixture {
    char root[64]; /* in memory where there is such a place */
    char spool_dir[96];
    char file[96];
};

void fixture_init(struct fixture *fixture);
void fixture_fini(struct fixture *fixture);

/* An ordinary allow whose rid is "r<number>"; the text lives until the next call. */
struct audit_record sample_record(uint64_t number);
/* A denial of an unknown caller from 10.<third of number>. */
struct audit_record stranger_record(uint64_t number);

struct spool_identity identity(unsigned boot, unsigned worker);

struct spool *open_spool(const struct fixture *fixture, unsigned boot, unsigned worker);
struct audit_writer *open_writer(const struct fixture *fixture);

/* Appends sample_record(first) ... sample_record(last), all of which must be taken. */
void append_records(struct spool *spool, uint64_t first, uint64_t last);

/* Everything in the file, NUL-terminated; the caller frees. A file that is not there is empty. */
char *read_text(const char *path, size_t *length);
void write_text(const char *path, const char *text, size_t length);

size_t count_files(const char *directory, const char *suffix);

/* How often each sequence of one boot and worker stands in files; every line must be a valid JSON
 * object, and every file must end with a whole line. */
#define TALLY_MAX (1u << 20)
struct line_tally {
    unsigned boot, worker;
    uint64_t highest;
    uint64_t line_count;
    uint64_t redelivered_count;
    uint8_t *times; /* [capacity] */
    size_t capacity;
};

void line_tally_init(struct line_tally *tally, unsigned boot, unsigned worker);
void line_tally_fini(struct line_tally *tally);
void line_tally_read(struct line_tally *tally, const char *path);
/* Into each of several in one pass: checking a line is what costs. */
void line_tally_read_each(struct line_tally *tallies, size_t count, const char *path);

/* All closed segments beside the file; and the file, too. */
void line_tally_read_closed(struct line_tally *tally, const struct fixture *fixture);
void line_tally_read_all(struct line_tally *tallies, size_t count, const struct fixture *fixture);

/* Each of first ... last exactly once. */
void assert_exactly_once(const struct line_tally *tally, uint64_t first, uint64_t last);

/* The same for the file and the closed segments beside it. */
void assert_file_holds(const struct fixture *fixture, unsigned boot, unsigned worker,
                       uint64_t first, uint64_t last);

/* The case after `at`: about every step-th, the same at each run; in a long run the next one. */
size_t next_case(size_t at, size_t step);

#endif
