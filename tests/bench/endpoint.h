/* tcp://host:port (numeric; [::1] for IPv6) or unix:///path, as a socket address. */
#ifndef TESTS_BENCH_ENDPOINT_H
#define TESTS_BENCH_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

struct endpoint {
    struct sockaddr_storage address;
    socklen_t length;
};

bool endpoint_parse(const char *text, struct endpoint *out);

/* Both give a non-blocking socket; -1 with errno. Listening unlinks a socket that is in the way.
 * Connecting waits until the connection stands. */
int endpoint_listen(const struct endpoint *endpoint);
int endpoint_connect(const struct endpoint *endpoint);

#endif
