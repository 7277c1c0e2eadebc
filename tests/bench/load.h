/*
 * The load: many SPOP connections to one agent, in one thread, each with up to `window` requests in
 * flight. Each reply is checked.
 *
 * Closed loop (rate 0): a reply makes room for the next request, and latency counts from the moment
 * a request was handed to the socket. Open loop: requests are due at fixed times, whatever the
 * agent does, and latency counts from the time a request was due. So an agent that stalls is
 * charged for every request that had to wait meanwhile. The clock ticks every 50 us; that is the
 * resolution.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/endpoint.h"
#include "tests/bench/histogram.h"
#include "tests/bench/questions.h"

#define LOAD_CONNECTIONS_MAX 4096
#define LOAD_WINDOW_MAX      1024

struct load_options {
    struct endpoint endpoint;
    unsigned connections;
    unsigned window;
    uint64_t rate;     /* requests per second in all; 0: closed loop */
    uint64_t seconds;  /* 0: until `requests` are asked */
    uint64_t requests; /* 0: until `seconds` are over */
};

struct load_result {
    uint64_t asked;
    uint64_t answered;                /* by the right connection, to a request in flight */
    uint64_t verdicts[VERDICT_COUNT]; /* VERDICT_ANY: none, or not one of the three */
    uint64_t wrong;                   /* verdict not as expected, or none */
    uint64_t missing;                 /* no reply, though waited for at the end */
    uint64_t extra;                   /* replies to nothing: unknown ids, second replies */
    uint64_t malformed;               /* frames that do not parse, or are no ACK */
    uint64_t lost_connections;
    uint64_t elapsed_ns; /* from the first request to the last reply */
    struct histogram latency_ns;
};

/* False with a message on stderr: the load could not be started. */
bool load_run(const struct load_options *options, const struct questions *questions,
              struct load_result *result);

#endif
