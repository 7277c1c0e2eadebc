#include "tests/bench/endpoint.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static bool parse_unix(const char *path, struct endpoint *out)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&out->address;

    if (path[0] != '/' || strlen(path) >= sizeof(address->sun_path)) {
        return false;
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    out->length = sizeof(*address);
    return true;
}

static bool parse_tcp(const char *text, struct endpoint *out)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    struct addrinfo *found;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};

    if (!colon || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    bool has_brackets = text[0] == '[' && colon > text && colon[-1] == ']';
    size_t skip = has_brackets ? 1 : 0;
    snprintf(host, sizeof(host), "%.*s", (int)((size_t)(colon - text) - 2 * skip), text + skip);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return false;
    }
    memcpy(&out->address, found->ai_addr, found->ai_addrlen);
    out->length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool endpoint_parse(const char *text, struct endpoint *out)
{
    memset(out, 0, sizeof(*out));
    if (strncmp(text, "unix://", 7) == 0) {
        return parse_unix(text + 7, out);
    }
    return strncmp(text, "tcp://", 6) == 0 && parse_tcp(text + 6, out);
}

static int stream_socket(const struct endpoint *endpoint, int flags)
{
    return socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

int endpoint_listen(const struct endpoint *endpoint)
{
    int fd = stream_socket(endpoint, SOCK_NONBLOCK);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    if (endpoint->address.ss_family == AF_UNIX) {
        unlink(((const struct sockaddr_un *)&endpoint->address)->sun_path);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) != 0 ||
        listen(fd, BACKLOG) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int endpoint_connect(const struct endpoint *endpoint)
{
    int fd = stream_socket(endpoint, 0);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}
