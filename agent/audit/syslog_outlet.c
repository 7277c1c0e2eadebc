#include "agent/audit/syslog_outlet.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/clock.h"

#define STREAM_BYTES ((size_t)64 * 1024) /* then no line more is taken */
#define COUNT_MAX    8                   /* "65536 " */
#define BUFFER_BYTES (STREAM_BYTES + COUNT_MAX + SYSLOG_MESSAGE_MAX)
#define PROBE_US     200000
#define PORT_BYTES   6

/* An answer takes no longer. */
#define ANSWER_RTTS 4
#define ANSWER_US   50000

struct syslog_outlet {
    struct outlet base;
    struct syslog_settings settings;
    char own_host[256];
    uint64_t put_count, sent_count; /* bytes */
    size_t begin, end;              /* in the buffer: not sent yet */
    bool is_probing;  /* UDP: one message only, until the network was silent about it */
    int64_t probe_us; /* when that was sent; 0: not yet */
    char message[SYSLOG_MESSAGE_MAX];
    char buffer[BUFFER_BYTES];
};

static bool is_stream(const struct syslog_outlet *outlet)
{
    return outlet->settings.transport == SYSLOG_TCP ||
           outlet->settings.transport == SYSLOG_UNIX_STREAM;
}

static struct syslog_outlet *of(struct outlet *base)
{
    return (struct syslog_outlet *)base;
}

/* --- opening --- */

/* 0, or what the attempt ended with; EINTR: the thread was woken. */
static int await_connected(int fd, int64_t deadline_us, int wake_fd)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT}, {.fd = wake_fd, .events = POLLIN}};
    int64_t left_us = deadline_us - clock_read().mono_us;
    int failure = 0;
    socklen_t length = sizeof(failure);

    int count = left_us > 0 ? poll(fds, 2, (int)(left_us / 1000) + 1) : 0;
    if (count <= 0) {
        return count == 0 ? ETIMEDOUT : errno;
    }
    if (fds[1].revents != 0) {
        return EINTR;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0 ? errno : failure;
}

/* -1: errno. */
static int connect_to(const struct sockaddr *address, socklen_t length, int type,
                      int64_t deadline_us, int wake_fd)
{
    int fd = socket(address->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int failure = 0;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, address, length) < 0) {
        failure = errno == EINPROGRESS ? await_connected(fd, deadline_us, wake_fd) : errno;
    }
    if (failure != 0) {
        close(fd);
        errno = failure;
        return -1;
    }
    return fd;
}

static int connect_unix(const struct syslog_outlet *outlet, int64_t deadline_us, int wake_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int type = is_stream(outlet) ? SOCK_STREAM : SOCK_DGRAM;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", outlet->settings.host);
    return connect_to((const struct sockaddr *)&address, sizeof(address), type, deadline_us,
                      wake_fd);
}

