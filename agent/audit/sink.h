/*
 * A sink: takes the audit elsewhere, beside the file. It tails the segments (follow.h) on a thread of its
 * own, so it holds up neither a worker nor the writer; while its other side is away, lines wait in the
 * segments. All lines of the audit go, checkpoints too: so the head is kept elsewhere.
 *
 *   segments --follower--> outlet --> where it goes
 *                 position <-- what the outlet says is settled
 *
 * At least once: its position moves behind what is settled, is kept in a file (once a second, and at
 * the end) and gone on from after kill -9. What is sent again has the same id.
 *
 * Old segments wait for it (sink_holds()) up to a bound. What it could not have any more is told.
 *
 * It is failing while its other side can not be reached or takes nothing for `timeout_us`; that, and the
 * end of it, is told once, in the log and the audit. Verdicts do not depend on it.
 */
#ifndef REEVE_AUDIT_SINK_H
#define REEVE_AUDIT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/journal.h"
#include "agent/audit/segment_read.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"

/* --- where lines go: one kind of sink each. All on the sink's thread, and none blocks but open() --- */

struct outlet;

struct outlet_type {
    /* Until it is there, or for the sink's timeout, or until wake_fd is readable; a look-up of a name
     * may take longer. ERR_IO with a diag. Counts begin at 0 then. */
    enum err (*open)(struct outlet *outlet, int64_t timeout_us, int wake_fd, struct diag *diag);
    void (*close)(struct outlet *outlet);
    /* There is room for a line of any length. */
    bool (*has_room)(const struct outlet *outlet);
    /* Takes the line, or leaves one out that it has no form for. */
    void (*put)(struct outlet *outlet, const struct audit_read_line *line);
    /* Sends what it can. ERR_IO with a diag: the connection is at its end. */
    enum err (*move)(struct outlet *outlet, struct diag *diag);
    /* Of what was put, in a unit of its own: all, and what need not be sent again. */
    uint64_t (*put_count)(const struct outlet *outlet);
    uint64_t (*settled_count)(const struct outlet *outlet);
    /* It waits until fd can be written to. */
    bool (*is_blocked)(const struct outlet *outlet);
    void (*free)(struct outlet *outlet);
};

/* The first member of each kind. */
struct outlet {
    const struct outlet_type *type;
    int fd; /* -1: not open */
};

/* --- the sink --- */

struct sink;

struct sink_settings {
    const char *name;       /* of A-Z a-z 0-9 . _ @ - */
    const char *audit_file; /* its position stands beside, as <name>.<audit_file>.position */
    int64_t timeout_us;
    size_t hold_count;        /* segments that may wait for it beyond what is kept anyway */
    struct journal **journal; /* what becomes of it is told there; set before it starts */
};

/* Before the writer opens. Copies the settings, but for what `journal` points to; takes the outlet, also
 * on failure. ERR_IO with a diag: the position can not be read. */
enum err sink_new(const struct sink_settings *settings, struct outlet *outlet, struct sink **out,
                  struct diag *diag) MUST_USE;

enum err sink_start(struct sink *sink) MUST_USE;

/* A closed segment with `newer_count` newer ones that could go too must stay. Any thread. */
bool sink_holds(const struct sink *sink, uint64_t segment, size_t newer_count);

/* Asks it to end, once it has sent all there is or at give_up_us of the monotonic clock. Any thread. */
void sink_stop(struct sink *sink, int64_t give_up_us);

/* After sink_stop(): waits for its end. What hangs in a look-up of a name by then is left, and its
 * memory with it, for the process to end. NULL accepted. */
void sink_free(struct sink *sink, int64_t give_up_us);

#endif
