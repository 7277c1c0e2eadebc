#include "agent/base/thread.h"

#include <signal.h>
#include <stdio.h>

#define NAME_MAX_BYTES 16

enum err thread_start(pthread_t *out, const char *name, void *(*run)(void *context), void *context)
{
    char cut[NAME_MAX_BYTES];
    sigset_t all, before;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int refused = pthread_create(&thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refused) {
        return ERR_MEMORY;
    }
    snprintf(cut, sizeof(cut), "%s", name);
    (void)pthread_setname_np(thread, cut);
    *out = thread;
    return ERR_OK;
}
