/*
 * A load generator that speaks SPOP as HAProxy does: asks an agent for verdicts and checks each.
 * Prints one JSON object on stdout and a line for people on stderr. Ends with 1 when a verdict was
 * wrong or a reply missing, doubled or malformed, with 2 when it could not start.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

#define EXIT_WRONG   1
#define EXIT_STARTUP 2

static const char usage[] =
    "usage: spopload --connect tcp://host:port|unix:///path --file requests.tsv [options]\n"
    "  --connections N   connections to the agent (1)\n"
    "  --window N        requests in flight on each (1)\n"
    "  --rate R          requests per second in all, open loop; 0: as fast as answered (0)\n"
    "  --seconds S       how long (10, unless --requests is given)\n"
    "  --requests N      how many\n"
    "  --frontend NAME   the frontend's name, which picks the gate (load)\n"
    "The file has one request a line, with tabs between: method, host or -, path, API key or -,\n"
    "or a value of Authorization that begins with Basic, source address, expected verdict or *.\n";

struct settings {
    struct load_options load;
    const char *file;
    const char *frontend;
};

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *out = strtoull(text, &end, 10);
    return *end == '\0' && *out >= least && *out <= most;
}

static bool take_option(struct settings *settings, int option, const char *value)
{
    uint64_t number = 0;
    bool is_valid = false;

    switch (option) {
    case 'a':
        return endpoint_parse(value, &settings->load.endpoint);
    case 'c':
        is_valid = parse_number(value, 1, LOAD_CONNECTIONS_MAX, &number);
        settings->load.connections = (unsigned)number;
        return is_valid;
    case 'w':
        is_valid = parse_number(value, 1, LOAD_WINDOW_MAX, &number);
        settings->load.window = (unsigned)number;
        return is_valid;
    case 'r':
        return parse_number(value, 0, 100000000, &settings->load.rate);
    case 's':
        return parse_number(value, 1, 1000000, &settings->load.seconds);
    case 'n':
        return parse_number(value, 1, UINT64_MAX / 2, &settings->load.requests);
    case 'f':
        settings->file = value;
        return true;
    case 'e':
        settings->frontend = value;
        return strlen(value) <= 1024;
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"connect", required_argument, NULL, 'a'},
        {"connections", required_argument, NULL, 'c'},
        {"window", required_argument, NULL, 'w'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"requests", required_argument, NULL, 'n'},
        {"file", required_argument, NULL, 'f'},
        {"frontend", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *settings = (struct settings){.load = {.connections = 1, .window = 1}, .frontend = "load"};
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!take_option(settings, option, optarg)) {
            return false;
        }
    }
    if (settings->load.seconds == 0 && settings->load.requests == 0) {
        settings->load.seconds = 10;
    }
    return optind == argc && settings->file && settings->load.endpoint.length > 0;
}

static double percentile_us(const struct load_result *result, double percent)
{
    return (double)histogram_percentile(&result->latency_ns, percent) / 1000;
}

static double per_second(const struct load_result *result)
{
    return result->elapsed_ns > 0 ? (double)result->answered * 1e9 / (double)result->elapsed_ns : 0;
}

static void print_json(const struct load_result *result)
{
    printf("{\"asked\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"allow\": %" PRIu64
           ", \"throttle\": %" PRIu64 ", \"deny\": %" PRIu64 ", \"no_verdict\": %" PRIu64,
           result->asked, result->answered, result->verdicts[VERDICT_ALLOW],
           result->verdicts[VERDICT_THROTTLE], result->verdicts[VERDICT_DENY],
           result->verdicts[VERDICT_ANY]);
    printf(", \"wrong\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"extra\": %" PRIu64
           ", \"malformed\": %" PRIu64 ", \"lost_connections\": %" PRIu64,
           result->wrong, result->missing, result->extra, result->malformed,
           result->lost_connections);
    printf(", \"seconds\": %.6f, \"per_second\": %.1f", (double)result->elapsed_ns / 1e9,
           per_second(result));
    printf(", \"latency_us\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"p99.9\": %.2f"
           ", \"max\": %.2f}}\n",
           percentile_us(result, 50), percentile_us(result, 90), percentile_us(result, 99),
           percentile_us(result, 99.9), percentile_us(result, 100));
}

static void print_line(const struct load_result *result, bool is_good)
{
    fprintf(stderr,
            "%s: %" PRIu64 " verdicts in %.2f s, %.0f/s, p50 %.0f us, p99 %.0f us, max %.0f us; "
            "%" PRIu64 " wrong, %" PRIu64 " missing, %" PRIu64 " extra, %" PRIu64
            " malformed, %" PRIu64 " connections lost\n",
            is_good ? "ok" : "FAILED", result->answered, (double)result->elapsed_ns / 1e9,
            per_second(result), percentile_us(result, 50), percentile_us(result, 99),
            percentile_us(result, 100), result->wrong, result->missing, result->extra,
            result->malformed, result->lost_connections);
}

int main(int argc, char **argv)
{
    static struct load_result result;
    struct settings settings;
    struct questions questions;

    if (!parse_options(argc, argv, &settings)) {
        fputs(usage, stderr);
        return EXIT_STARTUP;
    }
    if (!questions_load(settings.file, settings.frontend, &questions)) {
        return EXIT_STARTUP;
    }
    bool is_started = load_run(&settings.load, &questions, &result);
    questions_free(&questions);
    if (!is_started) {
        return EXIT_STARTUP;
    }
    bool is_good = result.answered > 0 && result.wrong == 0 && result.missing == 0 &&
                   result.extra == 0 && result.malformed == 0 && result.lost_connections == 0;
    print_json(&result);
    print_line(&result, is_good);
    return is_good ? EXIT_SUCCESS : EXIT_WRONG;
}
