/*
 * Replay: a record of the audit as a question of now. What the record does not say is not asked: the
 * secret, the claims of a token and the names in a certificate (what they say of roles is what the
 * record has), what was left of limits.
 */
#ifndef REEVE_CTL_EXPLAIN_REPLAY_H
#define REEVE_CTL_EXPLAIN_REPLAY_H

#include "agent/authn/tokens.h"
#include "agent/ctl/audit/scan.h"
#include "agent/ctl/explain/question.h"
#include "agent/ctl/explain/story.h"
#include "agent/ctl/json_out.h"

#define REPLAY_DIFFERENCES_MAX 16
#define REPLAY_NOTES_MAX       8

struct replay_difference {
    const char *name;
    struct str then, now; /* may be empty */
};

struct replay {
    struct scan then; /* of the heap */
    struct token token;
    struct cert_policy narrowing; /* of a certificate without a record: the roles of the record */
    struct str then_config, now_config; /* hashes; absent: not in the record */
    uint32_t seen;                      /* the token's mark */
    struct replay_difference differences[REPLAY_DIFFERENCES_MAX];
    size_t difference_count;
    const char *notes[REPLAY_NOTES_MAX]; /* what can not be compared, and why */
    size_t note_count;
};

/* Finds question->record, "FILE:SEQ", and fills request, gate and caller. False: told on stderr. */
bool replay_find(struct replay *replay, struct question *question, const struct config *config,
                 struct heap *heap);

/* After the story was told. */
void replay_compare(struct replay *replay, struct story *story);

void replay_text(const struct replay *replay);
/* The member "record" of an object that is open. */
void replay_json(const struct replay *replay, struct json_out *json);

#endif
