/*
 * A question: a NOTIFY that asks for a verdict, from the decision to the reply. It is decided at once,
 * or parked and decided again later; its record goes into the spool, then its reply into the peer's
 * output. In durable mode the reply of an allow is held until its record is settled.
 *
 * Each is answered once, while its peer is there. Who can not be parked is denied; so is an allow that
 * can not be held, or recorded where the operator did not choose to count the loss.
 */
#ifndef REEVE_SERVE_QUESTION_H
#define REEVE_SERVE_QUESTION_H

#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/reason.h"
#include "agent/request/request.h"
#include "agent/serve/peer.h"
#include "spoe/value.h"

struct held;

/* What is kept of a NOTIFY until it is answered. */
struct question {
    uint64_t stream_id;
    uint64_t frame_id;
    struct spoe_bytes payload; /* borrowed */
    struct now arrival;
    enum parked_pace pace; /* of what it waited for; a held allow has the same patience */
    int64_t supersedes;    /* a record that is taken back; 0: none */
};

/* Answers it, parks it or holds its reply; the request is read from its payload. May disconnect the
 * peer. */
void question_decide(struct peer *peer, const struct question *question,
                     const struct request *request);

/* Runs a parked request again, or refuses it. */
void question_resume(struct parked *parked);
void question_refuse(struct parked *parked, enum reason reason);

/* Sends a held reply: its record is settled. */
void question_release(const struct held *held, struct peer *peer);

/* Refuses one that was held, with a record that supersedes the first. */
void question_take_back(const struct held *held, struct peer *peer, enum reason reason);

#endif
