/* What follows once every option is read: the files they name, computed defaults, and what can only
 * be said of several options together. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/config/draft.h"
#include "agent/config/secret.h"
#include "agent/config/value.h"
#include "agent/jose/jws.h"

#define PASSWORD_BYTES_MAX 512
#define ADDRESS_KEY_CHARS  16
#define HOST_CHARS         48
#define BOOT_BYTES         4

static const struct setting *the(const char *name)
{
    const struct setting *setting = setting_find(name);

    ensure(setting);
    return setting;
}

static void complain(struct draft *draft, const char *name, const char *what)
{
    draft_error(draft, draft_origin(draft, the(name)), "%s: %s", name, what);
}

static void read_peppers(struct draft *draft)
{
    struct config *config = draft->config;
    struct diag diag;

    if (config->pepper_file &&
        pepper_load(config->pepper_file, &config->peppers, &diag) != ERR_OK) {
        complain(draft, "pepper_file", diag.text);
    }
}

/* The file holds the password; one final line end belongs to the editor that wrote it. */
static char *password_of(const struct file_text *text, struct diag *diag)
{
    size_t length = text->length;

    if (length > 0 && text->bytes[length - 1] == '\n') {
        length--;
    }
    if (length == 0) {
        diag_set(diag, "the file is empty");
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text->bytes[i] < 0x20 || text->bytes[i] == 0x7f) {
            diag_set(diag, "expected one line, without control characters");
            return NULL;
        }
    }
    char *password = strndup(text->bytes, length);
    if (!password) {
        diag_set(diag, "out of memory");
    }
    return password;
}

static void read_password(struct draft *draft, const char *name, const char *source,
                          char **password)
{
    struct file_text text = {0};
    struct diag diag;

    if (secret_read(source, PASSWORD_BYTES_MAX, &text, &diag) == ERR_OK) {
        *password = password_of(&text, &diag);
    }
    file_text_free(&text);
    if (!*password) {
        complain(draft, name, diag.text);
    }
}

static void read_passwords(struct draft *draft)
{
    struct config *config = draft->config;

    if (config->redis_password_file && config->store.password) {
        complain(draft, "redis_password_file", "the password stands in redis already");
    } else if (config->redis_password_file) {
        read_password(draft, "redis_password_file", config->redis_password_file,
                      &config->store.password);
    }
    if (config->sentinel_password_file) {
        read_password(draft, "sentinel_password_file", config->sentinel_password_file,
                      &config->sentinel.password);
    }
}

static void read_address_key(struct draft *draft)
{
    struct config *config = draft->config;

    if (!config->audit_address_key_file) {
        if (config->audit_addresses == CONFIG_ADDRESSES_HASHED) {
            complain(draft, "audit_addresses", "hashed needs audit_address_key_file");
        }
        return;
    }
    read_password(draft, "audit_address_key_file", config->audit_address_key_file,
                  &config->audit_address_key);
    if (config->audit_address_key && strlen(config->audit_address_key) < ADDRESS_KEY_CHARS) {
        complain(draft, "audit_address_key_file", "the key is shorter than 16 characters");
    }
}

static void check_logins(struct draft *draft)
{
    const struct config *config = draft->config;

    if (config->store.user && !config->store.password && !config->redis_password_file) {
        complain(draft, "redis", "a user without a password; set redis_password_file");
    }
    if (config->sentinel.user && !config->sentinel_password_file) {
        complain(draft, "sentinel_user", "a user without a password; set sentinel_password_file");
    }
}

static bool is_good(const struct draft *draft, const char *name)
{
    return !draft->is_bad[setting_index(the(name))];
}

static bool is_set(const struct draft *draft, const char *name)
{
    return draft->origins[setting_index(the(name))] != NULL;
}

static void check_no_sentinels(struct draft *draft)
{
    static const char *const names[] = {"sentinel_primary", "sentinel_user",
                                        "sentinel_password_file"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_set(draft, names[i]) && is_good(draft, names[i])) {
            complain(draft, names[i], "without sentinels it has no meaning");
        }
    }
    if (is_good(draft, "redis") && draft->config->store.address.host[0] == '\0') {
        complain(draft, "redis", "no host; set one, or sentinels");
    }
}

/* The default of redis is an address too, and means nothing here. */
static void check_sentinels(struct draft *draft)
{
    struct config *config = draft->config;

    if (!is_good(draft, "sentinels")) {
        return;
    }
    if (config->sentinel.addresses.count == 0) {
        check_no_sentinels(draft);
        return;
    }
    config->store.sentinel = &config->sentinel;
    if (!config->sentinel.primary && is_good(draft, "sentinel_primary")) {
        complain(draft, "sentinels", "set sentinel_primary, the name that they give the primary");
    }
    if (is_set(draft, "redis") && is_good(draft, "redis") &&
        config->store.address.host[0] != '\0') {
        complain(draft, "redis",
                 "sentinels know where the store is; write redis://[user:password@]/DB");
    }
}

/* Who asks for the one promise can not mean the other. */
static void check_audit(struct draft *draft)
{
    const struct config *config = draft->config;

    if (config->audit_mode == CONFIG_AUDIT_DURABLE &&
        config->on_audit_full == CONFIG_AUDIT_FULL_COUNT && is_good(draft, "audit_mode")) {
        complain(draft, "on_audit_full",
                 "count lets requests pass without a record, which audit_mode = durable rules out");
    }
}

