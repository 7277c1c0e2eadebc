#include "tests/support/real_redis.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/ensure.h"

#define ARGUMENTS_MAX 32

struct real_redis {
    pid_t pid;
    uint16_t port;
    char folder[32];
    char path[64];
    redisContext *context;
    char text[4096];
};

static uint16_t find_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ensure(fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0);
    ensure(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void become_server(const struct real_redis *redis, const char *const *arguments, int out)
{
    char port[8];
    const char *all[ARGUMENTS_MAX + 1] = {"redis-server",
                                          "--bind",
                                          "127.0.0.1",
                                          "--port",
                                          port,
                                          "--unixsocket",
                                          redis->path,
                                          "--dir",
                                          redis->folder,
                                          "--save",
                                          "",
                                          "--appendonly",
                                          "no",
                                          "--repl-diskless-sync-delay",
                                          "0"};
    size_t count = 15;

    snprintf(port, sizeof(port), "%u", redis->port);
    while (*arguments) {
        ensure(count < ARGUMENTS_MAX);
        all[count++] = *arguments++;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    execvp(all[0], (char *const *)(uintptr_t)all);
    _exit(127);
}

/* Reads its log that far. */
static bool is_ready(int in)
{
    char text[16384] = "";
    size_t length = 0;

    while (!strstr(text, "Ready to accept connections")) {
        ssize_t got = read(in, text + length, sizeof(text) - 1 - length);
        if (got <= 0) {
            fputs(text, stderr);
            return false;
        }
        length += (size_t)got;
        text[length] = '\0';
    }
    return true;
}

static void start(struct real_redis *redis, const char *const *arguments)
{
    int ends[2];

    ensure(pipe(ends) == 0);
    redis->pid = fork();
    ensure(redis->pid >= 0);
    if (redis->pid == 0) {
        close(ends[0]);
        become_server(redis, arguments, ends[1]);
    }
    close(ends[1]);
    ensure(is_ready(ends[0]));
    close(ends[0]);
}

struct real_redis *real_redis_new(const char *const *arguments)
{
    struct real_redis *redis = calloc(1, sizeof(*redis));

    ensure(redis != NULL);
    redis->port = find_port();
    snprintf(redis->folder, sizeof(redis->folder), "/tmp/reeve-redis-XXXXXX");
    ensure(mkdtemp(redis->folder) != NULL);
    snprintf(redis->path, sizeof(redis->path), "%s/socket", redis->folder);
    start(redis, arguments);
    redis->context = redisConnectUnix(redis->path);
    ensure(redis->context && redis->context->err == 0);
    return redis;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    ensure(dir != NULL);
    while ((entry = readdir(dir))) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    (void)rmdir(folder);
}

void real_redis_free(struct real_redis *redis)
{
    if (redis) {
        redisFree(redis->context);
        kill(redis->pid, SIGKILL);
        waitpid(redis->pid, NULL, 0);
        remove_folder(redis->folder);
        free(redis);
    }
}

const char *real_redis_path(const struct real_redis *redis)
{
    return redis->path;
}

uint16_t real_redis_port(const struct real_redis *redis)
{
    return redis->port;
}

static void set_text(struct real_redis *redis, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER) {
        snprintf(redis->text, sizeof(redis->text), "%lld", reply->integer);
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        snprintf(redis->text, sizeof(redis->text), "%zu", reply->elements);
    } else {
        snprintf(redis->text, sizeof(redis->text), "%s", reply->str ? reply->str : "nil");
    }
}

const char *real_redis_say(struct real_redis *redis, const char *command)
{
    redisReply *reply = redisCommand(redis->context, command);

    ensure(reply != NULL);
    set_text(redis, reply);
    freeReplyObject(reply);
    return redis->text;
}

void real_redis_tell(struct real_redis *redis, const char *command)
{
    redisContext *context = redisConnectUnix(redis->path);
    int is_done = 0;

    ensure(context && context->err == 0);
    ensure(redisAppendCommand(context, command) == REDIS_OK);
    while (!is_done) {
        ensure(redisBufferWrite(context, &is_done) == REDIS_OK);
    }
    redisFree(context);
}

void real_redis_freeze(struct real_redis *redis)
{
    kill(redis->pid, SIGSTOP);
}

void real_redis_thaw(struct real_redis *redis)
{
    kill(redis->pid, SIGCONT);
}
