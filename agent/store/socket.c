#include "agent/store/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* A firewall that forgot an idle connection is noticed before the next command needs it. Without
 * meaning, and refused, on a unix socket. */
static void keep_alive(int fd)
{
    const int on = 1;
    const int idle_s = 15;
    const int interval_s = 5;
    const int count = 3;

    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

void socket_prepare(int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    keep_alive(fd);
}
