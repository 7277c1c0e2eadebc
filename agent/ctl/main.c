/* reevectl: the operator's program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/crypto.h"
#include "agent/ctl/audit/filter.h"
#include "agent/ctl/command.h"

static const struct command commands[] = {
    {"key new", command_key_new,
     "[--pepper-file FILE] [--pepper-id ID] [--unpeppered] [--keyid KEYID]", "make an API key",
     "Prints two lines: the key, which is shown this once, and the hash to store. The hash is\n"
     "HMAC-SHA-256 under the first pepper of FILE (or the one called ID), or SHA-256 where there\n"
     "is no pepper. FILE defaults to $REEVE_PEPPER_FILE. With --keyid it is a new secret for a "
     "key\n"
     "that there is.\n"},
    {"key hash", command_key_hash, "[--pepper-file FILE] [--pepper-id ID] [--unpeppered]",
     "hash an API key read from stdin",
     "Prints two lines: the key's id and the hash to store. A key whose checksum is wrong is\n"
     "refused.\n"},
    {"password hash", command_password_hash, "[--scheme NAME] [--parameters TEXT]",
     "hash a password read from stdin",
     "Prints the PHC string to store. NAME is scrypt or pbkdf2-sha256; TEXT is as in the string,\n"
     "ln=14,r=8,p=5 for the one and i=600000 for the other where nothing is said. The password is\n"
     "one line of 1 to 512 bytes of UTF-8 without control characters.\n"},
    {"path canon", command_path_canon, "[--relax NAME]...",
     "canonicalise paths read from stdin, one a line",
     "Prints a line for each: \"ok <canonical>\", \"changed <canonical>\" where it differs from\n"
     "what came, or \"<reason> <fault>\". Exit status 1 where one was refused. NAME is\n"
     "encoded_slash, empty_segment, semicolon or non_utf8.\n"},
    {"token mint", command_token_mint,
     "--alg ALG --key-file FILE [--kid KID] [--expires DURATION] [--now UNIX]",
     "sign a JSON Web Token with the claims read from stdin",
     "Prints the token. The claims are one JSON object. FILE is a private key in PEM or, for "
     "HS256,\n"
     "HS384 and HS512, a JWK of kty oct, as a private file, env:NAME or credential:NAME. ALG is "
     "one\n"
     "of those, RS256, RS384, RS512, ES256, ES384 or ES512. With --expires the token gets iat, "
     "exp\n"
     "and, where the claims have none, a jti.\n"},
    {"jwt-verify", command_jwt_verify, "-f FILE [--now UNIX] [--cert SHA256] [--identity]",
     "verify a JSON Web Token read from stdin",
     "Prints the claims where a gate that accepts jwt would take the token, by the issuers of the\n"
     "configuration FILE; else the first fault, and exit status 1. Revocations are not looked up.\n"
     "Keys that the issuer publishes (jwks_url) are fetched.\n"
     "SHA256 is that of the caller's certificate, in hex. --identity adds what Reeve makes of the\n"
     "claims: issuer, user, team, roles, jti, expires.\n"},
    {"jws-verify", command_jws_verify, "--jwk FILE [--alg ALG]...",
     "verify the signature of a token read from stdin",
     "Prints the payload where the signature is good; else the first fault, and exit status 1. "
     "FILE\n"
     "is a JWK, a JWK Set or a public key in PEM. Without ALG every algorithm that the keys are "
     "good\n"
     "for is taken. Claims are not looked at.\n"},
    {"audit tail", command_audit_tail, "[-n N] [-f] [FILTER]... [--json] (--config FILE | FILE...)",
     "the last records of the audit",
     "With -f it goes on with those that come, over rotation. Filters are those of audit grep.\n"},
    {"audit grep", command_audit_grep, FILTER_USAGE "\n       [--json] (--config FILE | FILE...)",
     "the records of the audit that are meant",
     "Prints a line for each or, with --json, the record as it stands. FILE is one of the audit's, "
     "or\n"
     "- for stdin; --config takes the audit file of a configuration with its segments. All "
     "filters\n"
     "must hold; of one that is given several times, one must. TEMPLATE is a rule's path: /v1/**. "
     "A\n"
     "TIME is one as in the records or its beginning, 2026-11-25T08, or how long ago, 2h.\n"
     "Exit status: 0 found, 1 not found, 2 trouble, also where a line is none of the audit's.\n"},
    {"audit report", command_audit_report, "[FILTER]... [--csv | --json] (-f FILE | FILE...)",
     "who did what: users, teams, verdicts, limits, credentials",
     "With -f FILE it reads the audit file of that configuration and its segments, unless files "
     "are\n"
     "given, and adds from Redis the age of keys, and the rules and keys that were never used.\n"
     "An allow that was not told counts as what was. Filters are those of audit grep.\n"
     "Exit status 2 where a line is none of the audit's, or a pipe would have to be read twice.\n"},
    {"blast-radius", command_blast_radius, "-f FILE [--json] KEYID",
     "what whoever has this API key could reach",
     "By the records that are in Redis now: which requests, at most how often, from where, until "
     "when,\n"
     "and when the key was last used. An allow that a deny takes away as a whole is marked.\n"},
    {"explain", command_explain,
     "-f FILE (--key-id ID | --user NAME | --token-file FILE | --anonymous | --cert FILE)\n"
     "                        [--src ADDRESS] [--gate FRONTEND] [--json] METHOD URL\n"
     "       reevectl explain -f FILE --batch\n"
     "       reevectl explain -f FILE --record AUDITFILE:SEQ [--boot BOOT] [--worker N] [--json]",
     "explain a decision: each rule, each limit, what could be done",
     "Decides as an agent with the configuration FILE would, on the records and counters that are\n"
     "in Redis now, and writes nothing. --key-id and --user ask for no secret; a token is "
     "verified.\n"
     "--cert is a client certificate in PEM that HAProxy would have verified, also beside a key or "
     "token.\n"
     "--batch reads questions from stdin, each a line of what stands behind -f FILE, and answers\n"
     "each with a line of JSON; the exit status is the highest.\n"
     "--record asks a record of the audit again: exit status 0 where the answer is the same, 1 "
     "where\n"
     "it is another.\n"
     "Exit status: 0 allow, 1 deny or throttle, 2 trouble.\n"},
    {"audit hash", command_audit_hash, "--key-file FILE ADDRESS...",
     "how addresses stand in an audit that hashes them",
     "Prints for each what `src` is, of a request and of requests that were counted together. FILE "
     "is\n"
     "the agent's audit_address_key_file.\n"},
    {"audit keygen", command_audit_keygen, "FILE", "make the first key that signs the audit",
     "Writes the private key to FILE, which must not be there: the agent's audit_key_file. Prints "
     "the\n"
     "public key; keep it where the agent can not write. The agent replaces FILE with each "
     "segment.\n"},
    {"audit head", command_audit_head, "FILE", "print the last checkpoint of an audit file",
     "Kept elsewhere it proves later that nothing was cut off: reevectl audit verify --head. It "
     "is\n"
     "also in the agent's log and in its record in the store.\n"},
    {"audit verify", command_audit_verify, "FILE... [--public-key FILE] [--head FILE]",
     "prove that the audit is as it was written",
     "Give all segments, in any order: /var/log/reeve/audit.jsonl*. Prints what is wrong by "
     "segment,\n"
     "block and records ([boot, worker, first, last]). The public key is the first key's, of "
     "reevectl\n"
     "audit keygen, or, where older segments are gone, that of the first segment given. A head is "
     "a\n"
     "line, or several, that hold a checkpoint.\n"
     "Exit status: 0 all is as it was written, 1 something is not, 2 trouble: not all could be "
     "verified.\n"},
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

/* Words of the name that the arguments begin with; 0: another command. */
static int words_of(const struct command *command, int argc, char **argv)
{
    int words = strchr(command->name, ' ') ? 2 : 1;
    char name[64];

    if (argc <= words) {
        return 0;
    }
    snprintf(name, sizeof(name), "%s%s%s", argv[1], words == 2 ? " " : "",
             words == 2 ? argv[2] : "");
    return strcmp(command->name, name) == 0 ? words : 0;
}

/* *words: how many its name has. */
static const struct command *find(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        *words = words_of(&commands[i], argc, argv);
        if (*words > 0) {
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
        return 2;
    }
    return status;
}

static int run(int argc, char **argv)
{
    int words = 0;
    const struct command *command = find(argc, argv, &words);

    if (command) {
        return run_command(command, argc - 1 - words, argv + 1 + words);
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
    return 2;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        command_fail("stdout: %s", strerror(errno));
        return COMMAND_TROUBLE; /* an answer that nobody got is none */
    }
    return status;
}
