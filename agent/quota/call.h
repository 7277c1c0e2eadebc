/*
 * Calls: what a lease asks, as a run of one of the scripts in lua/, and the reply read back.
 * Everything that knows the scripts' arguments and answers is here and there.
 */
#ifndef REEVE_QUOTA_CALL_H
#define REEVE_QUOTA_CALL_H

#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/quota/lease.h"
#include "agent/quota/quota.h"
#include "agent/store/store.h"

/* Runs lease->call as the settings' holder. `key` is the counter's. Errors are
 * store_run_script()'s. */
enum err call_send(struct store *store, struct str key, const struct quota_settings *settings,
                   const struct lease *lease, store_reply_cb *callback, void *context) MUST_USE;

/* False: this is no answer to `sequence`; *out is untouched. */
bool call_read_answer(const struct store_reply *reply, uint64_t sequence, struct lease_answer *out);

#endif
