/*
 * An empty directory of its own for each test, which is the current one while it runs, so that
 * errors begin with "reeve.conf:".
 */
#ifndef REEVE_TESTS_UNIT_CONFIG_BOX_H
#define REEVE_TESTS_UNIT_CONFIG_BOX_H

#include <sys/types.h>

#include "agent/config/config.h"

/* A gate, so that what is loaded is complete. On one line. */
#define GATE "gate \"*\" { accept = {apikey} }\n"

/* Fixtures. */
void box_open(void);
void box_close(void);

void box_write(const char *name, const char *text, mode_t mode);

/* Loads reeve.conf with this text; fails the test where that fails. Gives a reference. */
struct config *box_load(const char *text);
struct config *box_load_with(const char *text, const struct config_override *overrides,
                             size_t count);

/* Loads it expecting errors, and gives them; valid until the next call. */
const char *box_errors(const char *text);
const char *box_errors_with(const char *text, const struct config_override *overrides,
                            size_t count);

/* The same for the file `path` as it is. */
const char *box_errors_of(const char *path);

#endif
