/* Threads that take no signals: these are for the main thread's loop. */
#ifndef REEVE_BASE_THREAD_H
#define REEVE_BASE_THREAD_H

#include <pthread.h>

#include "agent/base/err.h"

/* `name` is cut to 15 bytes. ERR_MEMORY: the system gives no thread, and *out is as before. */
enum err thread_start(pthread_t *out, const char *name, void *(*run)(void *context),
                      void *context) MUST_USE;

#endif
