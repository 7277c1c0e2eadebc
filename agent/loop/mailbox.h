/*
 * A mailbox: the only way a message crosses threads. Any thread posts a copy; the owner's loop is
 * woken and handles the messages in order, a bounded batch per turn. The capacity is fixed: a full
 * mailbox refuses, and the sender decides what that means.
 */
#ifndef REEVE_LOOP_MAILBOX_H
#define REEVE_LOOP_MAILBOX_H

#include <ev.h>
#include <pthread.h>
#include <stddef.h>

#include "agent/base/err.h"

/* What a message means is agreed between poster and handler. What `pointer` owns is handed over. */
struct mailbox_message {
    int type;
    int number;
    void *pointer;
};

typedef void mailbox_handle_cb(void *context, const struct mailbox_message *message);

struct mailbox {
    struct ev_loop *loop;
    ev_async wake;
    mailbox_handle_cb *handle_cb;
    void *context;
    pthread_mutex_t mutex;
    struct mailbox_message *messages; /* a ring */
    size_t capacity;
    size_t first;
    size_t count;
};

/* On the owner's thread, or before it starts. */
enum err mailbox_start(struct mailbox *mailbox, struct ev_loop *loop, size_t capacity,
                       mailbox_handle_cb *handle_cb, void *context) MUST_USE;

/* On the owner's thread, when nobody posts any more. Messages left inside are given to the handler,
 * so that what they own is not lost. */
void mailbox_stop(struct mailbox *mailbox);

/* Any thread. ERR_FULL: not posted, the message's pointer stays the caller's. */
enum err mailbox_post(struct mailbox *mailbox, const struct mailbox_message *message) MUST_USE;

#endif
