#include "agent/audit/entry.h"

#include <msgpack.h>

#define FLAG_TRUNCATED 1u
#define FLAG_RAW_PATH  2u
#define FLAG_COUNTED   4u

#define TIME_MAX_US INT64_C(253402300799999999) /* the last microsecond of the year 9999 */

struct output {
    uint8_t *at, *end;
    bool is_full;
    bool is_truncated;
};

static int put(void *context, const char *bytes, size_t length)
{
    struct output *output = context;

    if (length > (size_t)(output->end - output->at)) {
        output->is_full = true;
        return -1;
    }
    /* Half of all calls write one byte, which is not worth a call of memcpy. */
    if (length == 1) {
        *output->at++ = (uint8_t)*bytes;
        return 0;
    }
    memcpy(output->at, bytes, length);
    output->at += length;
    return 0;
}

struct str audit_text_cut(struct str s, size_t bound)
{
    if (s.len <= bound) {
        return s;
    }
    s.len = bound;
    for (int i = 0; i < 3 && s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80; i++) {
        s.len--;
    }
    return s;
}

static void pack_text(msgpack_packer *packer, struct str s, size_t bound)
{
    struct output *output = packer->data;

    if (s.len == 0) {
        msgpack_pack_nil(packer);
        return;
    }
    if (s.len > bound) {
        s = audit_text_cut(s, bound);
        output->is_truncated = true;
    }
    msgpack_pack_str(packer, s.len);
    msgpack_pack_str_body(packer, s.ptr, s.len);
}

static void pack_wire(msgpack_packer *packer, struct str s, size_t bound)
{
    pack_text(packer, s, bound);
}

static void pack_reason(msgpack_packer *packer, enum reason reason, size_t bound)
{
    pack_text(packer, reason == REASON_NONE ? STR_ABSENT : reason_code(reason), bound);
}

static void pack_number(msgpack_packer *packer, int64_t number, size_t bound)
{
    (void)bound;
    if (number < 0) {
        msgpack_pack_nil(packer);
    } else {
        msgpack_pack_int64(packer, number);
    }
}

static void pack_count(msgpack_packer *packer, int64_t count, size_t bound)
{
    pack_number(packer, count == 0 ? -1 : count, bound);
}

static void pack_time(msgpack_packer *packer, int64_t time_us, size_t bound)
{
    pack_count(packer, time_us > TIME_MAX_US ? TIME_MAX_US : time_us, bound);
}

static void pack_address(msgpack_packer *packer, struct ip ip, size_t bound)
{
    (void)bound;
    if (ip.length != 4 && ip.length != 16) {
        msgpack_pack_nil(packer);
        return;
    }
    msgpack_pack_bin(packer, ip.length);
    msgpack_pack_bin_body(packer, ip.bytes, ip.length);
}

size_t audit_entry_pack(const struct audit_entry *entry, uint8_t *out, size_t capacity)
{
    struct output output = {.at = out, .end = out + capacity};
    msgpack_packer packer;
    uint8_t *flags;

    msgpack_packer_init(&packer, &output, put);
    msgpack_pack_array(&packer, 1 + AUDIT_FIELD_COUNT);
    flags = output.at;
    msgpack_pack_uint8(&packer, 0);
#define X(kind, id, member, name, bound, meaning) pack_##kind(&packer, entry->member, bound);
    AUDIT_FIELDS(X)
#undef X
    if (output.is_full) {
        return 0;
    }
    *flags = (uint8_t)((output.is_truncated ? FLAG_TRUNCATED : 0) |
                       (entry->record->path_is_raw ? FLAG_RAW_PATH : 0) |
                       (entry->count > 0 ? FLAG_COUNTED : 0));
    return (size_t)(output.at - out);
}

/* The reading half is ours: msgpack-c's builds a tree, and believes an array's stated count before
 * it has seen the elements. */
static uint64_t take_big_endian(struct audit_entry_reader *reader, size_t bytes)
{
    uint64_t value = 0;

    if (bytes > (size_t)(reader->end - reader->at)) {
        reader->is_bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | reader->at[i];
    }
    reader->at += bytes;
    return value;
}

static void take_bytes(struct audit_entry_reader *reader, size_t length, struct audit_value *out)
{
    if (length > (size_t)(reader->end - reader->at)) {
        reader->is_bad = true;
        return;
    }
    out->kind = AUDIT_BYTES;
    out->bytes = str_make((const char *)reader->at, length);
    reader->at += length;
}

