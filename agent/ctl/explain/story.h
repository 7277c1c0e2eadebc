/*
 * The story of one decision: what the trace told, and the verdict, in memory of its own, so that it
 * can be shown after the decision's own memory is gone.
 */
#ifndef REEVE_CTL_EXPLAIN_STORY_H
#define REEVE_CTL_EXPLAIN_STORY_H

#include "agent/access/why.h"
#include "agent/ctl/explain/rehearsal.h"

#define STORY_STEPS_MAX 24

struct story_step {
    const char *name;
    bool is_end;
};

/* Of the configuration, by which the caller is known. */
struct story_section {
    const char *kind; /* "issuer"; NULL: none */
    struct str name, origin;
};

struct story_rule {
    struct str id, text;
    struct why why;
    struct str outcome; /* what became of it: "decides", "host" */
};

struct story_role {
    struct str name;
    bool exists, may_allow, is_shadow;
    struct story_rule *rules; /* by id */
    size_t rule_count;
};

struct story_limit {
    struct str name, subject;
    struct limit_record record; /* its tz is of the heap */
    uint64_t cost;
    bool is_shadow;
    bool is_asked; /* by the decision; the others were asked afterwards */
    enum quota_answer answer;
    struct quota_standing standing; /* where it is known */
    int64_t wait_us;                /* until more units can be had */
};

struct story {
    struct explain_trace trace; /* first */
    struct rehearsal *rehearsal;
    struct heap *heap;

    struct story_step steps[STORY_STEPS_MAX];
    size_t step_count;
    struct story_section section;
    struct role_query query; /* of the rules; absent where they were not asked */
    struct story_role *roles;
    size_t role_count;
    struct story_limit *limits;
    size_t limit_count;

    /* Of the decision. */
    struct verdict verdict;
    enum verdict_kind judged;
    const struct gate *gate; /* of the configuration */
    struct str host, path;
    struct str credential;
};

/* Decides, and finds out what the decision leaves open: each rule of the roles, and limits behind
 * one that refused. */
void story_tell(struct story *story, struct rehearsal *rehearsal, const struct request *request,
                const struct explain_caller *caller);

/* Whether something kept the answer from being found. */
bool story_is_in_trouble(const struct story *story);

/* What came of asking a limit: "enough". */
const char *story_answer(const struct story_limit *limit);

#endif
