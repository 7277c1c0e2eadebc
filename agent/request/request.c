#include "agent/request/request.h"

#include <stddef.h>

/* What an argument may carry on the wire, and what its slot in struct request holds. */
enum kind {
    KIND_INTEGER, /* int64_t, 0..INT32_MAX: versions, counts and X.509 codes need no more */
    KIND_BOOLEAN, /* bool */
    KIND_STRING,  /* struct str */
    KIND_DIGEST,  /* struct str of DIGEST_BYTES */
    KIND_ADDRESS, /* struct ip */
};

#define DIGEST_BYTES 32
#define WIRE(type)   (1u << (type))

/*
 * The contract's arguments (DESIGN 3), in the order of the shipped SPOE configuration:
 * name, kind, member of struct request, whether it is required.
 */
#define ARGUMENT_TABLE(X)                                                                          \
    X(v, INTEGER, version, 1)                                                                      \
    X(rid, STRING, rid, 0)                                                                         \
    X(fe, STRING, frontend, 0)                                                                     \
    X(src, ADDRESS, source, 1)                                                                     \
    X(tls, BOOLEAN, is_tls, 0)                                                                     \
    X(method, STRING, method, 1)                                                                   \
    X(path, STRING, path, 1)                                                                       \
    X(host, STRING, host, 0)                                                                       \
    X(host_n, INTEGER, host_count, 0)                                                              \
    X(authz, STRING, authorization, 0)                                                             \
    X(authz_n, INTEGER, authorization_count, 0)                                                    \
    X(apikey, STRING, apikey, 0)                                                                   \
    X(apikey_n, INTEGER, apikey_count, 0)                                                          \
    X(c_used, BOOLEAN, cert_used, 0)                                                               \
    X(c_verify, INTEGER, cert_verify, 0)                                                           \
    X(c_sha256, DIGEST, cert_sha256, 0)                                                            \
    X(c_dn, STRING, cert_subject, 0)                                                               \
    X(c_idn, STRING, cert_issuer, 0)

/* What reading one takes: this runs for every argument, so it is short and without pointers. */
struct argument {
    char name[8]; /* not terminated where it is that long */
    uint8_t name_length;
    uint8_t kind;
    uint16_t offset;
    uint32_t wire_types;
};

_Static_assert(sizeof(struct argument) == 16, "an argument is no longer found by a shift");

#define TYPES_INTEGER (WIRE(SPOE_INT32) | WIRE(SPOE_UINT32) | WIRE(SPOE_INT64) | WIRE(SPOE_UINT64))
#define TYPES_BOOLEAN WIRE(SPOE_BOOL)
#define TYPES_STRING  WIRE(SPOE_STRING)
#define TYPES_DIGEST  WIRE(SPOE_BINARY)
#define TYPES_ADDRESS (WIRE(SPOE_IPV4) | WIRE(SPOE_IPV6))

