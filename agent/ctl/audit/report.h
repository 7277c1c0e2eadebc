/* A report: tallies, and what of the store was never used in their time. Three forms. */
#ifndef REEVE_CTL_AUDIT_REPORT_H
#define REEVE_CTL_AUDIT_REPORT_H

#include "agent/ctl/audit/source.h"
#include "agent/ctl/audit/superseded.h"
#include "agent/ctl/audit/tally.h"

struct report_rule {
    struct str role, id, text;
};

struct report_key {
    struct str id, user;
    int64_t created_s; /* 0: not known */
    bool is_used;
};

struct report {
    struct heap *heap;
    struct heap counted; /* memory of what is counted, and may be counted anew */
    struct tallies tallies;
    struct superseded superseded;
    uint64_t late_count; /* allows that were counted before it was read that they were not told */
    struct map origins;  /* of uint64_t: the highest sequence of a boot's worker that was read */
    uint64_t repeated_count; /* lines that told once more what was read before */
    const struct source *source;
    int64_t now_s;
    bool has_store;    /* what follows is known */
    bool tells_unused; /* and all records of the time were looked at */
    struct report_rule *unused_rules;
    size_t unused_rule_count;
    struct report_key *keys; /* all that are in the store */
    size_t key_count;
    struct map keys_by_id; /* of struct report_key *: one that was used may be gone */
};

void report_text(const struct report *report);
/* RFC 4180. No cell begins with what a spreadsheet takes for a formula. */
void report_csv(const struct report *report);
void report_json(const struct report *report);

/* Of a credential "key:<id>": when it was made; 0: not known. */
int64_t report_created_s(const struct report *report, struct str credential);

#endif
