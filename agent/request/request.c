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

static const unsigned wire_types[] = {
    [KIND_INTEGER] = WIRE(SPOE_INT32) | WIRE(SPOE_UINT32) | WIRE(SPOE_INT64) | WIRE(SPOE_UINT64),
    [KIND_BOOLEAN] = WIRE(SPOE_BOOL),
    [KIND_STRING] = WIRE(SPOE_STRING),
    [KIND_DIGEST] = WIRE(SPOE_BINARY),
    [KIND_ADDRESS] = WIRE(SPOE_IPV4) | WIRE(SPOE_IPV6),
};

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

struct argument {
    struct str name;
    enum kind kind;
    size_t offset;
    const char *missing;
    const char *doubled;
    const char *wrong_kind;
    const char *out_of_range;
};

static const struct argument arguments[] = {
#define ARGUMENT(id, wire, member, is_required)                                                    \
    {                                                                                              \
        .name = {#id, sizeof(#id) - 1},                                                            \
        .kind = KIND_##wire,                                                                       \
        .offset = offsetof(struct request, member),                                                \
        .missing = #id ": missing",                                                                \
        .doubled = #id ": doubled",                                                                \
        .wrong_kind = #id ": wrong kind",                                                          \
        .out_of_range = #id ": out of range",                                                      \
    },
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
    const struct str own = arguments[index].name;

    return own.len == name.length && is_same_name(own.ptr, name.data, own.len);
}

/* The argument's index in the table; ARGUMENT_COUNT where it has none. */
static size_t find(struct request_layout *layout, unsigned position, struct spoe_bytes name)
{
    uint8_t *remembered =
        layout && position < REQUEST_ARGS_MAX ? &layout->argument_of[position] : NULL;

    if (remembered && *remembered > 0 && has_name(*remembered - 1u, name)) {
        return *remembered - 1u;
    }
    for (size_t i = 0; i < ARGUMENT_COUNT; i++) {
        if (has_name(i, name)) {
            if (remembered) {
                *remembered = (uint8_t)(i + 1);
            }
            return i;
        }
    }
    return ARGUMENT_COUNT;
}

static struct str to_str(struct spoe_bytes bytes)
{
    return str_make(bytes.data ? (const char *)bytes.data : "", bytes.length);
}

/* NULL, or what is wrong. The type is one that the argument's kind takes. */
static const char *store(const struct argument *argument, const struct spoe_value *value,
                         void *slot)
{
    switch (argument->kind) {
    case KIND_INTEGER:
        /* Negative numbers come as two's complement, so they are above the maximum too. */
        if (value->number > INT32_MAX) {
            return argument->out_of_range;
        }
        *(int64_t *)slot = (int64_t)value->number;
        break;
    case KIND_BOOLEAN:
        *(bool *)slot = value->boolean;
        break;
    case KIND_DIGEST:
        if (value->bytes.length != DIGEST_BYTES) {
            return argument->out_of_range;
        }
        *(struct str *)slot = to_str(value->bytes);
        break;
    case KIND_STRING:
        *(struct str *)slot = to_str(value->bytes);
        break;
    case KIND_ADDRESS:
        *(struct ip *)slot = ip_from_bytes(value->bytes.data, value->bytes.length);
        break;
    }
    return NULL;
}

static void take(struct reading *reading, size_t index, const struct spoe_value *value)
{
    const struct argument *argument = &arguments[index];
    const uint32_t bit = 1u << index;
    void *slot = (char *)reading->request + argument->offset;

    if (reading->seen_set & bit) {
        fail(reading->request, argument->doubled);
        return;
    }
    reading->seen_set |= bit;
    if (value->type == SPOE_NULL) {
        return;
    }
    if (!(wire_types[argument->kind] & WIRE(value->type))) {
        fail(reading->request, argument->wrong_kind);
        return;
    }
    const char *wrong = store(argument, value, slot);
    if (wrong) {
        fail(reading->request, wrong);
        return;
    }
    reading->given_set |= bit;
}

static void read_arguments(struct reading *reading, struct spoe_messages *list)
{
    struct spoe_arg arg;

    for (unsigned position = 0; spoe_message_next_arg(list, &arg); position++) {
        size_t index = find(reading->layout, position, arg.name);
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
            fail(reading->request, arguments[i].missing);
        }
    }
}

static void check(const struct reading *reading)
{
    struct request *request = reading->request;

    check_required(reading);
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
    struct reading reading = {.request = out, .layout = layout};
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
    check(&reading);
    return REQUEST_PARSED;
}
