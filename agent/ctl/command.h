/*
 * reevectl's commands: one file each, one line in the table of main.c. A command gets the words
 * behind its name and gives the process's exit status: 0 done, 1 refused or failed, 2 wrong usage
 * or, where 1 is an answer, trouble. It is 2 also where stdout can not be written.
 * Results go to stdout, everything else to stderr. Secrets come in through files and stdin, never
 * through arguments.
 */
#ifndef REEVE_CTL_COMMAND_H
#define REEVE_CTL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/config/pepper.h"

/* What a command gives to have its help shown; the exit status is then 2. */
#define COMMAND_USAGE (-1)

/* For commands that answer a question: the answer could not be found. */
#define COMMAND_TROUBLE 2

typedef int command_fn(int argc, char **argv);

struct command {
    const char *name; /* "key new", "jws-verify" */
    command_fn *run;
    const char *arguments; /* "[--pepper-file FILE] ..." */
    const char *summary;   /* one line */
    const char *help;      /* what --help adds; ends in a newline, may be "" */
};

command_fn command_key_new;
command_fn command_key_hash;
command_fn command_password_hash;
command_fn command_path_canon;
command_fn command_jws_verify;
command_fn command_jwt_verify;
command_fn command_token_mint;
command_fn command_audit_grep;
command_fn command_audit_report;
command_fn command_audit_tail;
command_fn command_audit_hash;
command_fn command_audit_keygen;
command_fn command_audit_head;
command_fn command_audit_verify;
command_fn command_config_check;
command_fn command_explain;
command_fn command_blast_radius;
command_fn command_config_reference;

/* Prints "reevectl: ..." to stderr: one line, cut at 512 bytes, other bytes than printable ASCII as
 * '?', since arguments and file names stand in it. Gives 1, the exit status. */
int command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The file of --pepper-file, else of REEVE_PEPPER_FILE, read into *out; an empty set where neither
 * is given or `is_unpeppered`. Prints what is wrong and gives false. */
bool command_load_peppers(const char *file, bool is_unpeppered, struct pepper_set *out);

/* Reads a line from stdin without its newline, at most capacity - 1 bytes, NUL-terminated. False at
 * the end, and for what is named on stderr: a longer line, one with a NUL byte, a failing read. */
bool command_read_line(char *out, size_t capacity, size_t *length);

/* Names the argument on stderr, but for one that looks like an API key; COMMAND_USAGE. */
int command_refuse_argument(const char *command, const char *argument);

#endif
