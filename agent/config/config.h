/*
 * The configuration: one immutable snapshot, read from reeve.conf, replaced as a whole on reload.
 * Workers hold a reference and switch between two turns of their loop.
 *
 * Every option is one line of the settings table in settings.c: name, type, default, range, help;
 * those of sections stand in gate.c, issuer.c, certificates.c and sink.c.
 *
 * The file, read with libconfuse:
 *   deadline = "150ms"                       # durations: number and us, ms, s, m, h or d
 *   spool_size = "8MiB"                      # sizes: bytes, or number and KiB, MiB or GiB
 *   listen = {"tcp://127.0.0.1:9600", "unix:///run/reeve/spop.sock"}
 *   redis = "redis://reeve:${REDIS_PASSWORD}@127.0.0.1:6379/0"   # must be set; ${X:-default} too
 *   include("gates.conf")                    # relative to this file
 *   gate "public-api" { accept = {apikey} }
 *   issuer "corp" { issuer = "https://id.example.com" keys = {"/etc/reeve/corp.jwks"} ... }
 *   certificates "corp" { issuer = "CN=Corp CA,O=Corp" gates = {"public-api"} }
 *   sink "collector" { to = "tcp://logs.example.com:601" }
 */
#ifndef REEVE_CONFIG_CONFIG_H
#define REEVE_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/ip.h"
#include "agent/base/log.h"
#include "agent/base/str.h"
#include "agent/config/certificates.h"
#include "agent/config/gate.h"
#include "agent/config/pepper.h"
#include "agent/config/sink.h"
#include "agent/jose/policy.h"

enum config_address_type { CONFIG_ADDRESS_TCP, CONFIG_ADDRESS_UNIX };

/* tcp://host:port ([::1] for IPv6; a numeric host where it is to listen on) or unix:///path. */
struct config_address {
    enum config_address_type type;
    char *text; /* as configured, for logs */
    char *host; /* TCP; or the path of a unix socket */
    uint16_t port;
};

struct config_address_list {
    struct config_address *items;
    size_t count;
};

struct config_prefix_list {
    struct ip_prefix *items;
    size_t count;
};

/* Who knows where the store's primary is. */
struct config_sentinel {
    struct config_address_list addresses; /* empty: the store has an address of its own */
    char *primary;                        /* its name; NULL only where addresses is empty */
    char *user;                           /* of the Sentinels; NULL: none */
    char *password;                       /* likewise; wiped with the snapshot */
};

/* redis://[user[:password]@][host[:port]][/db] or unix://[user[:password]@]/path[?db=N]; without a host where
 * Sentinels know it. */
struct config_store {
    struct config_address address;
    char *user;     /* NULL: none */
    char *password; /* NULL: none; wiped with the snapshot */
    unsigned database;
    const struct config_sentinel *sentinel; /* NULL: address is the store's; of the same snapshot */
};

/* On what happens when the audit spool has no room. */
enum config_audit_full { CONFIG_AUDIT_FULL_DENY, CONFIG_AUDIT_FULL_COUNT };

/* How clients' addresses stand in the audit. */
enum config_addresses {
    CONFIG_ADDRESSES_FULL,
    CONFIG_ADDRESSES_TRUNCATED,
    CONFIG_ADDRESSES_HASHED,
};

/* On when an allow may be told. */
enum config_audit_mode {
    CONFIG_AUDIT_ORDERED, /* its record stands in the spool */
    CONFIG_AUDIT_DURABLE, /* its record is on the disk */
};

#define CONFIG_HASH_CHARS 16

struct config {
    char hash[CONFIG_HASH_CHARS +
              1]; /* of all that was read: files as they stand, then overrides; not
                                         of the secrets and keys that they name */

    /* identity */
    char *agent_id; /* default: host name and a random boot id */
    char *prefix;   /* of every key in the store, "reeve:" */

    /* SPOP */
    struct config_address_list listen;
    unsigned socket_mode; /* of unix sockets */
    char *socket_owner;   /* NULL: unchanged */
    char *socket_group;
    unsigned workers;
    uint32_t max_frame_size;
    unsigned max_connections;          /* whole process */
    unsigned max_in_flight;            /* parked requests of one worker */
    unsigned max_in_flight_connection; /* parked requests of one connection */
    int64_t hello_timeout_us;
    int64_t frame_timeout_us; /* a frame that began must end within */
    int64_t write_timeout_us; /* a peer that takes no bytes */
    int64_t idle_timeout_us;  /* 0: never */
    int64_t deadline_us;
    int64_t deadline_slow_us; /* of requests that wait for more than the store */
    int64_t drain_timeout_us;
    int64_t drain_delay_us; /* health checks fail this long before idle connections close */

