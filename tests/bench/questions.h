/*
 * What is asked: a file with one request per line, encoded once, before the clock starts.
 *
 *     method <tab> host <tab> path <tab> API key <tab> source address <tab> verdict
 *
 * "-" as host or key: the request has none. A key that begins with "Basic " or "Bearer " is Authorization instead. "*" as verdict: any will do. Lines that start with '#'
 * and empty ones are skipped.
 */
#ifndef TESTS_BENCH_QUESTIONS_H
#define TESTS_BENCH_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every request of a run has its own id of so many hexadecimal digits. */
#define QUESTION_RID_DIGITS 16
#define QUESTION_BYTES_MAX  16384

enum question_verdict { VERDICT_ANY, VERDICT_ALLOW, VERDICT_THROTTLE, VERDICT_DENY, VERDICT_COUNT };

struct question {
    uint8_t *payload; /* of the NOTIFY */
    size_t length;
    size_t rid_at; /* where in the payload the id stands */
    enum question_verdict expected;
};

struct questions {
    struct question *items;
    size_t count;
    size_t longest; /* payload, in bytes */
};

/* False with a message on stderr that names file and line. */
bool questions_load(const char *path, const char *frontend, struct questions *out);
void questions_free(struct questions *questions);

const char *question_verdict_text(enum question_verdict verdict);

#endif
