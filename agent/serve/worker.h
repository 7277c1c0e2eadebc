/*
 * A worker: one thread, one loop, and everything that loop needs: connections, engine, directory,
 * store connection, audit spool. Workers share nothing but the configuration snapshot and the sets of
 * keys that issuers publish, both immutable; the server speaks to them through their mailboxes.
 *
 * A turn: the clock is read after polling, and for each batch of requests; before the next poll what was parked is flushed, deadlines are looked at, and closed connections are freed.
 */
#ifndef REEVE_SERVE_WORKER_H
#define REEVE_SERVE_WORKER_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "agent/audit/spool.h"
#include "agent/audit/writer.h"
#include "agent/config/config.h"
#include "agent/directory/directory.h"
#include "agent/jwks/jwks.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/offload.h"
#include "agent/quota/quota.h"
#include "agent/serve/connection.h"
#include "agent/serve/engine.h"
#include "agent/serve/live.h"
#include "agent/shield/shield.h"
#include "agent/store/store.h"

/* What the server tells a worker. */
enum worker_message {
    WORKER_CONNECTION,    /* number: an accepted socket, handed over */
    WORKER_CONFIG,        /* pointer: a struct config reference, handed over */
    WORKER_KEYS,          /* pointer: a struct jwks_news, handed over */
    WORKER_UNREADY,       /* health checks fail from now on */
    WORKER_DRAIN,         /* close connections as they become idle; stop when none is left */
    WORKER_PASSWORD_DONE, /* pointer: a struct password_work, handed back; number: it was done */
    WORKER_LAST,          /* all others are drained: when this one is too, the agent leaves */
    WORKER_STOP,          /* close what is left and end the loop */
};

struct worker {
    unsigned index;
    pthread_t thread;
    bool has_thread;
    struct ev_loop *loop;
    struct mailbox mailbox;
    struct config *config;
    struct config *start_config; /* what store and directory were made with, and borrow from */
    struct store *store;
    struct store *grant_store; /* where grants wait for replicas; NULL: `store` has them */
    struct directory *directory;
    struct live *live;
    struct quota *quota;
    struct shield *shield;
    struct seen *seen; /* NULL: uses are not written */
    char holder[QUOTA_HOLDER_BYTES_MAX];
    struct offload *offload; /* borrowed; of all workers */
    struct apikey_verifier *apikeys;
    struct passwords *passwords;
    struct tokens *tokens;
    struct jwks *jwks; /* asked for keys that are not known */
    struct spool *spool;
    struct audit_writer *writer;
    char head[AUDIT_HEAD_MAX]; /* of the audit, while it is sent */
    struct engine engine;

    ev_check turn_begin;
    ev_prepare turn_end;
    ev_timer deadline;
    ev_async settled; /* records are; durable mode */
    ev_timer drain_timer;
    ev_timer tick;
    struct connection *connections;
    struct connection *dirty;
    struct connection *closed;
    size_t fence_count;      /* that waited at the end of the last turn */
    uint64_t fence_sequence; /* the last record when the last of them was told */
    bool is_unready;
    bool is_draining;
    bool was_up;                /* the store answered once */
    bool is_last;               /* all other workers are drained */
    int64_t returning_until_us; /* leases go back before the worker is done; 0: not begun */
    int64_t leaving_until_us;   /* and the agent leaves; 0: not begun */

    /* Read by the server. */
    atomic_uint connection_count;
    atomic_bool is_done; /* drained: no connection left */
    ev_async *done;      /* of the server's loop, sent when is_done becomes true */
    struct ev_loop *server_loop;
};

/* What a worker is made of; all but the configuration is borrowed. */
struct worker_settings {
    unsigned index;
    struct config *config; /* a reference is taken */
    struct spool *spool;
    struct audit_writer *writer;
    struct offload *offload;
    struct jwks *jwks;
    const struct zones *zones;
    struct seen_board *seen_board;
    const char *boot; /* of the process, hex */
};

/* Everything but the thread. On failure nothing is kept and diag says why. */
enum err worker_init(struct worker *worker, const struct worker_settings *settings,
                     struct diag *diag) MUST_USE;

enum err worker_start(struct worker *worker) MUST_USE;

/* Records of its spool may have been settled. A thread of the writer's, between init and fini. */
void worker_note_settled(struct worker *worker);

/* After WORKER_STOP was posted: waits for the thread. */
void worker_join(struct worker *worker);
void worker_fini(struct worker *worker);

/* Unlinks a connection that was just closed; freed at the end of the turn. */
void worker_forget(struct worker *worker, struct connection *connection);

#endif