    /* store and directory */
    struct config_store store;
    char *redis_password_file; /* NULL: none; its content is in store.password */
    struct config_sentinel sentinel;
    char *sentinel_password_file; /* NULL: none; its content is in sentinel.password */
    int64_t store_timeout_us;     /* of one command */
    int64_t store_connect_timeout_us;
    int64_t max_age_us;   /* a cached record is served this long without asking again */
    int64_t max_stale_us; /* and this long while the store can not be asked */
    unsigned directory_max_records;
    unsigned directory_max_absent;        /* remembered misses */
    unsigned directory_max_source_misses; /* in flight for one source address */
    unsigned max_leases;                  /* limits and subjects that a worker counts */
    unsigned grant_replicas;              /* that must confirm a grant; 0: none */

    /* credentials */
    char *pepper_file; /* NULL: none */
    struct pepper_set peppers;
    bool accept_unpeppered;
    unsigned password_threads; /* of the process */
    unsigned password_queue;
    unsigned max_passwords;   /* that a worker remembers */
    size_t max_token_bytes;   /* of a JSON Web Token */
    unsigned max_tokens;      /* that a worker remembers */
    int64_t seen_interval_us; /* a use of a credential is written so often; 0: never */
    int64_t seen_ttl_us;      /* and kept so long */

    /* failed authentications */
    unsigned max_failures;        /* of one credential from one source; 0: not counted */
    unsigned max_source_failures; /* of one source; likewise */
    int64_t failure_wait_us;      /* after as many; doubles with each more */
    int64_t failure_wait_max_us;
    int64_t failure_memory_us; /* so many are forgotten in it */
    unsigned max_failing;      /* sources, and pairs, that a worker counts */
    struct config_prefix_list failure_exempt;

    /* audit */
    char *audit_file;
    size_t audit_segment_bytes;
    int64_t audit_segment_us;     /* 0: no bound */
    unsigned audit_keep_segments; /* 0: all */
    int64_t audit_keep_us;        /* 0: for ever */
    char *audit_key_file;         /* NULL: checkpoints are not signed */
    char *spool_dir;
    size_t spool_bytes; /* of one worker's ring */
    enum config_audit_full on_audit_full;
    enum config_audit_mode audit_mode;
    enum config_addresses audit_addresses;
    char *audit_address_key_file; /* NULL: none */
    char *audit_address_key;      /* its content; NULL: none */

    enum log_level log_level;

    struct gate *gates;
    size_t gate_count;
    struct jwt_policy *issuers;
    size_t issuer_count;
    struct cert_policy *certificates;
    size_t certificates_count;
    struct sink_policy *sinks;
    size_t sink_count;
};

/* How long a request may wait: for the store, or for what takes longer. */
static inline int64_t config_patience_us(const struct config *config, bool is_slow)
{
    return is_slow && config->deadline_slow_us > config->deadline_us ? config->deadline_slow_us
                                                                     : config->deadline_us;
}

#define CONFIG_ISSUERS_MAX 32

/* One "-o name=value". */
struct config_override {
    const char *name;
    const char *value;
};

/*
 * Reads and checks everything, files it names included. On failure every error found stands in
 * `errors`, a line each, "reeve.conf:42: deadline: ...", and *out is untouched. A syntax error or
 * an unknown option ends the reading of the file. The last override of a name wins; the items of a
 * list are separated by commas. Gives a new snapshot with one reference. Only one thread may load
 * at a time (libconfuse).
 */
enum err config_load(const char *path, const struct config_override *overrides,
                     size_t override_count, FILE *errors, struct config **out) MUST_USE;

/* Thread-safe counting. The last unref wipes secrets and frees. NULL accepted. */
struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* What changed between two snapshots but takes effect only at a restart (listen, workers,
 * spool_dir ...): writes the options' names, comma separated, "" when none. */
void config_restart_only(const struct config *before, const struct config *after, char *out,
                         size_t capacity);

/* The gate of a frontend: by exact name, else "*". NULL where neither is configured: then every
 * request of that frontend is denied. Constant time in the number of gates is not needed (few). */
const struct gate *config_gate(const struct config *config, struct str frontend);

/* Prints the settings table as the reference section of the manual. */
void config_print_reference(FILE *out);

#endif
