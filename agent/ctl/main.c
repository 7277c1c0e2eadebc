/* reevectl: the operator's program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"
#include "agent/ctl/command.h"

static const struct command commands[] = {
    {"key new", command_key_new, "[--pepper-file FILE] [--pepper-id ID] [--unpeppered]",
     "make an API key",
     "Prints two lines: the key, which is shown this once, and the hash to store. The hash is\n"
     "HMAC-SHA-256 under the first pepper of FILE (or the one called ID), or SHA-256 where there\n"
     "is no pepper. FILE defaults to $REEVE_PEPPER_FILE.\n"},
    {"key hash", command_key_hash, "[--pepper-file FILE] [--pepper-id ID] [--unpeppered]",
     "hash an API key read from stdin",
     "Prints two lines: the key's id and the hash to store. A key whose checksum is wrong is\n"
     "refused.\n"},
    {"path canon", command_path_canon, "[--relax NAME]...",
     "canonicalise paths read from stdin, one a line",
     "Prints a line for each: \"ok <canonical>\", \"changed <canonical>\" where it differs from\n"
     "what came, or \"<reason> <fault>\". Exit status 1 where one was refused. NAME is\n"
     "encoded_slash, empty_segment, semicolon or non_utf8.\n"},
    {"config check", command_config_check, "FILE", "check a configuration file",
     "Prints \"ok\", or every error with its line.\n"},
    {"config reference", command_config_reference, "", "print every option", ""},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_overview(FILE *out)
{
    fputs("usage: reevectl COMMAND [ARGUMENT]...\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\nreevectl COMMAND --help tells more. reevectl --version\n", out);
}

static void print_help(const struct command *command, FILE *out)
{
    fprintf(out, "usage: reevectl %s %s\n\n%s\n%s", command->name, command->arguments,
            command->summary, command->help);
}

static const struct command *find(int argc, char **argv)
{
    char name[64];

    if (argc < 3) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%s %s", argv[1], argv[2]);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(command, stdout);
            return 0;
        }
    }
    if (crypto_start() != ERR_OK) {
        return command_fail("OpenSSL does not start");
    }
    int status = command->run(argc, argv);
    crypto_stop();
    if (status == COMMAND_USAGE) {
        print_help(command, stderr);
    }
    return status;
}

static int run(int argc, char **argv)
{
    const struct command *command = find(argc, argv);

    if (command) {
        return run_command(command, argc - 3, argv + 3);
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("reevectl " REEVE_VERSION);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[argc - 1], "--help") == 0) {
        print_overview(stdout);
        return 0;
    }
    print_overview(stderr);
    return COMMAND_USAGE;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        return command_fail("stdout: %s", strerror(errno));
    }
    return status;
}
