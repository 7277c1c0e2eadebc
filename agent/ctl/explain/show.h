/* An explanation on stdout, as text for people or as one JSON document. */
#ifndef REEVE_CTL_EXPLAIN_SHOW_H
#define REEVE_CTL_EXPLAIN_SHOW_H

#include "agent/ctl/explain/question.h"
#include "agent/ctl/explain/story.h"
#include "agent/ctl/json_out.h"

/* What is known of a record in the store. */
enum show_state { SHOW_FOUND, SHOW_ABSENT, SHOW_BAD, SHOW_UNKNOWN };

/* SHOW_BAD sets diag: why it does not parse. */
enum show_state show_state(const struct rehearsal *rehearsal, const struct fact *fact,
                           struct diag *diag);

/* Of fields that hold what proves somebody, the value is not shown. */
bool show_is_secret(struct str field);

void show_text(struct story *story, const struct question *question);
/* The members of an object that is open. */
void show_json(struct json_out *json, struct story *story, const struct question *question);

#endif
