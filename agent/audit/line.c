#include "agent/audit/line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/base/copy.h"
#include "agent/base/enc.h"

/* A text may take this many times its bound once it is escaped. */
#define ESCAPED_SHARE 2
#define HEX_SHARE     2

#define TIME_CHARS   (sizeof("\"2024-05-06T07:08:09.123456Z\"") - 1)
#define NUMBER_CHARS (sizeof("18446744073709551615") - 1)

/* ,"": and the quotes of the value */
#define FIELD_CHARS(name) (sizeof(name) + 6)

#define CHARS_text(name, bound) (FIELD_CHARS(name) + ESCAPED_SHARE * (bound))
#define CHARS_wire(name, bound)                                                                    \
    (CHARS_text(name, bound) + FIELD_CHARS(name "_hex") + HEX_SHARE * (bound))
#define CHARS_reason(name, bound)  CHARS_text(name, bound)
#define CHARS_time(name, bound)    (FIELD_CHARS(name) + TIME_CHARS)
#define CHARS_number(name, bound)  (FIELD_CHARS(name) + NUMBER_CHARS)
#define CHARS_count(name, bound)   CHARS_number(name, bound)
#define CHARS_flag(name, bound)    (FIELD_CHARS(name) + sizeof("true"))
#define CHARS_address(name, bound) (FIELD_CHARS(name) + AUDIT_ADDRESS_TEXT_MAX)

#define X(kind, id, member, name, bound, meaning) +CHARS_##kind(name, bound)
_Static_assert(AUDIT_FIELDS(X) + sizeof(((struct audit_line_origin *)0)->text) +
                       sizeof(((struct audit_line_origin *)0)->id_text) + 100 <=
                   AUDIT_LINE_MAX,
               "a line of all fields at their bounds is too long");
#undef X
#define X(kind, id, member, name, bound, meaning)                                                  \
    _Static_assert(AUDIT_LINE_MAX + ENC_JSON_MAX(bound) <= AUDIT_LINE_ROOM, name);
AUDIT_FIELDS(X)
#undef X

struct printer {
    char *at;
    struct str label; /* of the field that is printed, as it stands before its value */
    const struct audit_line_origin *origin;
    uint64_t sequence;
    struct audit_line_clock *clock;
    bool is_truncated;
    bool is_counted;
};

static inline void put(struct printer *printer, struct str s)
{
    printer->at = copy_bytes(printer->at, s.ptr, s.len);
}

/* Of a constant length: a move or two. */
__attribute__((always_inline)) static inline void put_constant(struct printer *printer,
                                                               struct str s)
{
    memcpy(printer->at, s.ptr, s.len);
    printer->at += s.len;
}

static void put_number(struct printer *printer, uint64_t number)
{
    char digits[NUMBER_CHARS];
    size_t first = sizeof(digits);

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(printer, str_make(digits + first, sizeof(digits) - first));
}

/* Cuts *s where its escaped form is above `most`. */
static void put_escaped(struct printer *printer, struct str *s, size_t most)
{
    size_t written = enc_json(*s, printer->at);

    if (written > most) {
        *s = audit_text_cut(*s, most / ENC_JSON_MAX(1));
        written = enc_json(*s, printer->at);
        printer->is_truncated = true;
    }
    printer->at += written;
}

static inline void print_text(struct printer *printer, const struct audit_value *value,
                              size_t bound)
{
    struct str text = value->bytes;

    *printer->at++ = '"';
    put_escaped(printer, &text, ESCAPED_SHARE * bound);
    *printer->at++ = '"';
}

static void print_hex(struct printer *printer, struct str bytes)
{
    struct str name = printer->label;

    name.len -= sizeof("\":") - 1;
    put(printer, name);
    put(printer, STR("_hex\":\""));
    enc_hex((const uint8_t *)bytes.ptr, bytes.len, printer->at);
    printer->at += 2 * bytes.len;
    *printer->at++ = '"';
}

static inline void print_wire(struct printer *printer, const struct audit_value *value,
                              size_t bound)
{
    struct str text = value->bytes;

    *printer->at++ = '"';
    char *begin = printer->at;
    put_escaped(printer, &text, ESCAPED_SHARE * bound);
    bool is_escaped = (size_t)(printer->at - begin) != text.len;
    *printer->at++ = '"';
    if (is_escaped && !enc_is_utf8(text)) {
        print_hex(printer, text);
    }
}

static inline void print_reason(struct printer *printer, const struct audit_value *value,
                                size_t bound)
{
    print_text(printer, value, bound);
}

static inline void print_number(struct printer *printer, const struct audit_value *value,
                                size_t bound)
{
    (void)bound;
    put_number(printer, (uint64_t)value->integer);
}

static inline void print_count(struct printer *printer, const struct audit_value *value,
                               size_t bound)
{
    print_number(printer, value, bound);
}

static inline void print_flag(struct printer *printer, const struct audit_value *value,
                              size_t bound)
{
    (void)value;
    (void)bound;
    put_constant(printer, STR("true"));
}

static inline void print_address(struct printer *printer, const struct audit_value *value,
                                 size_t bound)
{
    static const struct audit_privacy none;
    const struct audit_privacy *privacy =
        printer->origin->privacy ? printer->origin->privacy : &none;
    struct ip ip = ip_from_bytes(value->bytes.ptr, value->bytes.len);
    char text[AUDIT_ADDRESS_TEXT_MAX];

    (void)bound;
    *printer->at++ = '"';
    put(printer, str_make(text, audit_privacy_print(privacy, ip, printer->is_counted, text)));
    *printer->at++ = '"';
}

