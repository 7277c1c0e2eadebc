#include "agent/store/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/thread.h"

/* Belongs to two: who asked, and the thread. The last one frees it. */
struct resolve {
    struct ev_loop *loop;
    ev_async done;
    resolve_cb *callback;
    void *context;
    char *name;
    struct resolve_addresses addresses;

    pthread_mutex_t mutex;
    bool is_done;      /* by the thread */
    bool is_cancelled; /* by who asked: the loop may be gone */
};

static void free_resolve(struct resolve *resolve)
{
    pthread_mutex_destroy(&resolve->mutex);
    free(resolve->name);
    free(resolve);
}

static void look_up(struct resolve *resolve)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct resolve_addresses *out = &resolve->addresses;
    struct addrinfo *list;

    if (getaddrinfo(resolve->name, NULL, &hints, &list) != 0) {
        return;
    }
    for (struct addrinfo *a = list; a && out->count < RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, out->texts[out->count], INET6_ADDRSTRLEN, NULL,
                        0, NI_NUMERICHOST) == 0) {
            out->count++;
        }
    }
    freeaddrinfo(list);
}

static void *run(void *data)
{
    struct resolve *resolve = data;

    look_up(resolve);
    pthread_mutex_lock(&resolve->mutex);
    bool is_cancelled = resolve->is_cancelled;
    resolve->is_done = true;
    if (!is_cancelled) {
        ev_async_send(resolve->loop, &resolve->done);
    }
    pthread_mutex_unlock(&resolve->mutex);
    if (is_cancelled) {
        free_resolve(resolve);
    }
    return NULL;
}

/* The thread may still be on its way out of the mutex. */
static void wait_for_thread(struct resolve *resolve)
{
    pthread_mutex_lock(&resolve->mutex);
    pthread_mutex_unlock(&resolve->mutex);
}

static void done_cb(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct resolve *resolve = watcher->data;

    (void)events;
    wait_for_thread(resolve);
    ev_async_stop(loop, watcher);
    struct resolve_addresses addresses = resolve->addresses;
    resolve_cb *callback = resolve->callback;
    void *context = resolve->context;
    free_resolve(resolve);
    callback(context, &addresses);
}

static bool start_thread(struct resolve *resolve)
{
    pthread_t thread;

    if (thread_start(&thread, "resolve", run, resolve) != ERR_OK) {
        return false;
    }
    pthread_detach(thread);
    return true;
}

struct resolve *resolve_start(struct ev_loop *loop, const char *name, resolve_cb *callback,
                              void *context)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));

    if (!resolve) {
        return NULL;
    }
    resolve->loop = loop;
    resolve->callback = callback;
    resolve->context = context;
    pthread_mutex_init(&resolve->mutex, NULL);
    resolve->name = strdup(name);
    ev_async_init(&resolve->done, done_cb);
    resolve->done.data = resolve;
    ev_async_start(loop, &resolve->done);
    if (!resolve->name || !start_thread(resolve)) {
        ev_async_stop(loop, &resolve->done);
        free_resolve(resolve);
        return NULL;
    }
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    if (!resolve) {
        return;
    }
    ev_async_stop(resolve->loop, &resolve->done);
    pthread_mutex_lock(&resolve->mutex);
    bool is_done = resolve->is_done;
    resolve->is_cancelled = true;
    pthread_mutex_unlock(&resolve->mutex);
    if (is_done) {
        free_resolve(resolve);
    }
}
