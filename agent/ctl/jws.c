#include <string.h>

#include "agent/config/key_file.h"
#include "agent/ctl/command.h"
#include "agent/ctl/token_input.h"
#include "agent/jose/jws.h"

struct options {
    const char *key_file;
    unsigned algorithms; /* none: what the keys are good for */
};

static int parse(int argc, char **argv, struct options *out)
{
    enum signature_algorithm algorithm;

    for (int i = 0; i < argc; i += 2) {
        bool has_value = i + 1 < argc;

        if (has_value && strcmp(argv[i], "--jwk") == 0 && !out->key_file) {
            out->key_file = argv[i + 1];
        } else if (has_value && strcmp(argv[i], "--alg") == 0 &&
                   signature_algorithm_find(str_from_c(argv[i + 1]), &algorithm)) {
            out->algorithms |= SIGNATURE_BIT(algorithm);
        } else {
            return command_refuse_argument("jws-verify", argv[i]);
        }
    }
    if (!out->key_file) {
        command_fail("jws-verify: --jwk FILE is missing");
        return COMMAND_USAGE;
    }
    return 0;
}

static int print_payload(const struct jws *jws)
{
    return fwrite(jws->payload.ptr, 1, jws->payload.len, stdout) == jws->payload.len ? 0 : 1;
}

static int verify(const struct jose_keys *keys, unsigned algorithms)
{
    const struct jws_source source = {
        keys, algorithms ? algorithms : SIGNATURE_BIT(SIGNATURE_ALGORITHM_COUNT) - 1};
    struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_MAX);
    struct str token;
    struct jws jws;
    int status = 1;

    if (!verifier) {
        return command_fail("out of memory");
    }
    if (token_read(&token)) {
        enum jose_fault fault = jws_verify(verifier, token, &jws);
        status = fault == JOSE_NONE ? print_payload(&jws) : token_refuse(fault);
    }
    jws_verifier_free(verifier);
    return status;
}

int command_jws_verify(int argc, char **argv)
{
    struct options options = {0};
    struct diag diag = {""};
    int status = parse(argc, argv, &options);

    if (status != 0) {
        return status;
    }
    struct jose_keys *keys = jose_keys_new();
    if (!keys) {
        return command_fail("out of memory");
    }
    status = key_file_add(options.key_file, keys, &diag) == ERR_OK
                 ? verify(keys, options.algorithms)
                 : command_fail("%s", diag.text);
    jose_keys_unref(keys);
    return status;
}
