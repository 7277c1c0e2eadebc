#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/enc.h"
#include "agent/config/config.h"
#include "agent/ctl/command.h"
#include "agent/ctl/published.h"
#include "agent/ctl/token_input.h"
#include "agent/jose/json.h"
#include "agent/jose/jwt.h"

struct options {
    const char *config_file;
    uint64_t now_s;
    bool prints_identity;
    struct str cert_sha256; /* absent: none */
    uint8_t cert[JWT_CERT_BYTES];
};

static bool set(struct options *out, const char *name, const char *value)
{
    if (strcmp(name, "-f") == 0) {
        out->config_file = value;
        return true;
    }
    if (strcmp(name, "--now") == 0) {
        return str_to_uint64(str_from_c(value), JWT_TIME_MAX, &out->now_s);
    }
    out->cert_sha256 = str_make((const char *)out->cert, sizeof(out->cert));
    return strcmp(name, "--cert") == 0 &&
           enc_unhex(str_from_c(value), out->cert, sizeof(out->cert));
}

static int parse(int argc, char **argv, struct options *out)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--identity") == 0) {
            out->prints_identity = true;
        } else if (i + 1 < argc && set(out, argv[i], argv[i + 1])) {
            i++;
        } else {
            return command_refuse_argument("jwt-verify", argv[i]);
        }
    }
    if (!out->config_file) {
        command_fail("jwt-verify: -f FILE is missing");
        return COMMAND_USAGE;
    }
    return 0;
}

/* Names from a token may hold what a terminal would act on. */
static void print_line(const char *name, struct str value)
{
    static char escaped[ENC_JSON_MAX(JWS_BYTES_MAX)];
    size_t length = enc_json(value, escaped);

    printf("%s %.*s\n", name, (int)length, escaped);
}

static void print_identity(const struct jwt_identity *identity)
{
    print_line("issuer", identity->policy->name);
    print_line("user", identity->user);
    print_line("team", identity->team);
    print_line("roles", identity->roles);
    print_line("jti", identity->id);
    printf("expires %lld\n", (long long)identity->expires_s);
}

static int print_claims(const struct jwt_identity *identity)
{
    char *line = jose_json_printable(identity->claims);

    if (!line) {
        return command_fail("out of memory");
    }
    puts(line);
    free(line);
    return 0;
}

static int judge(struct jwt_verifier *verifier, struct str token, const struct options *options)
{
    struct jwt_identity identity;
    enum jose_fault fault =
        jwt_verify(verifier, token, (int64_t)options->now_s, options->cert_sha256, &identity);
    int status = fault == JOSE_NONE ? print_claims(&identity) : token_refuse(fault);

    if (status == 0 && options->prints_identity) {
        print_identity(&identity);
    }
    return status;
}

static struct jwt_verifier *make(const struct config *config, struct jose_keys *const *fetched)
{
    struct jwt_verifier *verifier =
        jwt_verifier_new(config->issuers, fetched, config->issuer_count, config->max_token_bytes);

    if (!verifier) {
        command_fail("out of memory");
    }
    return verifier;
}

/* With the published keys of the issuer that the token says it is of. Takes the verifier. */
static int judge_published(const struct config *config, struct jwt_verifier *verifier,
                           const struct jwt_policy *policy, struct str token,
                           const struct options *options)
{
    struct jose_keys *fetched[CONFIG_ISSUERS_MAX] = {NULL}, *keys = published_fetch(policy);
    int status = 1;

    jwt_verifier_free(verifier);
    fetched[policy - config->issuers] = keys;
    verifier = keys ? make(config, fetched) : NULL;
    if (verifier) {
        status = judge(verifier, token, options);
    }
    jwt_verifier_free(verifier);
    jose_keys_unref(keys);
    return status;
}

static int verify(const struct config *config, const struct options *options)
{
    struct jwt_verifier *verifier = make(config, NULL);
    struct str token;
    int status = 1;

    if (!verifier) {
        return 1;
    }
    if (token_read(&token)) {
        const struct jwt_policy *publisher = jwt_claimed_publisher(verifier, token);
        if (publisher) {
            return judge_published(config, verifier, publisher, token, options);
        }
        status = judge(verifier, token, options);
    }
    jwt_verifier_free(verifier);
    return status;
}

int command_jwt_verify(int argc, char **argv)
{
    struct options options = {.now_s = (uint64_t)now_wall_s(clock_read()),
                              .cert_sha256 = STR_ABSENT};
    struct config *config = NULL;
    int status = parse(argc, argv, &options);

    if (status != 0) {
        return status;
    }
    if (config_load(options.config_file, NULL, 0, stderr, &config) != ERR_OK) {
        return 1;
    }
    status = config->issuer_count > 0 ? verify(config, &options)
                                      : command_fail("%s: no issuer", options.config_file);
    config_unref(config);
    return status;
}
