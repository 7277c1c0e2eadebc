#include "tests/bench/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load_connection.h"

#define NS_PER_SECOND 1000000000ull
#define TICK_NS       50000
#define DRAIN_NS      (2 * NS_PER_SECOND)
#define EVENTS        64

struct load {
    const struct load_options *options;
    const struct questions *questions;
    struct load_result *result;
    struct load_connection **connections;
    unsigned connection_count;
    unsigned next_connection;
    size_t next_question;
    int epoll;
    int timer;
    uint64_t start_ns;
    uint64_t now_ns;
    bool is_stopping;
    uint64_t stop_ns;
    uint64_t last_reply_ns;
};

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static bool watch(struct load *load, int operation, int fd, uint32_t events, void *data)
{
    struct epoll_event interest = {.events = events, .data.ptr = data};

    return epoll_ctl(load->epoll, operation, fd, &interest) == 0;
}

static bool open_all(struct load *load)
{
    for (unsigned i = 0; i < load->options->connections; i++) {
        struct load_connection *connection =
            load_connection_open(load->options, load->questions->longest);
        if (!connection) {
            return false;
        }
        load->connections[load->connection_count++] = connection;
        if (!watch(load, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection)) {
            return false;
        }
    }
    return true;
}

static bool start_timer(struct load *load)
{
    uint64_t period = NS_PER_SECOND / load->options->rate;
    period = period > TICK_NS ? period : TICK_NS;
    struct timespec every = {.tv_sec = (time_t)(period / NS_PER_SECOND),
                             .tv_nsec = (long)(period % NS_PER_SECOND)};
    struct itimerspec setting = {.it_interval = every, .it_value = every};

    return timerfd_settime(load->timer, 0, &setting, NULL) == 0 &&
           watch(load, EPOLL_CTL_ADD, load->timer, EPOLLIN, NULL);
}

static bool is_all_asked(const struct load *load)
{
    const struct load_options *options = load->options;

    return options->requests > 0 && load->result->asked >= options->requests;
}

static void ask(struct load *load, struct load_connection *connection, uint64_t since_ns)
{
    const struct question *question = &load->questions->items[load->next_question];

    load->next_question = (load->next_question + 1) % load->questions->count;
    load_connection_ask(connection, question, ++load->result->asked, since_ns);
}

static void flush(struct load *load, struct load_connection *connection)
{
    bool was_blocked = connection->is_blocked;

    load_connection_flush(connection);
    if (connection->fd >= 0 && connection->is_blocked != was_blocked) {
        watch(load, EPOLL_CTL_MOD, connection->fd,
              connection->is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
    }
}

/* Closed loop: whatever there is room for. */
static void fill(struct load *load, struct load_connection *connection)
{
    while (!load->is_stopping && !is_all_asked(load) &&
           load_connection_has_room(connection, load->questions->longest)) {
        ask(load, connection, load->now_ns);
    }
    flush(load, connection);
}

static struct load_connection *next_with_room(struct load *load)
{
    for (unsigned i = 0; i < load->connection_count; i++) {
        struct load_connection *connection = load->connections[load->next_connection];
        load->next_connection = (load->next_connection + 1) % load->connection_count;
        if (load_connection_has_room(connection, load->questions->longest)) {
            return connection;
        }
    }
    return NULL;
}

/* Open loop: everything that is due and has room, from one connection to the next. */
static void ask_due(struct load *load)
{
    uint64_t rate = load->options->rate;
    uint64_t elapsed = load->now_ns - load->start_ns;
    uint64_t due = (uint64_t)((double)elapsed * (double)rate / NS_PER_SECOND);
    struct load_connection *connection;

    while (!load->is_stopping && !is_all_asked(load) && load->result->asked < due &&
           (connection = next_with_room(load))) {
        double at = (double)load->result->asked * NS_PER_SECOND / (double)rate;
        ask(load, connection, load->start_ns + (uint64_t)at);
    }
    for (unsigned i = 0; i < load->connection_count; i++) {
        if (!load->connections[i]->is_blocked) {
            flush(load, load->connections[i]);
        }
    }
}

static void handle(struct load *load, const struct epoll_event *event)
{
    struct load_connection *connection = event->data.ptr;

    if (!connection) {
        uint64_t ticks;
        (void)!read(load->timer, &ticks, sizeof(ticks));
        return;
    }
    if (event->events & EPOLLOUT) {
        flush(load, connection);
    }
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        uint64_t before = load->result->answered;
        load_connection_receive(connection, load->now_ns, load->result);
        if (load->result->answered > before) {
            load->last_reply_ns = load->now_ns;
        }
    }
    if (load->options->rate == 0) {
        fill(load, connection);
    }
}

static bool is_over(struct load *load)
{
    const struct load_options *options = load->options;
    bool is_time =
        options->seconds > 0 && load->now_ns - load->start_ns >= options->seconds * NS_PER_SECOND;
    unsigned alive = 0;

    if (!load->is_stopping && (is_time || is_all_asked(load))) {
        load->is_stopping = true;
        load->stop_ns = load->now_ns;
    }
    for (unsigned i = 0; i < load->connection_count; i++) {
        alive += load->connections[i]->fd >= 0;
    }
    if (alive == 0) {
        return true;
    }
    return load->is_stopping && (load->result->answered >= load->result->asked ||
                                 load->now_ns - load->stop_ns > DRAIN_NS);
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];

    load->start_ns = clock_ns();
    load->now_ns = load->start_ns;
    for (unsigned i = 0; i < load->connection_count && load->options->rate == 0; i++) {
        fill(load, load->connections[i]);
    }
    while (!is_over(load)) {
        int count = epoll_wait(load->epoll, events, EVENTS, 100);
        load->now_ns = clock_ns();
        for (int i = 0; i < count; i++) {
            handle(load, &events[i]);
        }
        if (load->options->rate > 0) {
            ask_due(load);
        }
    }
    load->result->elapsed_ns = load->last_reply_ns - load->start_ns;
    load->result->missing = load->result->asked - load->result->answered;
}

static void close_all(struct load *load)
{
    for (unsigned i = 0; i < load->connection_count; i++) {
        load->result->lost_connections += load->connections[i]->fd < 0;
        load_connection_close(load->connections[i]);
    }
    free(load->connections);
    close(load->timer);
    close(load->epoll);
}

bool load_run(const struct load_options *options, const struct questions *questions,
              struct load_result *result)
{
    struct load load = {.options = options, .questions = questions, .result = result};

    memset(result, 0, sizeof(*result));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    load.connections = calloc(options->connections, sizeof(*load.connections));
    bool is_started =
        load.connections && open_all(&load) && (options->rate == 0 || start_timer(&load));
    if (is_started) {
        run(&load);
    }
    close_all(&load);
    return is_started;
}