static void take_integer(struct audit_entry_reader *reader, size_t bytes, struct audit_value *out)
{
    uint64_t integer = take_big_endian(reader, bytes);

    reader->is_bad |= integer > INT64_MAX;
    out->kind = AUDIT_INTEGER;
    out->integer = (int64_t)integer;
}

/* Fills only what the kind needs: this runs 25 times a line. */
static void take_value(struct audit_entry_reader *reader, struct audit_value *out)
{
    unsigned lead = reader->at < reader->end ? *reader->at++ : 0xc1;

    out->kind = AUDIT_ABSENT;
    if (lead >= 0xa0 && lead <= 0xbf) {
        take_bytes(reader, lead & 0x1f, out);
        return;
    }
    if (lead < 0x80) {
        out->kind = AUDIT_INTEGER;
        out->integer = lead;
        return;
    }
    switch (lead) {
    case 0xc0:
        return;
    case 0xc4:
    case 0xd9:
        take_bytes(reader, take_big_endian(reader, 1), out);
        return;
    case 0xda:
        take_bytes(reader, take_big_endian(reader, 2), out);
        return;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        take_integer(reader, (size_t)1 << (lead - 0xcc), out);
        return;
    default:
        reader->is_bad = true;
    }
}

static size_t take_array(struct audit_entry_reader *reader)
{
    unsigned lead = (unsigned)take_big_endian(reader, 1);

    if (lead >= 0x90 && lead <= 0x9f) {
        return lead & 0x0f;
    }
    reader->is_bad |= lead != 0xdc;
    return take_big_endian(reader, 2);
}

static bool is_text(const struct audit_value *value, size_t bound)
{
    return value->kind == AUDIT_BYTES && value->bytes.len <= bound;
}

static bool is_wire(const struct audit_value *value, size_t bound)
{
    return is_text(value, bound);
}

static bool is_reason(const struct audit_value *value, size_t bound)
{
    return is_text(value, bound);
}

static bool is_address(const struct audit_value *value, size_t bound)
{
    (void)bound;
    return value->kind == AUDIT_BYTES && (value->bytes.len == 4 || value->bytes.len == 16);
}

static bool is_number(const struct audit_value *value, size_t bound)
{
    (void)bound;
    return value->kind == AUDIT_INTEGER;
}

static bool is_count(const struct audit_value *value, size_t bound)
{
    return is_number(value, bound);
}

static bool is_time(const struct audit_value *value, size_t bound)
{
    return is_number(value, bound) && value->integer <= TIME_MAX_US;
}

/* In the order of the table. */
static const struct {
    bool (*is_valid)(const struct audit_value *value, size_t bound);
    size_t bound;
} checks[] = {
#define X(kind, id, member, name, bound, meaning) {is_##kind, bound},
    AUDIT_FIELDS(X)
#undef X
};

void audit_entry_read(const uint8_t *bytes, size_t length, struct audit_entry_reader *out)
{
    struct audit_value flags;

    *out = (struct audit_entry_reader){.at = bytes, .end = bytes + length};
    size_t count = take_array(out);
    take_value(out, &flags);
    if (count == 0 || flags.kind != AUDIT_INTEGER) {
        out->is_bad = true;
        return;
    }
    out->left_count = count - 1;
    out->is_truncated = flags.integer & FLAG_TRUNCATED;
    out->path_is_raw = flags.integer & FLAG_RAW_PATH;
    out->is_counted = flags.integer & FLAG_COUNTED;
}

bool audit_entry_next(struct audit_entry_reader *reader, enum audit_field field,
                      struct audit_value *out)
{
    if (reader->left_count == 0 || reader->is_bad) {
        return false;
    }
    reader->left_count--;
    take_value(reader, out);
    if (out->kind == AUDIT_ABSENT) {
        return false;
    }
    reader->is_bad |= !checks[field].is_valid(out, checks[field].bound);
    return !reader->is_bad;
}

bool audit_entry_is_whole(struct audit_entry_reader *reader)
{
    struct audit_value value;

    while (reader->left_count > 0 && !reader->is_bad) {
        reader->left_count--;
        take_value(reader, &value);
    }
    return !reader->is_bad && reader->at == reader->end;
}
