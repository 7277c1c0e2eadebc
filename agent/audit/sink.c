#include "agent/audit/sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/audit/follow.h"
#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/thread.h"

#define PATH_BYTES      4096
#define NAME_BYTES      65
#define MARKS           64
#define IDLE_US         50000
#define UNSETTLED_US    5000
#define BLOCKED_US      100000
#define SAVE_US         1000000
#define STEADY_US       1000000
#define BACK_OFF_US     100000
#define BACK_OFF_MAX_US 10000000
#define LOG_INTERVAL_US 10000000
#define STOP_SLACK_US   500000
#define END_STEP_US     1000

/* When the outlet has settled so much, the position is that. */
struct mark {
    uint64_t count;
    struct audit_position position;
};

struct sink {
    struct sink_settings settings; /* its texts are below */
    char name[NAME_BYTES];
    char path[PATH_BYTES]; /* of the position */
    struct outlet *outlet;
    struct audit_follower *follower;

    struct mark marks[MARKS];
    size_t first_mark, mark_count;
    struct audit_position settled, saved;
    int64_t save_due_us;

    bool is_open, is_failing;
    bool is_at_end; /* of what there is to read */
    int64_t opened_us, progress_us, retry_us, back_off_us;
    struct log_limit read_log, save_log;
    _Atomic uint64_t needed; /* the segment that the position is in; 0: none */

    pthread_t thread;
    bool has_thread;
    int wake_fd;                /* an eventfd; any thread */
    _Atomic int64_t give_up_us; /* 0: goes on */
    _Atomic bool is_done;       /* the thread touches nothing any more */
};

static void set_position_path(struct sink *sink, const char *audit_file)
{
    const char *slash = strrchr(audit_file, '/');
    int folder = slash ? (int)(slash - audit_file) + 1 : 0;

    snprintf(sink->path, sizeof(sink->path), "%.*s%s.%s.position", folder, audit_file, sink->name,
             audit_file + folder);
}

static void note_settled(struct sink *sink, const struct audit_position *position)
{
    sink->settled = *position;
    atomic_store_explicit(&sink->needed, position->segment, memory_order_release);
}

static enum err load_position(struct sink *sink, struct diag *diag)
{
    struct audit_position position = {.segment = 0};
    enum err e = audit_position_load(sink->path, &position);

    if (e == ERR_IO) {
        diag_set(diag, "sink %s: %s: %s", sink->name, sink->path, strerror(errno));
        return e;
    }
    if (e == ERR_SYNTAX) {
        log_warning("sink %s: %s is no position; it begins with the current segment", sink->name,
                    log_quote(str_from_c(sink->path)).text);
    }
    note_settled(sink, &position);
    sink->saved = position;
    return ERR_OK;
}

static void release(struct sink *sink)
{
    audit_follower_free(sink->follower);
    sink->outlet->type->free(sink->outlet);
    if (sink->wake_fd >= 0) {
        close(sink->wake_fd);
    }
    free(sink);
}

