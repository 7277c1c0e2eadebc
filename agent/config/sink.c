/* The fields of a sink: where the audit goes beside its file, and how. */
#include "agent/config/sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/config/address.h"
#include "agent/config/section.h"
#include "agent/config/text.h"
#include "agent/config/value.h"

#define SINKS_MAX 16

#define SD_ID_BYTES_MAX   32
#define APP_BYTES_MAX     48
#define MESSAGE_BYTES_MIN UINT64_C(1024)
#define MESSAGE_BYTES_MAX UINT64_C(65000)
#define TIMEOUT_US_MIN    UINT64_C(100000)
#define TIMEOUT_US_MAX    UINT64_C(600000000)
#define HOLD_MAX          UINT64_C(1000000)

#define WANTED_TO                                                                                  \
    "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH for datagrams or unix-stream:///PATH"

enum sink_type { SINK_SYSLOG };

static const struct choice types[] = {
    {"syslog", SINK_SYSLOG, NULL},
    {NULL, 0, NULL},
};

static const struct choice facilities[] = {
    {"kern", 0, "kern is the kernel's"},
    {"user", 1, NULL},
    {"daemon", 3, NULL},
    {"auth", 4, NULL},
    {"syslog", 5, "syslog is the syslog daemon's"},
    {"authpriv", 10, NULL},
    {"audit", 13, NULL},
    {"local0", 16, NULL},
    {"local1", 17, NULL},
    {"local2", 18, NULL},
    {"local3", 19, NULL},
    {"local4", 20, NULL},
    {"local5", 21, NULL},
    {"local6", 22, NULL},
    {"local7", 23, NULL},
    {NULL, 0, NULL},
};

/* The ways there are, each with the address's form that has the same rest. */
static const struct {
    const char *scheme;
    enum sink_transport transport;
    const char *form;
} ways[] = {
    {"tcp://", SINK_TCP, "tcp://"},
    {"udp://", SINK_UDP, "tcp://"},
    {"unix://", SINK_UNIX, "unix://"},
    {"unix-stream://", SINK_UNIX_STREAM, "unix://"},
};

static void apply_type(void *item, unsigned value)
{
    (void)item;
    (void)value; /* there is one */
}

static void apply_facility(void *item, unsigned value)
{
    ((struct sink_policy *)item)->facility = value;
}

/* Takes nothing where it fails. */
static enum err use_address(struct sink_policy *sink, struct str text,
                            const struct config_address *address, struct diag *diag)
{
    struct str to = STR_ABSENT, host = STR_ABSENT;
    enum err e = text_own(text, &to, diag);

    e = e == ERR_OK ? text_own(str_from_c(address->host), &host, diag) : e;
    if (e != ERR_OK) {
        text_drop(&to);
        return e;
    }
    text_drop(&sink->to);
    text_drop(&sink->host);
    sink->to = to;
    sink->host = host;
    sink->port = address->port;
    return ERR_OK;
}

static enum err set_to(void *item, struct str text, struct diag *diag)
{
    struct sink_policy *sink = item;
    struct config_address address;
    char form[TEXT_BYTES_MAX + 8];
    size_t i = 0, count = sizeof(ways) / sizeof(ways[0]);

    while (i < count && !str_starts_with(text, str_from_c(ways[i].scheme))) {
        i++;
    }
    if (i == count || !text_is_line(text)) {
        return text_refuse(ERR_SYNTAX, diag, WANTED_TO, text);
    }
    struct str rest = str_skip(text, strlen(ways[i].scheme));
    int length = snprintf(form, sizeof(form), "%s%.*s", ways[i].form, STR_ARG(rest));
    bool is_unix = ways[i].transport == SINK_UNIX || ways[i].transport == SINK_UNIX_STREAM;
    enum err e = is_unix ? address_parse(str_make(form, (size_t)length), &address, diag)
                         : address_parse_sentinel(str_make(form, (size_t)length), &address, diag);
    if (e == ERR_SYNTAX && !is_unix) {
        return text_refuse(e, diag, WANTED_TO, text);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = use_address(sink, text, &address, diag);
    address_free(&address);
    sink->transport = e == ERR_OK ? ways[i].transport : sink->transport;
    return e;
}

/* RFC 5424 6: PRINTUSASCII, in structured data without what delimits it. */
static bool is_token(struct str text, size_t most)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= 0x20 || c >= 0x7f || c == '=' || c == ']' || c == '"') {
            return false;
        }
    }
    return text.len > 0 && text.len <= most;
}

static enum err set_token(struct str text, size_t most, struct str *out, const char *wanted,
                          struct diag *diag)
{
    return is_token(text, most) ? text_replace(text, out, wanted, diag)
                                : text_refuse(ERR_SYNTAX, diag, wanted, text);
}

static enum err set_app_name(void *item, struct str text, struct diag *diag)
{
    return set_token(text, APP_BYTES_MAX, &((struct sink_policy *)item)->app_name,
                     "1 to 48 printable characters", diag);
}

static enum err set_sd_id(void *item, struct str text, struct diag *diag)
{
    return set_token(text, SD_ID_BYTES_MAX, &((struct sink_policy *)item)->sd_id,
                     "1 to 32 printable characters without = ] \"", diag);
}

