#include "agent/loop/mailbox.h"

#include <stdbool.h>
#include <stdlib.h>

#define BATCH_COUNT 64

static bool take(struct mailbox *mailbox, struct mailbox_message *message)
{
    bool has_message = false;

    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->count > 0) {
        *message = mailbox->messages[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->capacity;
        mailbox->count--;
        has_message = true;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return has_message;
}

static void wake_cb(struct ev_loop *loop, ev_async *watcher, int events)
{
    struct mailbox *mailbox = watcher->data;
    struct mailbox_message message;

    (void)events;
    for (int i = 0; i < BATCH_COUNT; i++) {
        if (!take(mailbox, &message)) {
            return;
        }
        mailbox->handle_cb(mailbox->context, &message);
    }
    ev_async_send(loop, watcher);
}

enum err mailbox_start(struct mailbox *mailbox, struct ev_loop *loop, size_t capacity,
                       mailbox_handle_cb *handle_cb, void *context)
{
    *mailbox = (struct mailbox){
        .loop = loop, .handle_cb = handle_cb, .context = context, .capacity = capacity};
    mailbox->messages = calloc(capacity, sizeof(*mailbox->messages));
    if (!mailbox->messages) {
        return ERR_MEMORY;
    }
    pthread_mutex_init(&mailbox->mutex, NULL);
    ev_async_init(&mailbox->wake, wake_cb);
    mailbox->wake.data = mailbox;
    ev_async_start(loop, &mailbox->wake);
    return ERR_OK;
}

void mailbox_stop(struct mailbox *mailbox)
{
    struct mailbox_message message;

    if (!mailbox->messages) {
        return;
    }
    ev_async_stop(mailbox->loop, &mailbox->wake);
    while (take(mailbox, &message)) {
        mailbox->handle_cb(mailbox->context, &message);
    }
    pthread_mutex_destroy(&mailbox->mutex);
    free(mailbox->messages);
    mailbox->messages = NULL;
}

enum err mailbox_post(struct mailbox *mailbox, const struct mailbox_message *message)
{
    enum err result = ERR_FULL;

    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->count < mailbox->capacity) {
        size_t last = (mailbox->first + mailbox->count) % mailbox->capacity;
        mailbox->messages[last] = *message;
        mailbox->count++;
        result = ERR_OK;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    if (result == ERR_OK) {
        ev_async_send(mailbox->loop, &mailbox->wake);
    }
    return result;
}
