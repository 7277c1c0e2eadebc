#include "agent/audit/entry.h"

#include "agent/audit/pack.h"

#define FLAG_TRUNCATED 1u
#define FLAG_RAW_PATH  2u
#define FLAG_COUNTED   4u

/* The most bytes of a value: its lead, its length, itself. */
#define BYTES_text(bound)    (3 + (bound))
#define BYTES_wire(bound)    BYTES_text(bound)
#define BYTES_reason(bound)  BYTES_text(bound)
#define BYTES_address(bound) (2 + 16)
#define BYTES_number(bound)  9
#define BYTES_count(bound)   BYTES_number(bound)
#define BYTES_flag(bound)    1
#define BYTES_time(bound)    BYTES_number(bound)

/* Of a whole entry, the array's lead and the flags before its fields. */
#define X(kind, id, member, name, bound, meaning) +BYTES_##kind(bound)
enum { entry_bytes_max = 3 + 1 AUDIT_FIELDS(X) };
#undef X

struct output {
    struct pack_output packed;
    bool is_truncated;
};

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

static inline void pack_text(struct output *output, struct str s, size_t bound)
{
    if (s.len == 0) {
        pack_nil(&output->packed);
        return;
    }
    if (s.len > bound) {
        s = audit_text_cut(s, bound);
        output->is_truncated = true;
    }
    pack_str(&output->packed, s.len);
    pack_str_body(&output->packed, s.ptr, s.len);
}

static inline void pack_wire(struct output *output, struct str s, size_t bound)
{
    pack_text(output, s, bound);
}

static inline void pack_reason(struct output *output, enum reason reason, size_t bound)
{
    pack_text(output, reason == REASON_NONE ? STR_ABSENT : reason_code(reason), bound);
}

static inline void pack_number(struct output *output, int64_t number, size_t bound)
{
    (void)bound;
    if (number < 0) {
        pack_nil(&output->packed);
    } else {
        pack_int64(&output->packed, number);
    }
}

static inline void pack_count(struct output *output, int64_t count, size_t bound)
{
    pack_number(output, count == 0 ? -1 : count, bound);
}

static inline void pack_time(struct output *output, int64_t time_us, size_t bound)
{
    pack_count(output, time_us > AUDIT_TIME_MAX_US ? AUDIT_TIME_MAX_US : time_us, bound);
}

static inline void pack_flag(struct output *output, bool is_set, size_t bound)
{
    pack_count(output, is_set, bound);
}

static inline void pack_address(struct output *output, struct ip ip, size_t bound)
{
    (void)bound;
    if (ip.length != 4 && ip.length != 16) {
        pack_nil(&output->packed);
        return;
    }
    pack_bin(&output->packed, ip.length);
    pack_bin_body(&output->packed, ip.bytes, ip.length);
}

/* Into entry_bytes_max bytes. */
static size_t pack(const struct audit_entry *entry, uint8_t *out)
{
    struct output output = {.packed = {.at = out}};

    pack_array(&output.packed, 1 + AUDIT_FIELD_COUNT);
    uint8_t *flags = output.packed.at++;
#define X(kind, id, member, name, bound, meaning) pack_##kind(&output, entry->member, bound);
    AUDIT_FIELDS(X)
#undef X
    *flags = (uint8_t)((output.is_truncated ? FLAG_TRUNCATED : 0) |
                       (entry->record->path_is_raw ? FLAG_RAW_PATH : 0) |
                       (entry->count > 0 ? FLAG_COUNTED : 0));
    return (size_t)(output.packed.at - out);
}

/* Where the longest entry would not fit this one still may. */
static size_t pack_within(const struct audit_entry *entry, uint8_t *out, size_t capacity)
{
    uint8_t packed[entry_bytes_max];
    size_t length = pack(entry, packed);

    if (length > capacity) {
        return 0;
    }
    memcpy(out, packed, length);
    return length;
}

size_t audit_entry_pack(const struct audit_entry *entry, uint8_t *out, size_t capacity)
{
    return capacity >= entry_bytes_max ? pack(entry, out) : pack_within(entry, out, capacity);
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

static void take_integer(struct audit_entry_reader *reader, size_t bytes, struct audit_value *out)
{
    uint64_t integer = take_big_endian(reader, bytes);

    reader->is_bad |= integer > INT64_MAX;
    out->kind = AUDIT_INTEGER;
    out->integer = (int64_t)integer;
}

void audit_entry_take_long(struct audit_entry_reader *reader, unsigned lead,
                           struct audit_value *out)
{
    switch (lead) {
    case 0xc4:
    case 0xd9:
        audit_entry_take_bytes(reader, take_big_endian(reader, 1), out);
        return;
    case 0xda:
        audit_entry_take_bytes(reader, take_big_endian(reader, 2), out);
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

void audit_entry_read(const uint8_t *bytes, size_t length, struct audit_entry_reader *out)
{
    struct audit_value flags;

    *out = (struct audit_entry_reader){.at = bytes, .end = bytes + length};
    size_t count = take_array(out);
    audit_entry_take(out, &flags);
    if (count == 0 || flags.kind != AUDIT_INTEGER) {
        out->is_bad = true;
        return;
    }
    out->left_count = count - 1;
    out->is_truncated = flags.integer & FLAG_TRUNCATED;
    out->path_is_raw = flags.integer & FLAG_RAW_PATH;
    out->is_counted = flags.integer & FLAG_COUNTED;
}

bool audit_entry_is_whole(struct audit_entry_reader *reader)
{
    struct audit_value value;

    while (reader->left_count > 0 && !reader->is_bad) {
        reader->left_count--;
        audit_entry_take(reader, &value);
    }
    return !reader->is_bad && reader->at == reader->end;
}