static void set_clock(struct audit_line_clock *clock, int64_t second)
{
    time_t time = (time_t)second;
    struct tm tm = {0};

    gmtime_r(&time, &tm);
    strftime(clock->text, sizeof(clock->text), "%Y-%m-%dT%H:%M:%S", &tm);
    clock->second = second;
}

static inline void print_time(struct printer *printer, const struct audit_value *value,
                              size_t bound)
{
    int64_t second = value->integer / 1000000;
    uint32_t fraction = (uint32_t)(value->integer % 1000000);
    char digits[6];

    (void)bound;
    if (printer->clock->second != second || printer->clock->text[0] == '\0') {
        set_clock(printer->clock, second);
    }
    for (size_t i = sizeof(digits); i-- > 0; fraction /= 10) {
        digits[i] = (char)('0' + fraction % 10);
    }
    *printer->at++ = '"';
    put(printer, str_make(printer->clock->text, sizeof(printer->clock->text) - 1));
    *printer->at++ = '.';
    put(printer, str_make(digits, sizeof(digits)));
    put_constant(printer, STR("Z\""));
}

static void print_origin(struct printer *printer)
{
    put(printer, str_make(printer->origin->text, printer->origin->length));
    put_number(printer, printer->sequence);
    put(printer, str_make(printer->origin->id_text, printer->origin->id_length));
    put_number(printer, printer->sequence);
    *printer->at++ = '"';
}

/* In the order of the table; the origin stands behind the time. */
static void print_fields(struct printer *printer, struct audit_entry_reader *reader)
{
    const struct str raw_path = STR(",\"path_raw\":");
    struct audit_value value;

#define X(kind, id, member, name, bound, meaning)                                                  \
    if (audit_entry_next(reader, AUDIT_FIELD_##id, &value)) {                                      \
        bool is_raw = AUDIT_FIELD_##id == AUDIT_FIELD_PATH && reader->path_is_raw;                 \
        const struct str label = is_raw ? raw_path : STR(",\"" name "\":");                        \
        put_constant(printer, label);                                                              \
        printer->label = label;                                                                    \
        print_##kind(printer, &value, bound);                                                      \
    }                                                                                              \
    if (AUDIT_FIELD_##id == AUDIT_FIELD_TIME) {                                                    \
        print_origin(printer);                                                                     \
    }
    AUDIT_FIELDS(X)
#undef X
}

size_t audit_line_print(const struct audit_line_origin *origin, struct audit_line_clock *clock,
                        const struct audit_ring_record *record, bool is_redelivered, char *out)
{
    struct audit_entry_reader reader;
    struct printer printer = {
        .at = out, .origin = origin, .sequence = record->sequence, .clock = clock};

    audit_entry_read(record->data, record->length, &reader);
    printer.is_truncated = reader.is_truncated;
    printer.is_counted = reader.is_counted;
    put_constant(&printer, STR("{\"v\":1"));
    print_fields(&printer, &reader);
    if (printer.is_truncated) {
        put(&printer, STR(",\"truncated\":true"));
    }
    if (is_redelivered) {
        put(&printer, STR(",\"redelivered\":true"));
    }
    put_constant(&printer, STR("}\n"));
    struct str line = str_make(out, (size_t)(printer.at - out));
    bool is_ours = audit_entry_is_whole(&reader) && str_starts_with(line, STR(AUDIT_LINE_BEGIN));
    return is_ours ? line.len : 0;
}

void audit_line_origin(const struct audit_ring_birth *birth, struct audit_line_origin *out)
{
    struct str agent = audit_text_cut(str_from_c(birth->agent), AUDIT_RING_AGENT_MAX);
    char escaped[ENC_JSON_MAX(AUDIT_RING_AGENT_MAX)];
    size_t length = enc_json(agent, escaped);

    out->boot_offset =
        (size_t)snprintf(out->text, sizeof(out->text), ",\"agent\":\"%.*s\"", (int)length, escaped);
    out->length =
        out->boot_offset + (size_t)snprintf(out->text + out->boot_offset,
                                            sizeof(out->text) - out->boot_offset,
                                            ",\"boot\":\"%s\",\"worker\":%u,\"seq\":", birth->boot,
                                            (unsigned)birth->worker);
    out->privacy = NULL;
    out->id_length = (size_t)snprintf(out->id_text, sizeof(out->id_text), ",\"id\":\"%s-%u-",
                                      birth->boot, (unsigned)birth->worker);
}

/* What is looked for has quotes without a backslash before them, so no text of a client can hold
 * it: in a JSON string it would stand escaped. */
uint64_t audit_line_sequence(const struct audit_line_origin *origin, const char *line,
                             size_t length)
{
    struct str begin = STR(AUDIT_LINE_BEGIN), rest = str_make(line, length), digits;
    size_t needle_length = origin->length - origin->boot_offset;
    uint64_t sequence = 0;

    if (!str_starts_with(rest, begin)) {
        return 0;
    }
    const char *found = memmem(line, length, origin->text + origin->boot_offset, needle_length);
    if (!found) {
        return 0;
    }
    rest = str_skip(rest, (size_t)(found - line) + needle_length);
    if (!str_cut(&rest, ',', &digits) || str_is_absent(rest) ||
        !str_to_uint64(digits, UINT64_MAX, &sequence)) {
        return 0;
    }
    return sequence;
}
