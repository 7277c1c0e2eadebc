#include "agent/serve/listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/clock.h"

#define BACKLOG         4096
#define ACCEPT_BATCH    64
#define PAUSE_S         0.1
#define LOG_INTERVAL_US 1000000

static enum err fail(struct diag *diag, const struct config_address *address, const char *what)
{
    int number = errno;

    diag_set(diag, "listen %s: %s: %s", address->text, what, strerror(number));
    return number == EADDRINUSE ? ERR_BUSY : ERR_IO;
}

static enum err open_tcp(const struct config_address *address, int *out, struct diag *diag)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *info = NULL;
    char port[8];
    int on = 1;

    snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    if (getaddrinfo(address->host, port, &hints, &info) != 0) {
        diag_set(diag, "listen %s: not a numeric address", address->text);
        return ERR_SYNTAX;
    }
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum err e = ERR_OK;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        e = fail(diag, address, "bind");
    }
    freeaddrinfo(info);
    if (e != ERR_OK && fd >= 0) {
        close(fd);
    }
    if (e == ERR_OK) {
        *out = fd;
    }
    return e;
}

/* True where somebody accepts on the socket. */
static bool is_served(const struct sockaddr_un *name)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return true;
    }
    bool is_refused = connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0 &&
                      (errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
    return !is_refused;
}

static enum err remove_stale(const struct config_address *address, const struct sockaddr_un *name,
                             struct diag *diag)
{
    struct stat status;

    if (lstat(name->sun_path, &status) != 0) {
        return errno == ENOENT ? ERR_OK : fail(diag, address, "stat");
    }
    if (!S_ISSOCK(status.st_mode)) {
        diag_set(diag, "listen %s: exists and is not a socket", address->text);
        return ERR_BUSY;
    }
    if (is_served(name)) {
        diag_set(diag, "listen %s: another process listens there", address->text);
        return ERR_BUSY;
    }
    return unlink(name->sun_path) == 0 ? ERR_OK : fail(diag, address, "unlink");
}

static enum err set_rights(const struct config *config, const struct config_address *address,
                           struct diag *diag)
{
    uid_t owner = (uid_t)-1;
    gid_t group = (gid_t)-1;

    if (config->socket_owner) {
        const struct passwd *entry = getpwnam(config->socket_owner);
        if (!entry) {
            diag_set(diag, "socket_owner: no such user \"%s\"", config->socket_owner);
            return ERR_MISSING;
        }
        owner = entry->pw_uid;
    }
    if (config->socket_group) {
        const struct group *entry = getgrnam(config->socket_group);
        if (!entry) {
            diag_set(diag, "socket_group: no such group \"%s\"", config->socket_group);
            return ERR_MISSING;
        }
        group = entry->gr_gid;
    }
    /* A sandbox may forbid even to change nothing. */
    bool is_given_away = config->socket_owner || config->socket_group;
    if (is_given_away && chown(address->host, owner, group) != 0) {
        return fail(diag, address, "chown");
    }
    if (chmod(address->host, (mode_t)config->socket_mode) != 0) {
        return fail(diag, address, "chmod");
    }
    return ERR_OK;
}

/* Bound with no rights for anybody until owner, group and mode are set. */
static enum err bind_unix(int fd, const struct config *config, const struct config_address *address,
                          const struct sockaddr_un *name, struct diag *diag)
{
    mode_t mask = umask(0777);
    int result = bind(fd, (const struct sockaddr *)name, sizeof(*name));

    umask(mask);
    if (result != 0) {
        return fail(diag, address, "bind");
    }
    enum err e = set_rights(config, address, diag);
    if (e == ERR_OK && listen(fd, BACKLOG) != 0) {
        e = fail(diag, address, "listen");
    }
    if (e != ERR_OK) {
        (void)unlink(name->sun_path);
    }
    return e;
}

