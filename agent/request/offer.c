#include "agent/request/offer.h"

#include "agent/base/enc.h"

/* What marks an API key where other secrets could stand too. */
#define APIKEY_PREFIX STR("rv_")

struct search {
    const struct request *request;
    const struct gate *gate;
    struct arena *arena;
    struct offer found;
    const char *fault;
};

static enum reason refuse(struct search *search, enum reason reason, const char *fault)
{
    search->fault = fault;
    return reason;
}

static bool listens_to(const struct search *search, unsigned kinds)
{
    return (search->gate->accept & kinds) != 0;
}

static enum reason add(struct search *search, enum credential_kind kind, struct str text)
{
    if (!listens_to(search, kind)) {
        return REASON_OK;
    }
    if (search->found.kind != CREDENTIAL_NONE) {
        return refuse(search, REASON_BAD_REQUEST, "two credentials at once");
    }
    search->found = (struct offer){kind, text};
    return REASON_OK;
}

static enum reason find_apikey(struct search *search)
{
    const struct request *request = search->request;

    if (!listens_to(search, CREDENTIAL_APIKEY)) {
        return REASON_OK;
    }
    if (!request_header_is_clear(request->apikey, request->apikey_count)) {
        return refuse(search, REASON_BAD_REQUEST, "apikey: not exactly one");
    }
    return str_is_absent(request->apikey) ? REASON_OK
                                          : add(search, CREDENTIAL_APIKEY, request->apikey);
}

static enum reason find_bearer(struct search *search, struct str token)
{
    bool is_key = str_starts_with(token, APIKEY_PREFIX);

    return add(search, is_key ? CREDENTIAL_APIKEY : CREDENTIAL_JWT, token);
}

/* RFC 7617 2. */
static enum reason find_basic(struct search *search, struct str encoded)
{
    size_t length = 0;

    if (!listens_to(search, CREDENTIAL_APIKEY | CREDENTIAL_BASIC)) {
        return REASON_OK;
    }
    char *text = arena_take(search->arena, OFFER_BASIC_BYTES_MAX);
    if (!text) {
        return refuse(search, REASON_OVERLOAD, "basic: arena");
    }
    enum err err = enc_unbase64(encoded, (uint8_t *)text, OFFER_BASIC_BYTES_MAX, &length);
    if (err != ERR_OK) {
        return refuse(search, REASON_BAD_CREDENTIAL,
                      err == ERR_FULL ? "basic: too long" : "basic: not base64");
    }
    const char *colon = memchr(text, ':', length);
    if (!colon) {
        return refuse(search, REASON_BAD_CREDENTIAL, "basic: no colon");
    }
    struct str pair = str_make(text, length);
    struct str password = str_skip(pair, (size_t)(colon - text) + 1);
    return str_starts_with(password, APIKEY_PREFIX) ? add(search, CREDENTIAL_APIKEY, password)
                                                    : add(search, CREDENTIAL_BASIC, pair);
}

static enum reason find_authorization(struct search *search)
{
    const struct request *request = search->request;
    struct str value = request->authorization;
    struct str scheme;

    if (!listens_to(search, CREDENTIAL_APIKEY | CREDENTIAL_BASIC | CREDENTIAL_JWT)) {
        return REASON_OK;
    }
    if (!request_header_is_clear(value, request->authorization_count)) {
        return refuse(search, REASON_BAD_REQUEST, "authorization: not exactly one");
    }
    if (!str_cut(&value, ' ', &scheme)) {
        return REASON_OK;
    }
    while (value.len > 0 && value.ptr[0] == ' ') {
        value = str_skip(value, 1);
    }
    if (str_equal_nocase(scheme, STR("bearer"))) {
        return find_bearer(search, value);
    }
    if (str_equal_nocase(scheme, STR("basic"))) {
        return find_basic(search, value);
    }
    return REASON_OK;
}

static enum reason find_cert(struct search *search)
{
    return search->request->cert_used ? add(search, CREDENTIAL_CERT, search->request->cert_sha256)
                                      : REASON_OK;
}

enum reason offer_find(const struct request *request, const struct gate *gate, struct arena *arena,
                       struct offer *out, const char **fault)
{
    static enum reason (*const finders[])(struct search *) = {find_apikey, find_authorization,
                                                              find_cert};
    struct search search = {
        .request = request, .gate = gate, .arena = arena, .found = {CREDENTIAL_NONE, STR_ABSENT}};

    for (size_t i = 0; i < sizeof(finders) / sizeof(finders[0]); i++) {
        enum reason reason = finders[i](&search);
        if (reason != REASON_OK) {
            *fault = search.fault;
            return reason;
        }
    }
    *out = search.found;
    return REASON_OK;
}
