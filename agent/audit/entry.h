/*
 * What stands in the spool: one record as a msgpack array, packed by the worker and read by the
 * writer. Both halves, and the names in the audit file, come from the one table here.
 *
 *   [flags, <the fields in the order of the table>]
 *
 * An absent or empty value is nil. A field is only ever added at the table's end: then a spool left
 * by an earlier or a later version can still be read.
 *
 * Kinds: text is ours or checked; wire is a text with whatever a client sent; time is microseconds
 * since 1970; number is absent below 0, count at 0, a flag that is not set.
 */
#ifndef REEVE_AUDIT_ENTRY_H
#define REEVE_AUDIT_ENTRY_H

#include "agent/audit/record.h"

/* `bound`: the most bytes of a text that are kept. Longer ones are cut, and "truncated" is set. */
/* kind     id          member               name         bound  meaning */
#define AUDIT_FIELDS(X)                                                                            \
    X(text, TYPE, type, "type", 16, "see README.md")                                               \
    X(time, TIME, record->wall_us, "time", 0, "of the verdict; of a count, the last request's")    \
    X(wire, RID, record->rid, "rid", 128, "the request's id, also in HAProxy's log")               \
    X(text, GATE, record->gate, "gate", 128, "the gate that judged, * for the catch-all")          \
    X(text, FRONTEND, record->frontend, "frontend", 128, "HAProxy's frontend")                     \
    X(address, SOURCE, record->source, "src", 0, "the client; of a count, its /24 or /48")         \
    X(wire, HOST, record->host, "host", 256, "lower case, without port; raw if it was refused")    \
    X(wire, METHOD, record->method, "method", 32, "as sent")                                       \
    X(wire, PATH, record->path, "path", 2048, "canonical; \"path_raw\": as sent, when refused")    \
    X(text, USER, record->user, "user", 128, "absent: not known")                                  \
    X(text, TEAM, record->team, "team", 64, "the user's team")                                     \
    X(text, CREDENTIAL, record->credential, "credential", 128,                                     \
      "key:<id>, #2: by the second hash; jwt:<issuer>:<name to revoke>")                           \
    X(text, ROLES, record->roles, "roles", 512, "those that could allow")                          \
    X(text, VERDICT, record->verdict, "verdict", 16, "what HAProxy was told")                      \
    X(number, STATUS, record->status, "status", 0, "what HAProxy should answer")                   \
    X(reason, REASON, record->reason, "reason", 24, "why; a closed list")                          \
    X(text, RULE, record->rule, "rule", 136, "role/rule-id that decided")                          \
    X(text, SHADOW, record->shadow, "shadow", 192, "what would have been said")                    \
    X(text, FAULT, record->fault, "fault", 256, "why a request or record was refused, for people") \
    X(text, DATA, record->data, "data", 16, "where the facts came from: cache or store")           \
    X(number, DURATION, record->duration_us, "duration_us", 0, "from the frame to the verdict")    \
    X(count, MONO, record->mono_us, "mono_us", 0, "the verdict on the clock that never steps")     \
    X(count, REQUESTS, count, "count", 0, "how many requests this line stands for")                \
    X(time, FIRST, first_us, "first", 0, "the first of them")                                      \
    X(time, LAST, last_us, "last", 0, "the last of them")                                          \
    X(text, LIMITS, record->limits, "limits", 512, "<name>:<cost>:<left>, each limit asked")       \
    X(text, LIMIT, record->limit, "limit", 64, "that was exhausted, too small or missing")         \
    X(count, SUPERSEDES, record->supersedes, "supersedes", 0,                                      \
      "seq of this worker's record whose allow was not told")                                      \
    X(flag, TLS, record->is_tls, "tls", 0, "the client came by TLS")                               \
    X(text, CONFIG, record->config, "config", 16, "the configuration it was decided with")         \
    X(text, CONFIG_BEFORE, record->config_before, "config_before", 16,                             \
      "that it took the place of")                                                                 \
    X(text, EVENT, record->event, "event", 24, "of lifecycle and sink: what happened")

enum audit_field {
#define X(kind, id, member, name, bound, meaning) AUDIT_FIELD_##id,
    AUDIT_FIELDS(X)
#undef X
        AUDIT_FIELD_COUNT
};

#define AUDIT_TIME_MAX_US INT64_C(253402300799999999) /* the last microsecond of the year 9999 */

/* A record, and what only counted ones have. */
struct audit_entry {
    struct str type;
    const struct audit_record *record;
    int64_t count; /* 0: a record of one request */
    int64_t first_us, last_us;
};

