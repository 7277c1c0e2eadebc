#include "tests/fuzz/notify_reference.h"

#include <stdlib.h>
#include <string.h>

#include "agent/request/request.h"
#include "tests/fuzz/notify_world.h"
#include "tests/fuzz/offer_reference.h"
#include "tests/unit/request/path_reference.h"

/* ---- arguments ---- */

enum {
    V,
    RID,
    FE,
    SRC,
    TLS,
    METHOD,
    PATH,
    HOST,
    HOST_N,
    AUTHZ,
    AUTHZ_N,
    APIKEY,
    APIKEY_N,
    C_USED,
    C_VERIFY,
    C_SHA256,
    C_DN,
    C_IDN
};

/* i integer, s string, a address, b boolean, d digest. In the order of the enum. */
static const struct {
    const char *name;
    char kind;
} arguments[] = {
    {"v", 'i'},        {"rid", 's'},    {"fe", 's'},       {"src", 'a'},    {"tls", 'b'},
    {"method", 's'},   {"path", 's'},   {"host", 's'},     {"host_n", 'i'}, {"authz", 's'},
    {"authz_n", 'i'},  {"apikey", 's'}, {"apikey_n", 'i'}, {"c_used", 'b'}, {"c_verify", 'i'},
    {"c_sha256", 'd'}, {"c_dn", 's'},   {"c_idn", 's'},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct question {
    unsigned message_count; /* of ours */
    bool is_wrong;          /* an argument is doubled, of another kind or out of range */
    bool is_seen[COUNT(arguments)];
    bool is_given[COUNT(arguments)]; /* and not null */
    struct spop_value values[COUNT(arguments)];
};

static bool has_kind(char kind, const struct spop_value *value)
{
    switch (kind) {
    case 'i':
        return value->type >= 2 && value->type <= 5 && value->number <= INT32_MAX;
    case 's':
        return value->type == 8;
    case 'a':
        return value->type == 6 || value->type == 7;
    case 'b':
        return value->type == 1;
    default:
        return value->type == 9 && value->bytes.length == 32;
    }
}

static void note(struct question *question, struct spop_bytes name, const struct spop_value *value)
{
    for (size_t i = 0; i < COUNT(arguments); i++) {
        if (!spop_is_text(name, arguments[i].name)) {
            continue;
        }
        bool is_null = value->type == 0;
        question->is_wrong |=
            question->is_seen[i] || (!is_null && !has_kind(arguments[i].kind, value));
        question->is_seen[i] = true;
        question->is_given[i] = !is_null;
        question->values[i] = *value;
    }
}

/* False: malformed. */
static bool read_payload(struct spop_bytes payload, struct question *question)
{
    struct spop_bytes message, name;
    struct spop_value value;
    unsigned arg_count;

    while (payload.length > 0) {
        if (!spop_get_message(&payload, &message, &arg_count) || message.length == 0) {
            return false;
        }
        bool is_ours = spop_is_text(message, "reeve-check");
        question->message_count += is_ours;
        for (unsigned i = 0; i < arg_count; i++) {
            if (!spop_get_arg(&payload, &name, &value)) {
                return false;
            }
            if (is_ours && question->message_count == 1) {
                note(question, name, &value);
            }
        }
    }
    return true;
}

static struct str text_of(const struct question *question, size_t argument)
{
    struct spop_bytes bytes = question->values[argument].bytes;

    return question->is_given[argument] ? str_make((const char *)bytes.data, bytes.length)
                                        : STR_ABSENT;
}

static int64_t count_of(const struct question *question, size_t argument)
{
    return question->is_given[argument] ? (int64_t)question->values[argument].number : -1;
}

static bool is_text(struct str text, const char *expected)
{
    return !str_is_absent(text) && text.len == strlen(expected) &&
           memcmp(text.ptr, expected, text.len) == 0;
}

/* ---- host ---- */

enum host_kind { HOST_BAD, HOST_OTHER, HOST_API, HOST_LITERAL };

static const char host_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

static bool is_port(struct str text)
{
    char digits[6] = "";

    if (text.len == 0 || text.len > 5 || text.ptr[0] == '0') {
        return false;
    }
    memcpy(digits, text.ptr, text.len);
    return strspn(digits, "0123456789") == text.len && atoi(digits) <= 65535;
}

static bool is_host_name(struct str name)
{
    if (name.len == 0 || name.len > 255 || name.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '\0' || !strchr(host_letters, c) ||
            (c == '.' && i > 0 && name.ptr[i - 1] == '.')) {
            return false;
        }
    }
    return true;
}

static enum host_kind judge_host(struct str host)
{
    if (str_is_absent(host)) {
        return HOST_OTHER;
    }
    if (host.len > 0 && host.ptr[0] == '[') {
        return HOST_LITERAL;
    }
    const char *colon = host.len > 0 ? memchr(host.ptr, ':', host.len) : NULL;
    struct str name = host;
    if (colon) {
        name.len = (size_t)(colon - host.ptr);
        if (!is_port(str_skip(host, name.len + 1))) {
            return HOST_BAD;
        }
    }
    if (name.len > 1 && name.ptr[name.len - 1] == '.' && name.ptr[name.len - 2] != '.') {
        name.len--;
    }
    if (!is_host_name(name)) {
        return HOST_BAD;
    }
    return str_equal_nocase(name, STR("api.example.com")) ? HOST_API : HOST_OTHER;
}

/* ---- rules ---- */

static bool is_below(struct str path, const char *folder)
{
    size_t length = strlen(folder);

    return path.len >= length && memcmp(path.ptr, folder, length) == 0 &&
           (path.len == length || path.ptr[length] == '/');
}

