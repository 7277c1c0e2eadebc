#include <string.h>

#include "agent/authn/apikey.h"
#include "agent/base/crypto.h"
#include "agent/ctl/command.h"

#define KEY_NEW "key new"

struct options {
    const char *pepper_file;
    const char *pepper_id;
    const char *keyid; /* NULL: a new one */
    bool is_unpeppered;
};

static int parse(const char *command, int argc, char **argv, struct options *out)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--unpeppered") == 0) {
            out->is_unpeppered = true;
        } else if (strcmp(argv[i], "--pepper-file") == 0 && i + 1 < argc) {
            out->pepper_file = argv[++i];
        } else if (strcmp(argv[i], "--pepper-id") == 0 && i + 1 < argc) {
            out->pepper_id = argv[++i];
        } else if (strcmp(command, KEY_NEW) == 0 && strcmp(argv[i], "--keyid") == 0 &&
                   i + 1 < argc) {
            out->keyid = argv[++i];
        } else {
            return command_refuse_argument(command, argv[i]);
        }
    }
    if (out->is_unpeppered && (out->pepper_file || out->pepper_id)) {
        command_fail("%s: --unpeppered goes with no pepper", command);
        return COMMAND_USAGE;
    }
    return 0;
}

/* *out is NULL where no pepper is configured. False: the one asked for is not there. */
static bool choose_pepper(const struct options *options, const struct pepper_set *peppers,
                          const struct pepper **out)
{
    if (!options->pepper_id) {
        *out = peppers->count > 0 ? &peppers->items[0] : NULL;
        return true;
    }
    *out = pepper_find(peppers, str_from_c(options->pepper_id));
    if (!*out) {
        command_fail("no pepper \"%s\"", options->pepper_id);
    }
    return *out != NULL;
}

static int print_hash(struct str first_line, struct str key, const struct pepper *pepper)
{
    char hash[APIKEY_HASH_TEXT_MAX];

    if (apikey_hash_text(pepper, key, hash) != ERR_OK) {
        return command_fail("the key can not be hashed");
    }
    printf("%.*s\n%s\n", STR_ARG(first_line), hash);
    return 0;
}

static int make_key(const struct options *options, const struct pepper_set *peppers)
{
    const struct pepper *pepper;
    char text[APIKEY_LENGTH];

    if (!choose_pepper(options, peppers, &pepper)) {
        return 1;
    }
    enum err e =
        options->keyid ? apikey_renew(str_from_c(options->keyid), text) : apikey_make(text);
    if (e != ERR_OK) {
        return command_fail(e == ERR_SYNTAX ? "--keyid: not a keyid (10 of 0-9 A-Z a-z)"
                                            : "no random bytes");
    }
    struct str key = str_make(text, sizeof(text));
    int status = print_hash(key, key, pepper);
    crypto_wipe(text, sizeof(text));
    return status;
}

static int hash_key(const struct options *options, const struct pepper_set *peppers)
{
    const struct pepper *pepper;
    char line[APIKEY_LENGTH + 2];
    struct str keyid;
    size_t length = 0;

    if (!choose_pepper(options, peppers, &pepper)) {
        return 1;
    }
    if (!command_read_line(line, sizeof(line), &length) ||
        !apikey_parse(str_make(line, length), &keyid)) {
        crypto_wipe(line, sizeof(line));
        return command_fail("stdin: not an API key, or its checksum is wrong");
    }
    int status = print_hash(keyid, str_make(line, length), pepper);
    crypto_wipe(line, sizeof(line));
    return status;
}

typedef int key_fn(const struct options *options, const struct pepper_set *peppers);

static int with_peppers(const char *command, key_fn *work, int argc, char **argv)
{
    struct options options = {0};
    struct pepper_set peppers;
    int status = parse(command, argc, argv, &options);

    if (status != 0) {
        return status;
    }
    if (!command_load_peppers(options.pepper_file, options.is_unpeppered, &peppers)) {
        return 1;
    }
    status = work(&options, &peppers);
    pepper_wipe(&peppers);
    return status;
}

int command_key_new(int argc, char **argv)
{
    return with_peppers(KEY_NEW, make_key, argc, argv);
}

int command_key_hash(int argc, char **argv)
{
    return with_peppers("key hash", hash_key, argc, argv);
}
