#include "agent/config/setting.h"

#include <assert.h>

#include "agent/base/ensure.h"
#include "agent/jose/jws.h"

#define MS(n) (UINT64_C(1000) * (n))
#define S(n)  MS(UINT64_C(1000) * (n))

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

#define PATH_MAX_BYTES 4095

static_assert(sizeof(enum config_audit_full) == sizeof(unsigned), "see set_choice()");
static_assert(sizeof(enum config_addresses) == sizeof(unsigned), "see set_choice()");
static_assert(sizeof(enum config_audit_mode) == sizeof(unsigned), "see set_choice()");
static_assert(sizeof(enum log_level) == sizeof(unsigned), "see set_choice()");
static_assert(sizeof(uint32_t) == sizeof(unsigned), "max_frame_size is set as a number");

static bool is_path(struct str text)
{
    if (text.len == 0 || text.len > PATH_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_login(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= 128;
}

/* No braces: they would choose the hash slot of every key in a cluster. */
static bool is_prefix(struct str text)
{
    if (text.len == 0 || text.len > 64) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != ':' && !str_is_name(str_make(text.ptr + i, 1))) {
            return false;
        }
    }
    return true;
}

static const struct choice audit_full[] = {
    {"deny", CONFIG_AUDIT_FULL_DENY, NULL},
    {"count", CONFIG_AUDIT_FULL_COUNT, NULL},
    {NULL, 0, NULL},
};

static const struct choice audit_addresses[] = {
    {"full", CONFIG_ADDRESSES_FULL, NULL},
    {"truncated", CONFIG_ADDRESSES_TRUNCATED, NULL},
    {"hashed", CONFIG_ADDRESSES_HASHED, NULL},
    {NULL, 0, NULL},
};

static const struct choice audit_modes[] = {
    {"ordered", CONFIG_AUDIT_ORDERED, NULL},
    {"durable", CONFIG_AUDIT_DURABLE, NULL},
    {NULL, 0, NULL},
};

static const struct choice log_levels[] = {
    {"error", LOG_ERROR, NULL},
    {"warning", LOG_WARNING, NULL},
    {"info", LOG_INFO, NULL},
    {"debug", LOG_DEBUG, NULL},
    {NULL, 0, NULL},
};

#define AT(field) offsetof(struct config, field)
#define TEXT(field, valid, what)                                                                   \
    .type = &setting_text, .offset = AT(field), .is_valid = (valid), .wants = (what)
#define PATH(field)   TEXT(field, is_path, "a path")
#define SECRET(field) TEXT(field, is_path, "a path, env:NAME or credential:NAME")
#define NUMBER(field, low, high)                                                                   \
    .type = &setting_number, .offset = AT(field), .min = (low), .max = (high)
#define DURATION(field, low, high)                                                                 \
    .type = &setting_duration, .offset = AT(field), .min = (low), .max = (high)

