/*
 * The whole agent in one process, without sockets and on virtual time: the engine with its
 * directory, verifier and spool, a fake store behind it, and peers that speak SPOP as HAProxy does.
 *
 *   struct box box;
 *   box_open(&box, "gate \"*\" { accept = {apikey} }");
 *   box_ask(&box, 0, &question);         a NOTIFY goes in
 *   box_step(&box);                      a turn in which the store answers
 *   box_expect(&box, 0, id, "allow", 200, "ok");
 *   box_close(&box);
 *
 * No writer drains the spool (a durable test says itself what is settled): it is large enough for any case, unless `conf` sets spool_size.
 */
#ifndef REEVE_TESTS_SCENARIO_BOX_H
#define REEVE_TESTS_SCENARIO_BOX_H

#include <check.h>

#include "agent/serve/engine.h"
#include "agent/serve/peer.h"
#include "tests/support/fake_counter.h"
#include "tests/support/fake_failures.h"
#include "tests/support/spop_peer.h"

#define BOX_PEERS     2
#define BOX_WORKS_MAX 16

struct box {
    char dir[64];
    struct config *config;
    struct fake_store *fake;
    struct fake_counters counters; /* of limits */
    struct fake_failures failures; /* of authentication */
    struct directory *directory;
    struct apikey_verifier *apikeys;
    struct passwords *passwords;
    struct password_work *works[BOX_WORKS_MAX]; /* that were submitted, oldest first */
    struct password_place places[BOX_WORKS_MAX];
    size_t work_count;
    size_t work_capacity; /* what is submitted above it is refused */
    struct tokens *tokens;
    struct spool *spool;
    struct quota *quota;
    struct shield *shield;
    struct seen_board *seen_board; /* of box_see() */
    struct seen *seen;
    char notes[4096]; /* "<key> <field> <age in ms>\n" of each last use that was written */
    struct engine engine;
    struct peer peers[BOX_PEERS];
    struct spop_out answers[BOX_PEERS]; /* what the peers sent so far */
    uint64_t next_id[BOX_PEERS];
    unsigned output_calls;
    char key[APIKEY_LENGTH + 1]; /* alice's, who has role "reader" */
    char keyid[APIKEY_ID_LENGTH + 1];
};

/* `conf` is added to a configuration that suits tests. Alice may GET all below /v1/orders and her
 * key is in the store. Peers have said HELLO. */
void box_open(struct box *box, const char *conf);
void box_close(struct box *box);

/* From now on last uses are noted, each at most once a minute. */
void box_see(struct box *box);

/* Moves the clocks and does what a worker does between two turns. */
void box_advance(struct box *box, int64_t us);

/* One turn in which the store answers what waits; gives how many replies that were. */
size_t box_step(struct box *box);

/* One turn in which the oldest password that was submitted is handed back, hashed or as it was. */
void box_hash(struct box *box, bool is_done);

/* "Basic ..." of these bytes, in static memory. */
const char *box_basic(struct str pair);

/* Alice asks for GET /v1/orders/1; change what the case needs. */
struct spop_question box_question(const struct box *box);

/* Sends a NOTIFY; gives its frame id, which is unique per peer. */
uint64_t box_ask(struct box *box, unsigned peer, const struct spop_question *question);
/* The same until there is an answer: steps the store as often as needed. */
uint64_t box_ask_through(struct box *box, unsigned peer, const struct spop_question *question);

/* Raw bytes, in one piece. */
void box_send(struct box *box, unsigned peer, const void *bytes, size_t length);
/* Takes the peer's output, as a socket would. */
void box_collect(struct box *box, unsigned peer);

/* How many ACKs for this frame id came so far; *ack is the last. */
unsigned box_acks(struct box *box, unsigned peer, uint64_t id, struct spop_frame *ack);

/* Exactly one ACK came, with these variables. */
void box_expect(struct box *box, unsigned peer, uint64_t id, const char *verdict, int status,
                const char *reason);
/* The ACK's integer variable; 0 where it is not set. */
int64_t box_number(struct box *box, unsigned peer, uint64_t id, const char *name);
/* The ACK's string variable; "" where it is not set. */
const char *box_var(struct box *box, unsigned peer, uint64_t id, const char *name);

#endif