/* A field as read back. */
struct audit_value {
    enum { AUDIT_ABSENT, AUDIT_BYTES, AUDIT_INTEGER } kind; /* says which of the others is set */
    struct str bytes;                                       /* borrows from what is read */
    int64_t integer;                                        /* not negative */
};

/* Reads an entry field by field, in the order of the table. */
struct audit_entry_reader {
    const uint8_t *at, *end;
    size_t left_count; /* values not yet read */
    bool is_bad;       /* sticky: the bytes are not what audit_entry_pack() writes */
    bool is_truncated;
    bool path_is_raw;
    bool is_counted; /* stands for several requests */
};

/* The bytes written, 0 when they do not fit. No allocation, no system call. */
size_t audit_entry_pack(const struct audit_entry *entry, uint8_t *out, size_t capacity);

/* Borrows the bytes. */
void audit_entry_read(const uint8_t *bytes, size_t length, struct audit_entry_reader *out);

/* Values that are longer than their lead; audit_entry_take() is the one to call. */
void audit_entry_take_long(struct audit_entry_reader *reader, unsigned lead,
                           struct audit_value *out);

static inline void audit_entry_take_bytes(struct audit_entry_reader *reader, size_t length,
                                          struct audit_value *out)
{
    if (length > (size_t)(reader->end - reader->at)) {
        reader->is_bad = true;
        return;
    }
    out->kind = AUDIT_BYTES;
    out->bytes = str_make((const char *)reader->at, length);
    reader->at += length;
}

/* The next value, of any kind. Inline, as what follows: this runs 26 times a line. */
static inline void audit_entry_take(struct audit_entry_reader *reader, struct audit_value *out)
{
    unsigned lead = reader->at < reader->end ? *reader->at++ : 0xc1;

    out->kind = AUDIT_ABSENT;
    if (lead >= 0xa0 && lead <= 0xbf) {
        audit_entry_take_bytes(reader, lead & 0x1f, out);
    } else if (lead < 0x80) {
        out->kind = AUDIT_INTEGER;
        out->integer = lead;
    } else if (lead != 0xc0) {
        audit_entry_take_long(reader, lead, out);
    }
}

enum audit_kind {
    AUDIT_KIND_text,
    AUDIT_KIND_wire,
    AUDIT_KIND_reason,
    AUDIT_KIND_address,
    AUDIT_KIND_number,
    AUDIT_KIND_count,
    AUDIT_KIND_time,
    AUDIT_KIND_flag,
};

/* In the order of the table. */
static const struct {
    enum audit_kind kind;
    size_t bound;
} audit_field_types[] = {
#define X(kind, id, member, name, bound, meaning) {AUDIT_KIND_##kind, bound},
    AUDIT_FIELDS(X)
#undef X
};

static inline bool audit_entry_is_valid(const struct audit_value *value, enum audit_kind kind,
                                        size_t bound)
{
    bool is_bytes = value->kind == AUDIT_BYTES;

    switch (kind) {
    case AUDIT_KIND_text:
    case AUDIT_KIND_wire:
    case AUDIT_KIND_reason:
        return is_bytes && value->bytes.len <= bound;
    case AUDIT_KIND_address:
        return is_bytes && (value->bytes.len == 4 || value->bytes.len == 16);
    case AUDIT_KIND_number:
    case AUDIT_KIND_count:
    case AUDIT_KIND_flag:
        return value->kind == AUDIT_INTEGER;
    case AUDIT_KIND_time:
        return value->kind == AUDIT_INTEGER && value->integer <= AUDIT_TIME_MAX_US;
    }
    return false;
}

/* The next field, which must be `field`. True: *out is its value; it has the field's kind, texts
 * are within their bounds, times before the year 10000. False: absent, or the entry is bad. */
static inline bool audit_entry_next(struct audit_entry_reader *reader, enum audit_field field,
                                    struct audit_value *out)
{
    if (reader->left_count == 0 || reader->is_bad) {
        return false;
    }
    reader->left_count--;
    audit_entry_take(reader, out);
    if (out->kind == AUDIT_ABSENT) {
        return false;
    }
    reader->is_bad |=
        !audit_entry_is_valid(out, audit_field_types[field].kind, audit_field_types[field].bound);
    return !reader->is_bad;
}

/* After the last field: nothing was bad, nothing is left over. */
bool audit_entry_is_whole(struct audit_entry_reader *reader);

/* At most `bound` bytes of s, not ending inside a UTF-8 sequence. */
struct str audit_text_cut(struct str s, size_t bound);

#endif
