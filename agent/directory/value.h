/*
 * The values of records' fields; record.h has their grammar. Each function reads one kind of value
 * strictly and gives NULL, or a static text that says what is wrong and never holds the value.
 * Slices in what they read borrow from the value. Private to directory/.
 */
#ifndef REEVE_DIRECTORY_VALUE_H
#define REEVE_DIRECTORY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/ip.h"
#include "agent/base/str.h"
#include "agent/directory/draft.h"

const char *value_name(struct str value, struct str *out);
const char *value_state(struct str value, bool *is_active);
const char *value_mode(struct str value, bool *is_shadow);
const char *value_time(struct str value, int64_t *out);
const char *value_priority(struct str value, int *out);
const char *value_hash(struct str value, struct draft_hash *out);
const char *value_fingerprint(struct str value, struct draft_digest *out);
const char *value_phc(struct str value, struct str *out);

/* Of limits. Where a value is more than one member it takes the record; rate and quota set its kind
 * too. */
const char *value_rate(struct str value, struct limit_record *out);
const char *value_burst(struct str value, uint64_t *out);
const char *value_quota(struct str value, struct limit_record *out);
const char *value_per(struct str value, enum limit_per *out);
const char *value_tz(struct str value, struct str *out);
const char *value_scope(struct str value, enum limit_scope *out);
const char *value_outage(struct str value, struct limit_record *out);

/* Checked, and not kept. */
const char *value_last4(struct str value);
const char *value_text(struct str value);

/* Lists: at most `max` items. Names may be marked with a leading '!' where may_lift; the same name
 * with and without is twice. */
const char *value_names(struct str value, bool may_lift, struct str *items, size_t max,
                        size_t *count);
const char *value_prefixes(struct str value, struct ip_prefix items[RECORD_PREFIXES_MAX],
                           size_t *count);

#endif
