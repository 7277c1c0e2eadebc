/* What a worker decides with: its stores, what lives on them, verifiers of credentials, and the engine
 * that has them all. Private to serve/. On the worker's thread, or where it does not run. */
#ifndef REEVE_SERVE_WORKER_PARTS_H
#define REEVE_SERVE_WORKER_PARTS_H

#include "agent/serve/worker.h"

/* The worker has its loop, configuration and what it borrows. What was made when it fails is for
 * worker_parts_fini(). */
enum err worker_parts_init(struct worker *worker, const struct worker_settings *from,
                           engine_output_cb *output_cb) MUST_USE;

/* After every connection is gone, before the loop is. What is not there is passed over. */
void worker_parts_fini(struct worker *worker);

/* Takes the reference. Peppers and issuers' keys may have been rotated, so the verifiers are made anew
 * with the snapshot. Where that fails the old snapshot stays whole. */
void worker_use_config(struct worker *worker, struct config *config);

#endif