const struct setting settings[] = {
    {"agent_id", TEXT(agent_id, str_is_name, "a name of A-Z a-z 0-9 . _ @ -, at most 64"),
     .needs_restart = true,
     .help = "Names this agent in Redis, log and audit. Default: host name and a random number."},
    {"prefix", TEXT(prefix, is_prefix, "1 to 64 of A-Z a-z 0-9 . _ @ : -"),
     .initial = "reeve:", .needs_restart = true, .help = "Every key in the store begins with it."},

    {"listen", .type = &setting_addresses, .offset = AT(listen), .is_list = true,
     .initial = "tcp://127.0.0.1:9600", .needs_restart = true,
     .help = "Where HAProxy connects. SPOP has no encryption: loopback, a unix socket or a private "
             "network."},
    {"socket_mode", .type = &setting_mode, .offset = AT(socket_mode), .initial = "0660",
     .needs_restart = true, .help = "Mode of unix sockets."},
    {"socket_owner", TEXT(socket_owner, str_is_name, "a user's name"), .needs_restart = true,
     .help = "Owner of unix sockets. Default: who runs reeved."},
    {"socket_group", TEXT(socket_group, str_is_name, "a group's name"), .needs_restart = true,
     .help = "Group of unix sockets. Default: the group reeved runs as."},
    {"workers", NUMBER(workers, 1, 64), .initial = "1", .needs_restart = true,
     .help = "Threads that decide. Each has its own copy of the directory; one serves many HAProxy "
             "cores."},
    {"max_frame_size", NUMBER(max_frame_size, 256, 1048576), .initial = "65532",
     .help = "Largest SPOP frame taken, in bytes. HAProxy's is tune.bufsize less 4; the smaller "
             "counts."},
    {"max_connections", NUMBER(max_connections, 1, 1000000), .initial = "10000",
     .help = "Connections of the whole process; more are left waiting."},
    {"max_in_flight", NUMBER(max_in_flight, 1, 1000000), .initial = "10000",
     .help = "Requests of one worker that may wait for the store; more are answered overload."},
    {"max_in_flight_connection", NUMBER(max_in_flight_connection, 1, 1000000), .initial = "1000",
     .help = "The same for one connection. Of either, half may wait for more than the store."},
    {"hello_timeout", DURATION(hello_timeout_us, MS(100), S(60)), .initial = "5s",
     .help = "A new connection must have greeted within."},
    {"frame_timeout", DURATION(frame_timeout_us, MS(100), S(60)), .initial = "5s",
     .help = "A frame that began must end within."},
    {"write_timeout", DURATION(write_timeout_us, MS(100), S(60)), .initial = "5s",
     .help = "A peer that takes no byte for so long is disconnected."},
    {"idle_timeout", DURATION(idle_timeout_us, 0, S(86400)), .initial = "0",
     .help = "A connection without requests is closed after; 0: never."},
    {"deadline", DURATION(deadline_us, MS(10), S(10)), .initial = "150ms",
     .help = "Every request has a verdict by then. Keep it below HAProxy's timeout processing."},
    {"deadline_slow", DURATION(deadline_slow_us, MS(10), S(10)), .initial = "800ms",
     .help =
         "The same for requests that wait for more than the store; where deadline is longer, that "
         "counts for them too."},
    {"drain_timeout", DURATION(drain_timeout_us, MS(100), S(600)), .initial = "10s",
     .help = "After SIGTERM the process ends within."},
    {"drain_delay", DURATION(drain_delay_us, 0, S(60)), .initial = "4s",
     .help = "After SIGTERM health checks fail for so long before idle connections close. Give "
             "HAProxy time to notice. Below drain_timeout."},

    {"redis", .type = &setting_store, .offset = AT(store), .is_secret = true,
     .initial = "redis://127.0.0.1:6379/0", .needs_restart = true,
     .help = "The store. User and password are percent-encoded; better put the password into "
             "redis_password_file. With sentinels: redis://[user@]/DB."},
    {"redis_password_file", SECRET(redis_password_file), .needs_restart = true,
     .help = "Holds the password and nothing else: a file that group and others must not read, an "
             "environment variable, or a credential of systemd's."},
    {"sentinels", .type = &setting_sentinels, .offset = AT(sentinel), .is_list = true,
     .needs_restart = true,
     .help = "Sentinels that know where the store's primary is; redis then has no host, but login "
             "and database only."},
    {"sentinel_primary", TEXT(sentinel.primary, str_is_name, "a name of A-Z a-z 0-9 . _ -"),
     .needs_restart = true, .help = "What the Sentinels call the primary."},
    {"sentinel_user", TEXT(sentinel.user, is_login, "1 to 128 printable characters"),
     .needs_restart = true, .help = "The user at the Sentinels. Default: none."},
    {"sentinel_password_file", SECRET(sentinel_password_file), .needs_restart = true,
     .help = "The password at the Sentinels, from where redis_password_file may come too. Default: "
             "none; it is never the store's."},
    {"store_timeout", DURATION(store_timeout_us, MS(1), S(10)), .initial = "100ms",
     .needs_restart = true, .help = "Of one command to the store. Below deadline."},
    {"store_connect_timeout", DURATION(store_connect_timeout_us, MS(1), S(60)), .initial = "500ms",
     .needs_restart = true,
     .help = "Of one attempt to connect to the store; its greeting must be answered "
             "within store_timeout."},
    {"max_age", DURATION(max_age_us, MS(10), S(600)), .initial = "1s", .needs_restart = true,
     .help = "A record is served so long without asking the store again while the store does not "
             "tell of changes; and so long after it last proved that it does."},
    {"max_stale", DURATION(max_stale_us, 0, S(86400)), .initial = "300s", .needs_restart = true,
     .help = "The same while the store can not be asked: known users are served so long."},
    {"directory_max_records", NUMBER(directory_max_records, 16, 100000000), .initial = "100000",
     .needs_restart = true, .help = "Records that a worker keeps; the coldest go first."},
    {"directory_max_absent", NUMBER(directory_max_absent, 16, 10000000), .initial = "10000",
     .needs_restart = true, .help = "Keys that a worker remembers not to exist."},
    {"directory_max_source_misses", NUMBER(directory_max_source_misses, 1, 1000000),
     .initial = "64", .needs_restart = true,
     .help = "Look-ups in flight for one source (an IPv4 address, an IPv6 /64); more are answered "
             "overload."},

    {"max_leases", NUMBER(max_leases, 16, 100000000), .initial = "100000", .needs_restart = true,
     .help = "Pairs of a limit and whom it counts that a worker keeps; the idle ones go first."},
    {"grant_replicas", NUMBER(grant_replicas, 0, 16), .initial = "0", .needs_restart = true,
     .help = "Replicas of the store that must confirm a grant before it is spent (WAIT, on a "
             "connection of its own). Narrows what a failover may over-admit."},

    {"pepper_file", SECRET(pepper_file),
     .help = "Keys of the HMAC under which API keys are stored, one \"<id> <hex>\" a line; as "
             "redis_password_file."},
    {"accept_unpeppered", .type = &setting_bool, .offset = AT(accept_unpeppered),
     .initial = "false",
     .help = "Take plain SHA-256 hashes beside peppered ones. Without a pepper_file they are taken "
             "anyway."},

    {"password_threads", NUMBER(password_threads, 1, 64), .initial = "2", .needs_restart = true,
     .help = "Threads that hash passwords, beside the workers and with less weight. A hash takes "
             "tenths "
             "of a second and, with scrypt, 128 * r * 2^ln bytes (16 MiB by default)."},
    {"password_queue", NUMBER(password_queue, 4, 4096), .initial = "32", .needs_restart = true,
     .help =
         "Passwords that may wait to be hashed; more are answered overload. One source may have "
         "a quarter of the places, one user a half."},
    {"max_passwords", NUMBER(max_passwords, 16, 10000000), .initial = "10000",
     .needs_restart = true,
     .help = "Verified passwords that a worker remembers; another one costs its hash again."},

    {"max_token_size", .type = &setting_size, .offset = AT(max_token_bytes), .min = KIB,
     .max = JWS_BYTES_MAX, .initial = "8KiB",
     .help = "Longest JSON Web Token taken. HAProxy's tune.bufsize bounds it too."},
    {"max_tokens", NUMBER(max_tokens, 16, 10000000), .initial = "10000",
     .help = "Verified tokens that a worker remembers; another one costs its signature again. Give "
             "directory_max_absent as much, since it holds what is not revoked."},

    {"max_failures", NUMBER(max_failures, 0, 1000000), .initial = "10",
     .help = "Failed authentications of one credential from one source (an IPv4 address, an IPv6 "
             "/64), after which the next has to wait: too_many_failures. 0: not counted."},
    {"max_source_failures", NUMBER(max_source_failures, 0, 1000000), .initial = "100",
     .help = "The same of one source, whatever the credentials."},
    {"failure_wait", DURATION(failure_wait_us, MS(10), S(3600)), .initial = "1s",
     .help = "How long it then has to wait; each failure more doubles that."},
    {"failure_wait_max", DURATION(failure_wait_max_us, MS(10), S(86400)), .initial = "15m",
     .help = "But no longer than. No less than failure_wait."},
    {"failure_memory", DURATION(failure_memory_us, S(1), S(86400)), .initial = "15m",
     .help =
         "max_failures, or max_source_failures, are forgotten in so long, one after the other."},
    {"failure_exempt", .type = &setting_prefixes, .offset = AT(failure_exempt), .is_list = true,
     .help = "Addresses behind which many users are, as of a company's NAT: no source in them is "
             "counted as a whole, but each of its credentials is."},
    {"max_failing", NUMBER(max_failing, 16, 10000000), .initial = "16384", .needs_restart = true,
     .help = "Sources, and pairs of a credential and a source, that a worker counts failures of; "
             "those that need not wait give way first."},

    {"seen_interval", DURATION(seen_interval_us, 0, S(86400)), .initial = "60s",
     .needs_restart = true,
     .help =
         "When a credential was last used is written to Redis so often at most, for reports; 0: "
         "never. Rounded up to seconds."},
    {"seen_ttl", DURATION(seen_ttl_us, S(60), S(86400 * 3650)), .initial = "400d",
     .needs_restart = true,
     .help = "It is kept so long after the last use. Reports can not tell older uses from none."},

    {"audit_file", PATH(audit_file), .initial = "/var/log/reeve/audit.jsonl", .needs_restart = true,
     .help =
         "One JSON line for each decision. SIGHUP opens it again. Closed segments stand beside it, "
         "by number."},
    {"audit_segment_size", .type = &setting_size, .offset = AT(audit_segment_bytes),
     .min = 16 * KIB, .max = 64 * GIB, .initial = "256MiB", .needs_restart = true,
     .help = "The audit file is closed as a segment at this size, and a new one begun."},
    {"audit_segment_age", DURATION(audit_segment_us, 0, S(86400) * 366), .initial = "1d",
     .needs_restart = true, .help = "The same at this age; 0: never."},
    {"audit_keep_segments", NUMBER(audit_keep_segments, 0, 1000000), .initial = "0",
     .needs_restart = true, .help = "Closed segments that stay; 0: all. The oldest go first."},
    {"audit_keep_age", DURATION(audit_keep_us, 0, S(86400) * 36600), .initial = "0",
     .needs_restart = true,
     .help = "Closed segments whose last record is older are removed; 0: never."},
    {"audit_key_file", PATH(audit_key_file), .needs_restart = true,
     .help =
         "Made by reevectl audit keygen; each segment's checkpoints are signed with a key of its "
         "own, and this file keeps the current one. The agent replaces it, so its folder must be "
         "writable, and no other agent may have it. Default: checkpoints have hashes only."},
    {"audit_mode", .type = &setting_choice, .offset = AT(audit_mode), .choices = audit_modes,
     .initial = "ordered", .needs_restart = true,
     .help = "ordered: a record outlives the process before its request is answered. durable: an "
             "allow is told only after its record is on the disk of audit_file, so it outlives the "
             "machine's death."},
    {"audit_addresses", .type = &setting_choice, .offset = AT(audit_addresses),
     .choices = audit_addresses, .initial = "full", .needs_restart = true,
     .help =
         "How clients' addresses stand in the audit: full; truncated to their /24 or /48; hashed "
         "under audit_address_key_file, so that reevectl audit hash finds one again."},
    {"audit_address_key_file", SECRET(audit_address_key_file), .needs_restart = true,
     .help = "Holds the key of hashed addresses, one line of 16 characters or more; as "
             "redis_password_file."},
    {"spool_dir", PATH(spool_dir), .initial = "/run/reeve/spool", .needs_restart = true,
     .help = "Holds what is not yet in the audit file; on tmpfs, kept across restarts."},
    {"spool_size", .type = &setting_size, .offset = AT(spool_bytes), .min = 64 * KIB, .max = GIB,
     .initial = "8MiB", .needs_restart = true, .help = "Of each worker's spool."},
    {"on_audit_full", .type = &setting_choice, .offset = AT(on_audit_full), .choices = audit_full,
     .initial = "deny",
     .help = "When the spool has no room: deny the request, or let it pass and count the gap. With "
             "audit_mode = durable: deny."},

    {"log_level", .type = &setting_choice, .offset = AT(log_level), .choices = log_levels,
     .initial = "info", .help = "Of the daemon's log on stderr."},
    {.name = NULL},
};

