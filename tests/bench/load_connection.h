/*
 * One connection of the load: its requests in flight, and its two buffers.
 *
 * A request's stream id is its slot in the table of flights below a number that rises with every
 * request, so that a reply finds its request at once and a second or foreign one is seen.
 */
#ifndef TESTS_BENCH_LOAD_CONNECTION_H
#define TESTS_BENCH_LOAD_CONNECTION_H

#include "tests/bench/load.h"

#define LOAD_BUFFER_BYTES 65536

struct flight {
    uint64_t stream_id;
    uint64_t since_ns;
    const struct question *question; /* NULL: the slot is free */
};

struct load_connection {
    int fd; /* -1: lost */
    bool is_blocked;
    uint64_t asked;
    size_t in_length;
    size_t out_begin;
    size_t out_end;
    unsigned free_count;
    unsigned free[LOAD_WINDOW_MAX];
    struct flight flights[LOAD_WINDOW_MAX];
    uint8_t in[LOAD_BUFFER_BYTES];
    uint8_t out[LOAD_BUFFER_BYTES];
};

/* Connects and shakes hands, waiting for both. NULL with a message on stderr. */
struct load_connection *load_connection_open(const struct load_options *options, size_t longest);
/* NULL accepted. */
void load_connection_close(struct load_connection *connection);

static inline bool load_connection_has_room(const struct load_connection *connection,
                                            size_t longest)
{
    /* 32: length, type, flags and two ids. */
    return connection->fd >= 0 && connection->free_count > 0 &&
           LOAD_BUFFER_BYTES - connection->out_end >= longest + 32;
}

/* Puts a request into the output; there must be room. `rid` makes it unlike any other. */
void load_connection_ask(struct load_connection *connection, const struct question *question,
                         uint64_t rid, uint64_t since_ns);

/* Sends what it can. */
void load_connection_flush(struct load_connection *connection);

/* Reads what is there and counts the replies in `result`. */
void load_connection_receive(struct load_connection *connection, uint64_t now_ns,
                             struct load_result *result);

#endif