static const struct order {
    const char *small, *large;
    size_t small_offset, large_offset;
    bool may_be_equal;
} orders[] = {
    {"store_timeout", "deadline", offsetof(struct config, store_timeout_us),
     offsetof(struct config, deadline_us), false},
    {"drain_delay", "drain_timeout", offsetof(struct config, drain_delay_us),
     offsetof(struct config, drain_timeout_us), false},
    {"failure_wait", "failure_wait_max", offsetof(struct config, failure_wait_us),
     offsetof(struct config, failure_wait_max_us), true},
};

static int64_t duration_at(const struct config *config, size_t offset)
{
    int64_t us;

    memcpy(&us, (const char *)config + offset, sizeof(us));
    return us;
}

static void check_order(struct draft *draft, const struct order *order)
{
    int64_t small = duration_at(draft->config, order->small_offset);
    int64_t large = duration_at(draft->config, order->large_offset);
    char small_text[VALUE_TEXT_MAX], large_text[VALUE_TEXT_MAX];
    struct diag diag;

    if (small < large || (order->may_be_equal && small == large) || !is_good(draft, order->small) ||
        !is_good(draft, order->large)) {
        return;
    }
    value_print_duration((uint64_t)small, small_text);
    value_print_duration((uint64_t)large, large_text);
    diag_set(&diag, "%s must %s %s, which is %s", small_text,
             order->may_be_equal ? "not be above" : "be below", order->large, large_text);
    /* Told where somebody set one of the two. */
    bool blames_small = is_set(draft, order->small) || !is_set(draft, order->large);
    draft_error(draft, draft_origin(draft, the(blames_small ? order->small : order->large)),
                "%s: %s", order->small, diag.text);
}

/* Random once per process, so that a reload does not rename the agent. */
static const char *boot_id(void)
{
    static char text[2 * BOOT_BYTES + 1];

    if (text[0] == '\0') {
        uint8_t bytes[BOOT_BYTES];

        if (crypto_random(bytes, sizeof(bytes)) != ERR_OK) {
            return NULL;
        }
        enc_hex(bytes, sizeof(bytes), text);
    }
    return text;
}

static void name_agent(struct draft *draft)
{
    struct config *config = draft->config;
    char host[HOST_CHARS + 1] = "";
    const char *boot = boot_id();

    if (config->agent_id || !is_good(draft, "agent_id")) {
        return;
    }
    /* A name that was cut is not an error here. */
    (void)gethostname(host, sizeof(host));
    host[HOST_CHARS] = '\0';
    for (char *c = host; *c != '\0'; c++) {
        if (!str_is_name(str_make(c, 1))) {
            *c = '-';
        }
    }
    if (!boot || asprintf(&config->agent_id, "%s-%s", host[0] ? host : "agent", boot) < 0) {
        config->agent_id = NULL;
        complain(draft, "agent_id", "can not make one; set it");
    }
}

/* Each of them is tried for a token, since nothing tells whose it is before its signature. */
static void check_unnamed_keys(struct draft *draft)
{
    const struct config *config = draft->config;

    for (unsigned i = 0; i < SIGNATURE_ALGORITHM_COUNT; i++) {
        size_t count = 0;

        for (size_t k = 0; k < config->issuer_count; k++) {
            const struct jwt_policy *policy = &config->issuers[k];
            bool is_allowed = (policy->algorithms & SIGNATURE_BIT(i)) != 0;
            count += is_allowed ? jose_keys_unnamed(policy->keys, (enum signature_algorithm)i) : 0;
        }
        if (count > JWS_TRIES_MAX) {
            draft_error(draft, draft->path,
                        "issuers: %zu keys without a kid for %s; %d may be tried for a token",
                        count, signature_algorithm_name((enum signature_algorithm)i),
                        JWS_TRIES_MAX);
        }
    }
}

/* Nobody could sign a token for it. */
static void check_issuers(struct draft *draft)
{
    const struct config *config = draft->config;

    for (size_t i = 0; i < config->gate_count && config->issuer_count == 0; i++) {
        if ((config->gates[i].accept & CREDENTIAL_JWT) != 0) {
            draft_error(draft, draft->path, "gate \"%s\": accept: jwt needs an issuer",
                        log_quote(config->gates[i].name).text);
        }
    }
}

static bool hears_certificates(const struct config *config, struct str gate)
{
    for (size_t i = 0; i < config->gate_count; i++) {
        unsigned kinds = config->gates[i].accept | config->gates[i].also;

        if (str_equal(config->gates[i].name, gate) && (kinds & CREDENTIAL_CERT) != 0) {
            return true;
        }
    }
    return false;
}

/* A misspelt gate must not go unnoticed. */
static void check_certificates(struct draft *draft)
{
    const struct config *config = draft->config;

    for (size_t i = 0; i < config->certificates_count; i++) {
        const struct cert_policy *policy = &config->certificates[i];

        for (size_t k = 0; k < policy->gates.count; k++) {
            if (!hears_certificates(config, policy->gates.items[k])) {
                draft_error(draft, draft->path,
                            "certificates \"%s\": gates: no gate \"%s\" that has cert in accept "
                            "or also",
                            log_quote(policy->name).text, log_quote(policy->gates.items[k]).text);
            }
        }
    }
}

void draft_complete(struct draft *draft)
{
    read_peppers(draft);
    check_logins(draft);
    read_passwords(draft);
    read_address_key(draft);
    check_sentinels(draft);
    check_audit(draft);
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        check_order(draft, &orders[i]);
    }
    name_agent(draft);
    check_unnamed_keys(draft);
    if (draft->error_count == 0) {
        check_issuers(draft);
        check_certificates(draft);
    }
    if (draft->config->gate_count == 0 && draft->error_count == 0) {
        draft_error(draft, draft->path, "no gate is configured: every request would be denied");
    }
}