static bool reads(struct str method)
{
    return is_text(method, "GET") || is_text(method, "HEAD");
}

static bool alice_may(struct str method, struct str path, enum host_kind host)
{
    if (str_equal_nocase(path, STR("/v1/orders/secret")) ||
        str_equal_nocase(path, STR("/v1/orders/secret/"))) {
        return false;
    }
    return (reads(method) && is_below(path, "/v1/orders")) ||
           (is_text(method, "PUT") && is_text(path, "/v1/payments/alice") && host == HOST_API);
}

static bool guest_may(struct str method, struct str path)
{
    return reads(method) && is_below(path, "/public");
}

static bool is_near(const struct spop_value *source)
{
    static const uint8_t network[] = {192, 0, 2};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *bytes = source->bytes.data;

    if (source->type == 7) {
        if (memcmp(bytes, mapped, sizeof(mapped)) != 0) {
            return false;
        }
        bytes += sizeof(mapped);
    }
    return memcmp(bytes, network, sizeof(network)) == 0;
}

/* ---- certificates ---- */

static bool is_all(struct str bytes, char byte)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] != byte) {
            return false;
        }
    }
    return true;
}

static bool uses_cert(const struct question *question)
{
    return question->is_given[C_USED] && question->values[C_USED].number != 0;
}

/* All subjects of the section have "O=Corp" behind the name, and of users there are two. */
static bool is_alices_cert(const struct question *question)
{
    struct str digest = text_of(question, C_SHA256);

    if (!uses_cert(question) || count_of(question, C_VERIFY) != 0 || str_is_absent(digest)) {
        return false;
    }
    if (is_all(digest, WORLD_CERT_DISABLED) || is_all(digest, WORLD_CERT_BOBS)) {
        return false;
    }
    return is_all(digest, WORLD_CERT_GOOD) || (is_text(text_of(question, C_IDN), "CN=CA") &&
                                               is_text(text_of(question, C_DN), "CN=alice,O=Corp"));
}

/* ---- who ---- */

/* NULL: nobody who may do anything; "": a guest. */
static const char *who(const struct question *question, unsigned accept, bool takes_guests)
{
    const struct request headers = {.authorization = text_of(question, AUTHZ),
                                    .authorization_count = count_of(question, AUTHZ_N),
                                    .apikey = text_of(question, APIKEY),
                                    .apikey_count = count_of(question, APIKEY_N),
                                    .cert_used = uses_cert(question),
                                    .cert_sha256 = text_of(question, C_SHA256)};
    struct offer_reference offer = offer_reference(&headers, accept);

    if (offer.reason != REASON_OK) {
        return NULL;
    }
    if (offer.kind == CREDENTIAL_NONE) {
        return takes_guests ? "" : NULL;
    }
    if (offer.kind == CREDENTIAL_CERT) {
        return is_alices_cert(question) ? "alice" : NULL;
    }
    bool is_good = is_text(offer.text, WORLD_KEY_GOOD) ||
                   (is_text(offer.text, WORLD_KEY_NEAR) && is_near(&question->values[SRC]));
    return is_good ? "alice" : NULL;
}

static const char *who_at(const struct question *question, struct str gate)
{
    unsigned accept = CREDENTIAL_APIKEY | (is_text(gate, "door") ? CREDENTIAL_CERT : 0u);

    if (is_text(gate, "both") && !is_alices_cert(question)) {
        return NULL;
    }
    return who(question, accept, is_text(gate, "open"));
}

static bool is_gate(struct str name)
{
    static const char *const gates[] = {"fe", "open", "rewrite", "door", "both"};

    for (size_t i = 0; i < COUNT(gates); i++) {
        if (is_text(name, gates[i])) {
            return true;
        }
    }
    return false;
}

static bool is_complete(const struct question *question)
{
    struct str host = text_of(question, HOST);
    int64_t host_count = count_of(question, HOST_N);

    return question->message_count == 1 && !question->is_wrong && question->is_given[SRC] &&
           question->is_given[METHOD] && question->is_given[PATH] && count_of(question, V) == 1 &&
           (str_is_absent(host) ? host_count <= 0 : host_count == 1);
}

static enum notify_answer judge(const struct question *question, struct notify_reference *out)
{
    struct str gate = text_of(question, FE);
    struct str method = text_of(question, METHOD);
    enum host_kind host = judge_host(text_of(question, HOST));
    bool rewrites = is_text(gate, "rewrite");
    bool is_different;

    if (!is_complete(question) || host == HOST_BAD || !is_gate(gate)) {
        return NOTIFY_DENY;
    }
    if (path_reference(text_of(question, PATH), 0, out->path, &out->path_length, &is_different) !=
            REASON_OK ||
        (is_different && !rewrites)) {
        return NOTIFY_DENY;
    }
    out->user = who_at(question, gate);
    struct str path = str_make(out->path, out->path_length);
    bool may =
        out->user && (out->user[0] ? alice_may(method, path, host) : guest_may(method, path));
    return !may ? NOTIFY_DENY : host == HOST_LITERAL ? NOTIFY_EITHER : NOTIFY_ALLOW;
}

void notify_reference(struct spop_bytes payload, struct notify_reference *out)
{
    struct question question = {0};

    if (!read_payload(payload, &question)) {
        out->answer = NOTIFY_MALFORMED;
    } else if (question.message_count == 0) {
        out->answer = NOTIFY_UNKNOWN;
    } else {
        out->answer = judge(&question, out);
    }
}
