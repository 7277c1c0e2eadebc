/* Lives of an agent with one worker, in a folder of their own, with a key; and what verification says
 * of what they left. A test's own, from lives_setup() to lives_teardown(). */
#ifndef REEVE_TESTS_AUDIT_LIVES_H
#define REEVE_TESTS_AUDIT_LIVES_H

#include "agent/audit/verify.h"
#include "agent/base/signature_make.h"
#include "tests/unit/audit/fixture.h"

#define CLOSE_US 20000000
#define TOLD_MAX 16384
/* Notes behind that are left out, so that there is room for faults. */
#define TOLD_NOTES_MAX 8192

extern struct fixture fixture;
extern char key_file[128], public_key[ED25519_PEM_MAX];
extern unsigned boot; /* of the last life */

void lives_setup(void);
void lives_teardown(void);

struct audit_writer_settings settings_of(const struct fixture *own);

/* An agent's life: starts, records first ... last, ends. */
void live_with(struct audit_writer_settings settings, uint64_t first, uint64_t last);
void live(uint64_t records);

/* Closed ones, and the current one. */
size_t count_segments(void);

struct told {
    char text[TOLD_MAX];
    size_t length;
    struct audit_verify_counts counts;
};

/* Adds to a struct told. */
void lives_tell_cb(void *context, enum audit_verify_kind kind, const char *text);

void verify_paths(const char *const *paths, size_t count, const char *head, struct told *told);
/* All segments beside the file. */
void verify_all(const char *head, struct told *told);
/* So many records in so many segments, and no fault. */
void assert_proved(uint64_t records, uint64_t segments);
/* There are faults, and this is said. */
void assert_told(const struct told *told, const char *what);

/* The n-th line (from 0) of a text, with its feed. */
struct str line_at(const char *text, size_t n);
/* The n-th line that begins with this type. */
struct str line_of(const char *text, const char *type, size_t n);

char *read_file_text(size_t *length);

#endif