static enum err set_max_message(void *item, struct str text, struct diag *diag)
{
    uint64_t bytes;

    if (!value_parse_size(text, &bytes)) {
        return text_refuse(ERR_SYNTAX, diag, "a size from 1KiB to 65000", text);
    }
    if (bytes < MESSAGE_BYTES_MIN || bytes > MESSAGE_BYTES_MAX) {
        return text_refuse(ERR_RANGE, diag, "a size from 1KiB to 65000", text);
    }
    ((struct sink_policy *)item)->message_bytes = bytes;
    return ERR_OK;
}

static enum err set_timeout(void *item, struct str text, struct diag *diag)
{
    uint64_t us;

    if (!value_parse_duration(text, &us)) {
        return text_refuse(ERR_SYNTAX, diag, "a duration from 100ms to 10m", text);
    }
    if (us < TIMEOUT_US_MIN || us > TIMEOUT_US_MAX) {
        return text_refuse(ERR_RANGE, diag, "a duration from 100ms to 10m", text);
    }
    ((struct sink_policy *)item)->timeout_us = (int64_t)us;
    return ERR_OK;
}

static enum err set_hold(void *item, struct str text, struct diag *diag)
{
    uint64_t count;

    if (!str_to_uint64(text, HOLD_MAX, &count)) {
        return text_refuse(ERR_SYNTAX, diag, "a number from 0 to 1000000", text);
    }
    ((struct sink_policy *)item)->hold_count = (size_t)count;
    return ERR_OK;
}

static enum err init(void *item, const char *title, struct diag *diag)
{
    struct sink_policy *sink = item;

    sink->facility = 16;
    sink->message_bytes = 8192;
    sink->timeout_us = 5000000;
    sink->hold_count = 4;
    enum err e = text_own_title(title, &sink->name, diag);
    e = e == ERR_OK ? text_own(STR("reeved"), &sink->app_name, diag) : e;
    return e == ERR_OK ? text_own(STR("reeve@32473"), &sink->sd_id, diag) : e;
}

static enum err check(void *item, struct diag *diag)
{
    if (((const struct sink_policy *)item)->to.len == 0) {
        diag_set(diag, "to: set it to " WANTED_TO);
        return ERR_RANGE;
    }
    return ERR_OK;
}

static void fini(void *item)
{
    struct sink_policy *sink = item;

    text_drop(&sink->name);
    text_drop(&sink->origin);
    text_drop(&sink->to);
    text_drop(&sink->host);
    text_drop(&sink->app_name);
    text_drop(&sink->sd_id);
}

bool sink_policy_is_equal(const struct sink_policy *a, const struct sink_policy *b)
{
    return str_equal(a->name, b->name) && str_equal(a->to, b->to) && a->facility == b->facility &&
           str_equal(a->app_name, b->app_name) && str_equal(a->sd_id, b->sd_id) &&
           a->message_bytes == b->message_bytes && a->timeout_us == b->timeout_us &&
           a->hold_count == b->hold_count;
}

static const struct section_field fields[] = {
    {"type", false, "\"syslog\"", types, .apply = apply_type,
     .help = "RFC 5424, one message for each line of the audit, checkpoints too."},
    {"to", false, NULL, .set = set_to, .takes = WANTED_TO,
     .help = "TCP and unix-stream count octets (RFC 6587). What is sent over TCP has reached the "
             "other side's kernel and no more is known; of UDP nothing is."},
    {"facility", false, "\"local0\"", facilities, .apply = apply_facility, .help = "Of messages."},
    {"app_name", false, "\"reeved\"", .set = set_app_name, .takes = "1 to 48 characters",
     .help = "Of messages."},
    {"sd_id", false, "\"reeve@32473\"", .set = set_sd_id, .takes = "1 to 32 characters",
     .help = "Names the structured data. 32473 is the number for examples; use your own."},
    {"max_message", false, "\"8KiB\"", .set = set_max_message, .takes = "a size to 65000 bytes",
     .help = "Of a datagram, in UDP and unix. A longer message is cut, and has \"truncated\" in "
             "its structured data."},
    {"timeout", false, "\"5s\"", .set = set_timeout, .takes = "a duration from 100ms to 10m",
     .help = "To connect, and to take what was sent; after it the sink is failing."},
    {"hold", false, "\"4\"", .set = set_hold, .takes = "a number",
     .help = "Old segments that stay for it, beyond audit_keep_segments and audit_keep_age, until "
             "it has sent them. What it could not send by then is told as skipped."},
    {.name = NULL},
};

const struct section sink_section = {
    .name = "sink",
    .one = "a sink",
    .help = "    Where the audit goes beside its file: each line at least once, from where it was\n"
            "    before. Takes effect at a restart only.\n",
    .bytes = sizeof(struct sink_policy),
    .items_offset = offsetof(struct config, sinks),
    .count_offset = offsetof(struct config, sink_count),
    .origin_offset = offsetof(struct sink_policy, origin),
    .max = SINKS_MAX,
    .fields = fields,
    .init = init,
    .check = check,
    .fini = fini,
};