static enum err open_unix(const struct config *config, const struct config_address *address,
                          int *out, struct diag *diag)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    size_t length = strlen(address->host);

    if (length >= sizeof(name.sun_path)) {
        diag_set(diag, "listen %s: path too long", address->text);
        return ERR_RANGE;
    }
    memcpy(name.sun_path, address->host, length);
    enum err e = remove_stale(address, &name, diag);
    if (e != ERR_OK) {
        return e;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(diag, address, "socket");
    }
    e = bind_unix(fd, config, address, &name, diag);
    if (e != ERR_OK) {
        close(fd);
        return e;
    }
    *out = fd;
    return ERR_OK;
}

static void note_identity(struct listener *listener, const char *path)
{
    struct stat status;

    if (lstat(path, &status) == 0) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
    }
}

/* Somebody may have removed it, and another process put its own there. */
static bool is_our_socket(const struct listener *listener)
{
    struct stat status;

    return lstat(listener->unix_path, &status) == 0 && status.st_dev == listener->device &&
           status.st_ino == listener->inode;
}

enum err listener_open(struct listener *listener, const struct config *config,
                       const struct config_address *address, struct diag *diag)
{
    bool is_unix = address->type == CONFIG_ADDRESS_UNIX;
    int fd = -1;
    enum err e = is_unix ? open_unix(config, address, &fd, diag) : open_tcp(address, &fd, diag);

    if (e != ERR_OK) {
        return e;
    }
    *listener = (struct listener){.fd = fd,
                                  .text = strdup(address->text),
                                  .unix_path = is_unix ? strdup(address->host) : NULL};
    if (is_unix) {
        note_identity(listener, address->host);
    }
    if (!listener->text || (is_unix && !listener->unix_path)) {
        listener_close(listener);
        return ERR_MEMORY;
    }
    return ERR_OK;
}

static void pause_accepting(struct listener *listener)
{
    ev_io_stop(listener->loop, &listener->io);
    ev_timer_set(&listener->pause, PAUSE_S, 0.);
    ev_timer_start(listener->loop, &listener->pause);
}

static void log_pause(struct listener *listener, const char *why)
{
    uint64_t swallowed;

    if (log_limit_pass(&listener->log, clock_read().mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("%s: accepting pauses: %s", listener->text, why);
    }
}

static bool is_passing(int number)
{
    return number == EINTR || number == ECONNABORTED || number == EPROTO;
}

static void accept_cb(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct listener *listener = watcher->data;

    (void)loop;
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (!listener->has_room_cb(listener->context)) {
            log_pause(listener, "max_connections is reached");
            pause_accepting(listener);
            return;
        }
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && is_passing(errno)) {
            continue;
        }
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (fd < 0) {
            log_pause(listener, strerror(errno));
            pause_accepting(listener);
            return;
        }
        if (!listener->accept_cb(listener->context, fd)) {
            pause_accepting(listener);
            return;
        }
    }
}

static void resume_cb(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct listener *listener = watcher->data;

    (void)events;
    ev_io_start(loop, &listener->io);
}

void listener_start(struct listener *listener, struct ev_loop *loop, listener_accept_cb *callback,
                    bool (*has_room_cb)(void *), void *context)
{
    listener->loop = loop;
    listener->accept_cb = callback;
    listener->has_room_cb = has_room_cb;
    listener->context = context;
    ev_io_init(&listener->io, accept_cb, listener->fd, EV_READ);
    ev_timer_init(&listener->pause, resume_cb, PAUSE_S, 0.);
    listener->io.data = listener;
    listener->pause.data = listener;
    ev_io_start(loop, &listener->io);
}

void listener_close(struct listener *listener)
{
    if (listener->loop) {
        ev_io_stop(listener->loop, &listener->io);
        ev_timer_stop(listener->loop, &listener->pause);
    }
    if (listener->unix_path && is_our_socket(listener)) {
        (void)unlink(listener->unix_path);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    free(listener->unix_path);
    free(listener->text);
    *listener = (struct listener){.fd = -1};
}