enum err sink_new(const struct sink_settings *settings, struct outlet *outlet, struct sink **out,
                  struct diag *diag)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink) {
        outlet->type->free(outlet);
        diag_set(diag, "sink %s: %s", settings->name, err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    sink->settings = *settings;
    sink->outlet = outlet;
    sink->back_off_us = BACK_OFF_US;
    snprintf(sink->name, sizeof(sink->name), "%s", settings->name);
    set_position_path(sink, settings->audit_file);
    sink->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum err e = load_position(sink, diag);
    sink->follower = e == ERR_OK ? audit_follower_new(settings->audit_file, &sink->settled) : NULL;
    if (e == ERR_OK && (!sink->follower || sink->wake_fd < 0)) {
        diag_set(diag, "sink %s: %s", sink->name, err_text(ERR_MEMORY));
        e = ERR_MEMORY;
    }
    if (e != ERR_OK) {
        release(sink);
        return e;
    }
    *out = sink;
    return ERR_OK;
}

/* From then on the journal may be gone. */
static bool is_stopping(const struct sink *sink)
{
    return atomic_load_explicit(&sink->give_up_us, memory_order_acquire) != 0;
}

static void tell(struct sink *sink, const char *event, const char *what)
{
    char detail[sizeof(((struct diag *)NULL)->text) + NAME_BYTES + 2];

    snprintf(detail, sizeof(detail), "%s%s%s", sink->name, what ? ": " : "", what ? what : "");
    if (!is_stopping(sink)) {
        journal_sink(*sink->settings.journal, event, detail);
    }
}

static void tell_failing(struct sink *sink, const char *why)
{
    if (!sink->is_failing) {
        log_error("sink %s: %s; what it has not sent waits in the segments", sink->name, why);
        tell(sink, "failing", why);
    }
    sink->is_failing = true;
}

/* All that is not settled is sent again, on another connection. One that is closed after a while of
 * silence, as some do, is no failure yet. */
static void fail(struct sink *sink, const char *why, struct now now)
{
    bool was_idle = sink->is_open && sink->mark_count == 0 && sink->is_at_end &&
                    now.mono_us - sink->opened_us >= STEADY_US;

    if (sink->is_open) {
        sink->outlet->type->close(sink->outlet);
    }
    sink->is_open = false;
    sink->mark_count = 0;
    audit_follower_seek(sink->follower, &sink->settled);
    if (was_idle) {
        sink->retry_us = now.mono_us;
        return;
    }
    sink->retry_us = now.mono_us + sink->back_off_us;
    sink->back_off_us =
        sink->back_off_us * 2 < BACK_OFF_MAX_US ? sink->back_off_us * 2 : BACK_OFF_MAX_US;
    tell_failing(sink, why);
}

static void open_outlet(struct sink *sink, struct now now)
{
    struct diag diag = {0};

    if (sink->outlet->type->open(sink->outlet, sink->settings.timeout_us, sink->wake_fd, &diag) !=
        ERR_OK) {
        if (!is_stopping(sink)) {
            fail(sink, diag.text, clock_read());
        }
        return;
    }
    now = clock_read();
    sink->is_open = true;
    sink->opened_us = sink->progress_us = now.mono_us;
}

/* False: there is none, for now. */
static bool read_line(struct sink *sink, struct audit_read_line *line, struct now now)
{
    struct diag diag = {0};
    uint64_t swallowed;

    for (;;) {
        switch (audit_follower_next(sink->follower, line, &diag)) {
        case AUDIT_FOLLOW_LINE:
            return true;
        case AUDIT_FOLLOW_END:
            return false;
        case AUDIT_FOLLOW_SKIPPED:
            log_error("sink %s: not to be had any more, and not sent: %s", sink->name, diag.text);
            tell(sink, "skipped", diag.text);
            break;
        case AUDIT_FOLLOW_AGAIN:
            log_warning("sink %s: %s", sink->name, diag.text);
            break;
        case AUDIT_FOLLOW_FAIL:
            if (log_limit_pass(&sink->read_log, now.mono_us, LOG_INTERVAL_US, &swallowed)) {
                log_error("sink %s: the audit can not be read: %s", sink->name, strerror(errno));
            }
            return false;
        }
    }
}

static void push_mark(struct sink *sink)
{
    struct mark *mark = &sink->marks[(sink->first_mark + sink->mark_count) % MARKS];

    /* Without it, what follows settles this too. */
    if (audit_follower_position(sink->follower, &mark->position) != ERR_OK) {
        return;
    }
    mark->count = sink->outlet->type->put_count(sink->outlet);
    sink->mark_count++;
    if (sink->settled.segment == 0) {
        note_settled(sink, &(struct audit_position){.segment = mark->position.segment});
    }
}

static bool fill(struct sink *sink, struct now now)
{
    const struct outlet_type *type = sink->outlet->type;
    struct audit_read_line line;
    bool has_put = false;

    while (sink->mark_count < MARKS && type->has_room(sink->outlet)) {
        sink->is_at_end = !read_line(sink, &line, now);
        if (sink->is_at_end) {
            break;
        }
        type->put(sink->outlet, &line);
        has_put = true;
    }
    if (has_put) {
        push_mark(sink);
    }
    return has_put;
}

static void settle(struct sink *sink, struct now now)
{
    uint64_t count = sink->outlet->type->settled_count(sink->outlet);

    while (sink->mark_count > 0 && sink->marks[sink->first_mark].count <= count) {
        note_settled(sink, &sink->marks[sink->first_mark].position);
        sink->first_mark = (sink->first_mark + 1) % MARKS;
        sink->mark_count--;
        sink->progress_us = now.mono_us;
    }
    if (sink->mark_count == 0) {
        sink->progress_us = now.mono_us;
    }
}

/* A connection that takes nothing is kept while it is one: another would have room for what the other
 * side may never read. */
static void judge(struct sink *sink, struct now now)
{
    bool is_steady = now.mono_us - sink->opened_us >= STEADY_US &&
                     (sink->mark_count == 0 || sink->progress_us > sink->opened_us);

    if (now.mono_us - sink->progress_us > sink->settings.timeout_us) {
        tell_failing(sink, "the other side takes nothing");
    } else if (is_steady) {
        sink->back_off_us = BACK_OFF_US;
        if (sink->is_failing) {
            log_info("sink %s: takes lines again", sink->name);
            tell(sink, "recovered", NULL);
        }
        sink->is_failing = false;
    }
}

static void save(struct sink *sink, struct now now)
{
    uint64_t swallowed;

    if (sink->settled.segment == 0 || (sink->settled.segment == sink->saved.segment &&
                                       sink->settled.offset == sink->saved.offset)) {
        return;
    }
    sink->save_due_us = now.mono_us + SAVE_US;
    if (audit_position_save(sink->path, &sink->settled) == ERR_OK) {
        sink->saved = sink->settled;
    } else if (log_limit_pass(&sink->save_log, now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_error("sink %s: its position can not be kept: %s: %s", sink->name,
                  log_quote(str_from_c(sink->path)).text, strerror(errno));
    }
}

/* How long there is nothing to do. */
static int64_t turn(struct sink *sink, struct now now)
{
    struct diag diag = {0};

    if (!sink->is_open && now.mono_us >= sink->retry_us) {
        open_outlet(sink, now);
    }
    if (!sink->is_open) {
        return sink->retry_us > now.mono_us ? sink->retry_us - now.mono_us : 0;
    }
    bool has_put = fill(sink, now);
    enum err e = sink->outlet->type->move(sink->outlet, &diag);
    settle(sink, now);
    if (e != ERR_OK) {
        fail(sink, diag.text, now);
        return 0;
    }
    judge(sink, now);
    if (now.mono_us >= sink->save_due_us) {
        save(sink, now);
    }
    return sink->outlet->type->is_blocked(sink->outlet) ? BLOCKED_US
           : has_put                                    ? 0
           : sink->mark_count > 0                       ? UNSETTLED_US
                                                        : IDLE_US;
}

static void wait_for(struct sink *sink, int64_t us)
{
    struct pollfd fds[2] = {{.fd = sink->wake_fd, .events = POLLIN}, {.fd = -1}};
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    if (sink->is_open) {
        fds[1].fd = sink->outlet->fd;
        fds[1].events =
            (short)(POLLIN | (sink->outlet->type->is_blocked(sink->outlet) ? POLLOUT : 0));
    }
    if (ppoll(fds, 2, &left, NULL) < 0 && errno != EINTR) {
        log_debug("sink %s: %s", sink->name, strerror(errno));
    }
}

/* Asked to, and nothing is left to do, or no time. */
static bool is_over(const struct sink *sink, struct now now)
{
    int64_t give_up_us = atomic_load_explicit(&sink->give_up_us, memory_order_acquire);

    if (give_up_us == 0) {
        return false;
    }
    return !sink->is_open || now.mono_us >= give_up_us ||
           (sink->is_at_end && sink->mark_count == 0);
}

static void *run(void *context)
{
    struct sink *sink = context;
    struct now now = clock_read();
    bool has_seen_stop = false;
    uint64_t woken;

    while (!is_over(sink, now)) {
        int64_t pause_us = turn(sink, now);
        if (pause_us > 0) {
            wait_for(sink, pause_us);
        }
        now = clock_read();
        if (is_stopping(sink) && !has_seen_stop) {
            has_seen_stop = true;
            sink->is_at_end = false; /* what was written since is still sent */
        }
        if (read(sink->wake_fd, &woken, sizeof(woken)) < 0 && errno != EAGAIN) {
            log_debug("sink %s: %s", sink->name, strerror(errno));
        }
    }
    save(sink, now);
    atomic_store_explicit(&sink->is_done, true, memory_order_release);
    return NULL;
}

enum err sink_start(struct sink *sink)
{
    enum err e = thread_start(&sink->thread, "sink", run, sink);

    sink->has_thread = e == ERR_OK;
    return e;
}

bool sink_holds(const struct sink *sink, uint64_t segment, size_t newer_count)
{
    uint64_t needed = atomic_load_explicit(&sink->needed, memory_order_acquire);

    return needed > 0 && segment >= needed && newer_count < sink->settings.hold_count;
}

void sink_stop(struct sink *sink, int64_t give_up_us)
{
    uint64_t one = 1;

    atomic_store_explicit(&sink->give_up_us, give_up_us > 0 ? give_up_us : 1, memory_order_release);
    if (write(sink->wake_fd, &one, sizeof(one)) < 0) {
        log_debug("sink %s: is awake", sink->name);
    }
}

static bool is_ended(struct sink *sink, int64_t give_up_us)
{
    int64_t now_us = clock_read().mono_us;
    int64_t last_us = (now_us > give_up_us ? now_us : give_up_us) + STOP_SLACK_US;

    while (!atomic_load_explicit(&sink->is_done, memory_order_acquire)) {
        if (clock_read().mono_us > last_us) {
            return false;
        }
        usleep(END_STEP_US);
    }
    pthread_join(sink->thread, NULL);
    return true;
}

void sink_free(struct sink *sink, int64_t give_up_us)
{
    if (!sink) {
        return;
    }
    if (sink->has_thread && !is_ended(sink, give_up_us)) {
        log_warning("sink %s: hangs in the look-up of a name, and is left there", sink->name);
        return;
    }
    if (sink->is_open) {
        sink->outlet->type->close(sink->outlet);
    }
    release(sink);
}
