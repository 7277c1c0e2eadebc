/* reevectl as a process: what it is given, and what it leaves. One at a time. */
#ifndef REEVE_TESTS_UNIT_CTL_CTL_H
#define REEVE_TESTS_UNIT_CTL_CTL_H

#include "agent/base/str.h"

#define CTL_WORDS_MAX 24

struct ctl {
    /* Given; instead of the input of the call, and of what is kept in `out`. NULL: not. */
    const char *input_path;
    const char *output_path;
    /* Left. Both texts end in a NUL, and may hold others. */
    int status;
    char out[65536];
    size_t out_length;
    char err[65536];
    size_t err_length;
};

extern struct ctl ctl;

/* Runs it with the words of `command`, separated by blanks, and waits. A crash, or a sanitizer's
 * complaint, fails the test. */
void ctl_run(const char *command, struct str input);
/* The same with an argument list, NULL at its end. */
void ctl_run_list(const char *const *words, struct str input);

/* Neither of the two texts holds bytes that a terminal could act on. */
bool ctl_is_printable(void);

#endif