static_assert(sizeof(settings) / sizeof(settings[0]) <= SETTINGS_MAX, "raise SETTINGS_MAX");

const struct setting *setting_find(const char *name)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        if (strcmp(setting->name, name) == 0) {
            return setting;
        }
    }
    return NULL;
}

size_t setting_index(const struct setting *setting)
{
    return (size_t)(setting - settings);
}

static void *field_of(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}

static const void *const_field_of(const struct setting *setting, const struct config *config)
{
    return (const char *)config + setting->offset;
}

static void complain(const struct setting *setting, struct str text, const struct diag *why,
                     struct diag *diag)
{
    struct diag wanted = *why;

    if (wanted.text[0] == '\0') {
        struct diag allowed;

        setting->type->describe(setting, &allowed);
        diag_set(&wanted, "expected %s", allowed.text);
    }
    if (setting->is_secret) {
        diag_set(diag, "%s", wanted.text);
    } else {
        diag_set(diag, "%s, got \"%s\"", wanted.text, log_quote(text).text);
    }
}

enum err setting_set(const struct setting *setting, struct config *config, struct str text,
                     struct diag *diag)
{
    struct diag why = {""};
    enum err e = setting->type->set(setting, field_of(setting, config), text, &why);

    if (e == ERR_MEMORY) {
        diag_set(diag, "out of memory");
    } else if (e != ERR_OK) {
        complain(setting, text, &why, diag);
    }
    return e;
}

void setting_clear(const struct setting *setting, struct config *config)
{
    if (setting->type->clear) {
        setting->type->clear(field_of(setting, config));
    } else {
        memset(field_of(setting, config), 0, setting->type->bytes);
    }
}

bool setting_is_equal(const struct setting *setting, const struct config *a, const struct config *b)
{
    const void *x = const_field_of(setting, a), *y = const_field_of(setting, b);

    return setting->type->is_equal ? setting->type->is_equal(x, y)
                                   : memcmp(x, y, setting->type->bytes) == 0;
}
