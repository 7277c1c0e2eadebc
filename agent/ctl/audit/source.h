/* What the audit commands read: the files that are named, or the audit file of a configuration with its
 * segments; or that file as it grows. */
#ifndef REEVE_CTL_AUDIT_SOURCE_H
#define REEVE_CTL_AUDIT_SOURCE_H

#include "agent/audit/follow.h"
#include "agent/ctl/audit/files.h"
#include "agent/ctl/audit/scan.h"
#include "agent/ctl/progress.h"

struct source {
    const char *command; /* for messages */
    struct files *files;
    struct audit_follower *follower; /* then there are no files */
    const char *audit_file;          /* that is followed */
    struct scan_shape shape;
    struct progress progress; /* of whoever reads */
    uint64_t line_count, broken_count, other_count, lost_count;
    bool is_quiet;      /* broken lines are counted, not named: they were before */
    bool is_unfinished; /* the last file ends in the middle of a line, as one that is written may */
};

/* `paths` may be none where a configuration is given. False: told on stderr. */
bool source_open(struct source *source, struct heap *heap, const char *config_file,
                 char *const *paths, size_t path_count);

/* The current segment of the configuration's audit file and what comes after it, for ever: FILES_END is for now.
 * Lines that have no end yet are waited for; those that are not to be had any more are told on stderr. */
bool source_follow(struct source *source, struct heap *heap, const char *config_file);
void source_close(struct source *source);

/* The next record: SCAN_RECORD, SCAN_SUPERSEDED or SCAN_GAP. Broken lines are named on stderr, the first of them one by
 * one, and counted; lines of other types are counted. FILES_END: none, for now. */
enum files_answer source_next(struct source *source, struct scan *scan, enum scan_kind *kind,
                              struct files_line *line);

/* Says how many lines were broken. 0, or the exit status. */
int source_status(const struct source *source);

#endif