/* Each address of the name in turn. -1: errno, or *why says more. */
static int connect_host(const struct syslog_outlet *outlet, int64_t deadline_us, int wake_fd,
                        const char **why)
{
    const struct addrinfo hints = {.ai_socktype = is_stream(outlet) ? SOCK_STREAM : SOCK_DGRAM,
                                   .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[PORT_BYTES];
    int fd = -1;

    snprintf(port, sizeof(port), "%u", outlet->settings.port);
    int failure = getaddrinfo(outlet->settings.host, port, &hints, &found);
    if (failure != 0) {
        *why = gai_strerror(failure);
        return -1;
    }
    for (const struct addrinfo *one = found; one && fd < 0; one = one->ai_next) {
        fd = connect_to(one->ai_addr, one->ai_addrlen, hints.ai_socktype, deadline_us, wake_fd);
    }
    int saved_errno = errno;
    freeaddrinfo(found);
    errno = saved_errno;
    return fd;
}

static enum err open_outlet(struct outlet *base, int64_t timeout_us, int wake_fd, struct diag *diag)
{
    struct syslog_outlet *outlet = of(base);
    int64_t deadline_us = clock_read().mono_us + timeout_us;
    bool has_host =
        outlet->settings.transport == SYSLOG_TCP || outlet->settings.transport == SYSLOG_UDP;
    const char *why = NULL;
    int fd = has_host ? connect_host(outlet, deadline_us, wake_fd, &why)
                      : connect_unix(outlet, deadline_us, wake_fd);

    if (fd < 0) {
        diag_set(diag, "%s: %s", outlet->settings.host, why ? why : strerror(errno));
        return ERR_IO;
    }
    base->fd = fd;
    outlet->put_count = outlet->sent_count = 0;
    outlet->begin = outlet->end = 0;
    outlet->is_probing = outlet->settings.transport == SYSLOG_UDP;
    outlet->probe_us = 0;
    return ERR_OK;
}

static void close_outlet(struct outlet *base)
{
    close(base->fd);
    base->fd = -1;
}

/* --- taking lines --- */

static bool has_room(const struct outlet *base)
{
    const struct syslog_outlet *outlet = (const struct syslog_outlet *)base;

    return is_stream(outlet) ? outlet->end < STREAM_BYTES
                             : outlet->end == 0 && !(outlet->is_probing && outlet->put_count > 0);
}

static void put(struct outlet *base, const struct audit_read_line *line)
{
    struct syslog_outlet *outlet = of(base);
    size_t most = is_stream(outlet) ? SYSLOG_MESSAGE_MAX : outlet->settings.message_bytes;
    size_t length = syslog_print(&outlet->settings.source, line, most, outlet->message);
    size_t before = outlet->end;

    if (length == 0) {
        return;
    }
    if (is_stream(outlet)) {
        outlet->end += (size_t)snprintf(outlet->buffer + outlet->end, COUNT_MAX, "%zu ", length);
    }
    memcpy(outlet->buffer + outlet->end, outlet->message, length);
    outlet->end += length;
    outlet->put_count += outlet->end - before;
}

/* --- sending --- */

/* What the other side sends means nothing. 0, or why the connection is at its end: ENODATA where that
 * side has ended it. */
static int read_away(const struct syslog_outlet *outlet)
{
    char bytes[512];
    ssize_t count = recv(outlet->base.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (count == 0 && is_stream(outlet)) {
        return ENODATA;
    }
    return count < 0 && errno != EAGAIN && errno != EINTR ? errno : 0;
}

static void end_probe(struct syslog_outlet *outlet)
{
    if (outlet->is_probing && outlet->probe_us > 0 &&
        clock_read().mono_us - outlet->probe_us >= PROBE_US) {
        outlet->is_probing = false;
    }
}

/* 0, or errno. */
static int send_some(struct syslog_outlet *outlet)
{
    while (outlet->begin < outlet->end) {
        ssize_t count = send(outlet->base.fd, outlet->buffer + outlet->begin,
                             outlet->end - outlet->begin, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return errno == EAGAIN || errno == ENOBUFS ? 0 : errno;
        }
        outlet->begin += (size_t)count;
        outlet->sent_count += (size_t)count;
    }
    if (outlet->end > 0 && outlet->probe_us == 0) {
        outlet->probe_us = clock_read().mono_us;
    }
    outlet->begin = outlet->end = 0;
    return 0;
}

/* Bytes that the kernel still has: of TCP those that are not acknowledged, of unix sockets somewhat more
 * than those that are not read. */
static uint64_t queued(const struct syslog_outlet *outlet)
{
    int count = 0;

    return ioctl(outlet->base.fd, SIOCOUTQ, &count) == 0 && count >= 0 ? (uint64_t)count
                                                                       : UINT64_MAX;
}

/* Nothing has come from the other side's kernel for too long, though it was asked. One whose window is closed
 * answers each probe and whatever is sent again. */
static bool is_silent(const struct syslog_outlet *outlet)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);

    if (outlet->settings.transport != SYSLOG_TCP ||
        getsockopt(outlet->base.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
        (int64_t)info.tcpi_last_ack_recv * 1000 <= outlet->settings.timeout_us) {
        return false;
    }
    int64_t sent_us = (int64_t)info.tcpi_last_data_sent * 1000;
    bool is_unanswered = info.tcpi_retransmits > 0 &&
                         info.tcpi_last_ack_recv > info.tcpi_last_data_sent &&
                         sent_us > ANSWER_RTTS * (int64_t)info.tcpi_rtt + ANSWER_US;
    return is_unanswered || info.tcpi_probes > 1;
}

static enum err move_bytes(struct outlet *base, struct diag *diag)
{
    struct syslog_outlet *outlet = of(base);
    int failure = read_away(outlet);

    end_probe(outlet);
    failure = failure == 0 ? send_some(outlet) : failure;
    if (failure == 0 && is_silent(outlet)) {
        failure = ETIMEDOUT;
    }
    if (failure != 0) {
        diag_set(diag, "%s: %s", outlet->settings.host,
                 failure == ENODATA ? "closed by the other side" : strerror(failure));
    }
    return failure == 0 ? ERR_OK : ERR_IO;
}

static uint64_t put_count(const struct outlet *base)
{
    return ((const struct syslog_outlet *)base)->put_count;
}

static uint64_t settled_count(const struct outlet *base)
{
    const struct syslog_outlet *outlet = (const struct syslog_outlet *)base;
    uint64_t left = queued(outlet);

    if (outlet->is_probing || left > outlet->sent_count) {
        return 0;
    }
    return outlet->sent_count - left;
}

static bool is_blocked(const struct outlet *base)
{
    return ((const struct syslog_outlet *)base)->end > 0;
}

static void free_outlet(struct outlet *base)
{
    free(base);
}

static const struct outlet_type type = {
    .open = open_outlet,
    .close = close_outlet,
    .has_room = has_room,
    .put = put,
    .move = move_bytes,
    .put_count = put_count,
    .settled_count = settled_count,
    .is_blocked = is_blocked,
    .free = free_outlet,
};

struct outlet *syslog_outlet_new(const struct syslog_settings *settings)
{
    struct syslog_outlet *outlet = malloc(sizeof(*outlet));

    if (!outlet) {
        return NULL;
    }
    outlet->base = (struct outlet){.type = &type, .fd = -1};
    outlet->settings = *settings;
    outlet->settings.source.process = (unsigned)getpid();
    if (gethostname(outlet->own_host, sizeof(outlet->own_host)) < 0) {
        outlet->own_host[0] = '\0';
    }
    outlet->own_host[sizeof(outlet->own_host) - 1] = '\0';
    syslog_clean(outlet->own_host);
    outlet->settings.source.host = outlet->own_host;
    return &outlet->base;
}