static const struct argument arguments[] = {
#define ARGUMENT(id, wire, member, is_required)                                                    \
    {                                                                                              \
        .name = #id,                                                                               \
        .name_length = sizeof(#id) - 1,                                                            \
        .kind = KIND_##wire,                                                                       \
        .offset = offsetof(struct request, member),                                                \
        .wire_types = TYPES_##wire,                                                                \
    },
    ARGUMENT_TABLE(ARGUMENT)
#undef ARGUMENT
};

static const struct {
    const char *missing;
    const char *doubled;
    const char *wrong_kind;
    const char *out_of_range;
} faults[] = {
#define ARGUMENT(id, wire, member, is_required)                                                    \
    {#id ": missing", #id ": doubled", #id ": wrong kind", #id ": out of range"},
    ARGUMENT_TABLE(ARGUMENT)
#undef ARGUMENT
};

#define ARGUMENT_COUNT (sizeof(arguments) / sizeof(arguments[0]))

enum argument_index {
#define ARGUMENT(id, wire, member, is_required) INDEX_##id,
    ARGUMENT_TABLE(ARGUMENT)
#undef ARGUMENT
};

/* Sets of arguments, one bit each. */
#define ARGUMENT(id, wire, member, is_required) | ((is_required##u) << INDEX_##id)
static const uint32_t required_set = 0u ARGUMENT_TABLE(ARGUMENT);
#undef ARGUMENT
_Static_assert(ARGUMENT_COUNT <= 32, "an argument has no bit");

struct reading {
    struct request *request;
    struct request_layout *layout;
    uint32_t seen_set;  /* the name was there */
    uint32_t given_set; /* and a value of the right kind */
};

static void fail(struct request *request, const char *text)
{
    if (request->fault == REASON_OK) {
        request->fault = REASON_BAD_REQUEST;
        request->fault_text = text;
    }
}

/* memcmp() of a width that is known here is one comparison, of a variable one a call; so a name is
 * compared by its first and its last word, which may overlap. */
static inline bool is_same_name(const char *a, const uint8_t *b, size_t length)
{
    if (length >= 4) {
        return memcmp(a, b, 4) == 0 && memcmp(a + length - 4, b + length - 4, 4) == 0;
    }
    if (length >= 2) {
        return memcmp(a, b, 2) == 0 && memcmp(a + length - 2, b + length - 2, 2) == 0;
    }
    return memcmp(a, b, 1) == 0;
}

#define ARGUMENT(id, wire, member, is_required)                                                    \
    _Static_assert(sizeof(#id) - 1 <= 8, "a name is longer than two words");
ARGUMENT_TABLE(ARGUMENT)
#undef ARGUMENT

static inline bool has_name(size_t index, struct spoe_bytes name)
{
    const struct argument *own = &arguments[index];

    return own->name_length == name.length && is_same_name(own->name, name.data, name.length);
}

/* The argument's index in the table; ARGUMENT_COUNT where it has none. */
static size_t search(struct spoe_bytes name)
{
    size_t index = 0;

    while (index < ARGUMENT_COUNT && !has_name(index, name)) {
        index++;
    }
    return index;
}

/* The same, by what stood at this position the last time: *remembered is one more than its index,
 * 0 for nothing. */
static inline size_t find(uint8_t *remembered, struct spoe_bytes name)
{
    size_t index = *remembered - 1u;

    if (*remembered > 0 && has_name(index, name)) {
        return index;
    }
    index = search(name);
    if (index < ARGUMENT_COUNT) {
        *remembered = (uint8_t)(index + 1);
    }
    return index;
}

static struct str to_str(struct spoe_bytes bytes)
{
    return str_make(bytes.data ? (const char *)bytes.data : "", bytes.length);
}

/* False: out of range. The type is one that the argument's kind takes. */
static inline bool store(enum kind kind, const struct spoe_value *value, void *slot)
{
    switch (kind) {
    case KIND_STRING:
        *(struct str *)slot = to_str(value->bytes);
        return true;
    case KIND_INTEGER:
        /* Negative numbers come as two's complement, so they are above the maximum too. */
        *(int64_t *)slot = value->number <= INT32_MAX ? (int64_t)value->number : *(int64_t *)slot;
        return value->number <= INT32_MAX;
    case KIND_BOOLEAN:
        *(bool *)slot = value->boolean;
        return true;
    case KIND_DIGEST:
        if (value->bytes.length != DIGEST_BYTES) {
            return false;
        }
        *(struct str *)slot = to_str(value->bytes);
        return true;
    case KIND_ADDRESS:
        *(struct ip *)slot = ip_from_bytes(value->bytes.data, value->bytes.length);
        return true;
    }
    return false;
}

static inline void take(struct reading *reading, size_t index, const struct spoe_value *value)
{
    const struct argument *argument = &arguments[index];
    const uint32_t bit = 1u << index;

    if (reading->seen_set & bit) {
        fail(reading->request, faults[index].doubled);
        return;
    }
    reading->seen_set |= bit;
    if (value->type == SPOE_NULL) {
        return;
    }
    if (!(argument->wire_types & WIRE(value->type))) {
        fail(reading->request, faults[index].wrong_kind);
        return;
    }
    if (!store(argument->kind, value, (char *)reading->request + argument->offset)) {
        fail(reading->request, faults[index].out_of_range);
        return;
    }
    reading->given_set |= bit;
}

/* What stands beyond the remembered positions is searched for. */
static void read_arguments(struct reading *reading, struct spoe_messages *list)
{
    uint8_t *remembered = reading->layout->argument_of;
    const uint8_t *end = remembered + REQUEST_ARGS_MAX;
    struct spoe_arg arg;

    while (spoe_message_next_arg(list, &arg)) {
        size_t index = remembered < end ? find(remembered++, arg.name) : search(arg.name);

        if (index < ARGUMENT_COUNT) {
            take(reading, index, &arg.value);
        }
    }
}

/* RFC 9110 5.6.2. */
static bool is_token_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_method(struct str method)
{
    for (size_t i = 0; i < method.len; i++) {
        if (!is_token_byte(method.ptr[i])) {
            return false;
        }
    }
    return method.len > 0 && method.len <= REQUEST_METHOD_BYTES_MAX;
}

static void check_required(const struct reading *reading)
{
    const uint32_t missing_set = required_set & ~reading->given_set;

    for (size_t i = 0; missing_set != 0 && i < ARGUMENT_COUNT; i++) {
        if (missing_set & (1u << i)) {
            fail(reading->request, faults[i].missing);
        }
    }
}

void request_check(struct request *request)
{
    if (request->version != 1) {
        fail(request, "v: not 1");
    }
    if (!is_method(request->method)) {
        fail(request, "method: not a token");
    }
    if (request->path.len == 0) {
        fail(request, "path: empty");
    }
    if (!request_header_is_clear(request->host, request->host_count)) {
        fail(request, "host: not exactly one");
    }
}

enum request_parse request_parse(struct spoe_bytes payload, struct request_layout *layout,
                                 struct request *out)
{
    static const struct str own_name = {"reeve-check", sizeof("reeve-check") - 1};
    struct request_layout unused = {0};
    struct reading reading = {.request = out, .layout = layout ? layout : &unused};
    struct spoe_messages list;
    struct spoe_message message;
    bool is_ours = false;

    *out = (struct request){.host_count = -1,
                            .authorization_count = -1,
                            .apikey_count = -1,
                            .cert_verify = -1,
                            .fault = REASON_OK};
    spoe_messages_begin(&list, payload);
    while (spoe_messages_next(&list, &message)) {
        if (!str_equal(to_str(message.name), own_name)) {
            continue;
        }
        if (is_ours) {
            fail(out, "reeve-check: doubled");
            continue;
        }
        is_ours = true;
        read_arguments(&reading, &list);
    }
    if (spoe_messages_failed(&list)) {
        fail(out, "payload: malformed");
        return REQUEST_MALFORMED;
    }
    if (!is_ours) {
        return REQUEST_UNKNOWN;
    }
    check_required(&reading);
    request_check(out);
    return REQUEST_PARSED;
}
