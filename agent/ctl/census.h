/* Census: every record of a kind that is in the store, in no order. What changes meanwhile may be
 * missed. In pages, so that neither side is held up. */
#ifndef REEVE_CTL_CENSUS_H
#define REEVE_CTL_CENSUS_H

#include "agent/ctl/explain/rehearsal.h"

/* `name` and the fields are borrowed for the call. */
typedef void census_cb(void *context, struct str name, const struct store_field *fields,
                       size_t field_count);

/* False: told on stderr. */
bool census_take(struct rehearsal *rehearsal, enum record_kind kind, census_cb *callback,
                 void *context);

#endif
