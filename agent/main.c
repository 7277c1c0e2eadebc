/* reeved: reads its arguments, loads the configuration, runs the server. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "agent/base/crypto.h"
#include "agent/serve/server.h"

#define OVERRIDES_MAX 64
#define DEFAULT_PATH  "/etc/reeve/reeve.conf"

static const char usage[] =
    "usage: reeved [-f FILE] [-o NAME=VALUE]...      serve\n"
    "       reeved --check [-f FILE] [-o NAME=VALUE]...  check the configuration and exit\n"
    "\n"
    "  -f FILE, --file FILE      configuration (default " DEFAULT_PATH ")\n"
    "  -o NAME=VALUE             overrides a top-level option; may be repeated\n"
    "  --check                   print \"ok\" or every error; exit status 0 or 1\n"
    "  --reference               print every option with its default and range\n"
    "  --version, --help\n";

struct arguments {
    const char *path;
    struct config_override overrides[OVERRIDES_MAX];
    size_t override_count;
    bool checks_only;
};

static bool add_override(struct arguments *arguments, char *text)
{
    char *equals = strchr(text, '=');

    if (!equals || equals == text || arguments->override_count == OVERRIDES_MAX) {
        fprintf(stderr, "reeved: -o %s: expected NAME=VALUE\n", text);
        return false;
    }
    *equals = '\0';
    arguments->overrides[arguments->override_count++] =
        (struct config_override){.name = text, .value = equals + 1};
    return true;
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"file", required_argument, NULL, 'f'}, {"check", no_argument, NULL, 'c'},
        {"reference", no_argument, NULL, 'r'},  {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "f:o:h", options, NULL)) != -1) {
        switch (option) {
        case 'f':
            arguments->path = optarg;
            break;
        case 'o':
            if (!add_override(arguments, optarg)) {
                return 2;
            }
            break;
        case 'c':
            arguments->checks_only = true;
            break;
        case 'r':
            config_print_reference(stdout);
            return 0;
        case 'v':
            puts("reeved " REEVE_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "reeved: unexpected argument %s\n%s", argv[optind], usage);
        return 2;
    }
    return -1;
}

/* Peppers and credentials are in memory: no core dumps, no other process of this user may read
 * them (the leak checker of sanitized builds would), and no write to a closed socket may end the
 * process. */
static void harden(void)
{
    struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    if (!REEVE_SANITIZED) {
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* Connections, store and audit share the descriptors; the soft limit is for programs that select().
 */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.path = DEFAULT_PATH};
    struct config *config = NULL;
    int status = parse(argc, argv, &arguments);

    if (status >= 0) {
        return status;
    }
    harden();
    raise_descriptor_limit();
    if (crypto_start() != ERR_OK) {
        fputs("reeved: OpenSSL does not start\n", stderr);
        return 1;
    }
    if (config_load(arguments.path, arguments.overrides, arguments.override_count, stderr,
                    &config) != ERR_OK) {
        status = 1;
    } else if (arguments.checks_only) {
        puts("ok");
        config_unref(config);
        status = 0;
    } else {
        status = server_run(config, arguments.path, arguments.overrides, arguments.override_count);
    }
    crypto_stop();
    return status;
}
