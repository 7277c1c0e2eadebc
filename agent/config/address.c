#include "agent/config/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"

#define REDIS_PORT   6379
#define DATABASE_MAX 65535
#define HOST_MAX     253

static enum err fail(struct diag *diag, const char *what)
{
    diag_set(diag, "%s", what);
    return ERR_SYNTAX;
}

static char *copy(struct str s)
{
    return strndup(s.ptr, s.len);
}

/* Cuts `text` after its last `separator`: what is behind it goes to *tail, absent without one. */
static struct str cut_last(struct str text, char separator, struct str *tail)
{
    const char *found = text.len ? memrchr(text.ptr, separator, text.len) : NULL;

    *tail = STR_ABSENT;
    if (!found) {
        return text;
    }
    *tail = str_skip(text, (size_t)(found - text.ptr) + 1);
    return str_make(text.ptr, (size_t)(found - text.ptr));
}

static bool is_numeric(struct str host, int family)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];

    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(family, text, bytes) == 1;
}

static bool is_host_name(struct str host)
{
    if (host.len == 0 || host.len > HOST_MAX || host.ptr[0] == '-' || host.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        if (host.ptr[i] == '@' || !str_is_name(str_make(host.ptr + i, 1))) {
            return false;
        }
    }
    return true;
}

/* "host:port" or "[v6]:port". *port is absent where there is none, *host without brackets. */
static bool split_host(struct str text, struct str *host, struct str *port, bool *is_v6)
{
    *is_v6 = text.len > 0 && text.ptr[0] == '[';
    if (!*is_v6) {
        *host = cut_last(text, ':', port);
        return true;
    }
    struct str rest;
    *host = str_skip(cut_last(text, ']', &rest), 1);
    if (str_is_absent(rest) || (rest.len > 0 && rest.ptr[0] != ':')) {
        return false;
    }
    *port = rest.len > 0 ? str_skip(rest, 1) : STR_ABSENT;
    return true;
}

static bool parse_port(struct str text, uint16_t *port)
{
    uint64_t number;

    if (!str_to_uint64(text, UINT16_MAX, &number) || number == 0) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static enum err parse_unix(struct str path, struct config_address *out, struct diag *diag)
{
    if (path.len == 0 || path.ptr[0] != '/') {
        return fail(diag, "the path of a unix socket must be absolute: unix:///run/...");
    }
    if (path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        return fail(diag, "the path of the unix socket is too long");
    }
    out->type = CONFIG_ADDRESS_UNIX;
    out->host = copy(path);
    return out->host ? ERR_OK : ERR_MEMORY;
}

static enum err parse_tcp(struct str text, struct config_address *out, struct diag *diag)
{
    struct str host, port;
    bool is_v6;

    if (!split_host(text, &host, &port, &is_v6) || !is_numeric(host, is_v6 ? AF_INET6 : AF_INET)) {
        return fail(diag, "expected a numeric address: tcp://127.0.0.1:9600 or tcp://[::1]:9600");
    }
    if (!parse_port(port, &out->port)) {
        return fail(diag, "expected a port from 1 to 65535");
    }
    out->type = CONFIG_ADDRESS_TCP;
    out->host = copy(host);
    return out->host ? ERR_OK : ERR_MEMORY;
}

/* Ends a parse: the address with its text, or nothing of it. */
static enum err finish(enum err e, struct str text, struct config_address *address,
                       struct config_address *out)
{
    if (e == ERR_OK) {
        address->text = copy(text);
        e = address->text ? ERR_OK : ERR_MEMORY;
    }
    if (e != ERR_OK) {
        address_free(address);
        return e;
    }
    *out = *address;
    return ERR_OK;
}

enum err address_parse(struct str text, struct config_address *out, struct diag *diag)
{
    struct config_address address = {0};
    enum err e;

    if (str_starts_with(text, STR("tcp://"))) {
        e = parse_tcp(str_skip(text, 6), &address, diag);
    } else if (str_starts_with(text, STR("unix://"))) {
        e = parse_unix(str_skip(text, 7), &address, diag);
    } else {
        e = fail(diag, "expected tcp://ADDRESS:PORT or unix:///PATH");
    }
    return finish(e, text, &address, out);
}

static enum err parse_sentinel(struct str text, struct config_address *out, struct diag *diag)
{
    struct str host, port;
    bool is_v6;

    if (!split_host(text, &host, &port, &is_v6) ||
        !(is_v6 ? is_numeric(host, AF_INET6) : is_host_name(host))) {
        return fail(diag, "expected tcp://HOST:PORT");
    }
    if (!parse_port(port, &out->port)) {
        return fail(diag, "expected a port from 1 to 65535");
    }
    out->type = CONFIG_ADDRESS_TCP;
    out->host = copy(host);
    return out->host ? ERR_OK : ERR_MEMORY;
}

enum err address_parse_sentinel(struct str text, struct config_address *out, struct diag *diag)
{
    struct config_address address = {0};
    enum err e = str_starts_with(text, STR("tcp://"))
                     ? parse_sentinel(str_skip(text, 6), &address, diag)
                     : fail(diag, "expected tcp://HOST:PORT");

    return finish(e, text, &address, out);
}

void address_free(struct config_address *address)
{
    free(address->text);
    free(address->host);
    *address = (struct config_address){0};
}

/* RFC 3986 2.1. NULL where an escape is broken or stands for NUL, or memory is out. */
static char *percent_decode(struct str text)
{
    char *decoded = malloc(text.len + 1);
    size_t length = 0;

    for (size_t i = 0; decoded && i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];

        if (byte == '%') {
            size_t left = text.len - i - 1;

            if (!enc_unhex(str_make(text.ptr + i + 1, left < 2 ? left : 2), &byte, 1) ||
                byte == 0) {
                crypto_wipe(decoded, length);
                free(decoded);
                return NULL;
            }
            i += 2;
        }
        decoded[length++] = (char)byte;
    }
    if (decoded) {
        decoded[length] = '\0';
    }
    return decoded;
}

static bool has_delimiter(struct str text)
{
    return memchr(text.ptr, '@', text.len) || memchr(text.ptr, '/', text.len) ||
           memchr(text.ptr, '?', text.len) || memchr(text.ptr, '#', text.len);
}

static enum err parse_login(struct str login, struct config_store *out, struct diag *diag)
{
    struct str password = login, user;

    (void)str_cut(&password, ':', &user);
    if (has_delimiter(login)) {
        return fail(diag, "'@', '/', '?' and '#' in user or password must be percent-encoded");
    }
    if (user.len > 0 && !(out->user = percent_decode(user))) {
        return fail(diag, "a broken %-escape in the user");
    }
    if (password.len > 0 && !(out->password = percent_decode(password))) {
        return fail(diag, "a broken %-escape in the password");
    }
    if (str_is_absent(password) ? user.len == 0 : password.len == 0) {
        return fail(diag, "an empty user or password before the '@'");
    }
    return ERR_OK;
}

static enum err parse_database(struct str text, struct config_store *out, struct diag *diag)
{
    uint64_t number = 0;

    if (!str_is_absent(text) && text.len > 0 && !str_to_uint64(text, DATABASE_MAX, &number)) {
        return fail(diag, "the database must be a number from 0 to 65535");
    }
    out->database = (unsigned)number;
    return ERR_OK;
}

static enum err parse_redis_host(struct str text, struct config_store *out, struct diag *diag)
{
    struct str host, port;
    bool is_v6;

    if (!split_host(text, &host, &port, &is_v6) ||
        !(is_v6 ? is_numeric(host, AF_INET6) : is_host_name(host))) {
        return fail(diag, "expected redis://[user:password@]HOST[:PORT][/DB]");
    }
    out->address.type = CONFIG_ADDRESS_TCP;
    out->address.port = REDIS_PORT;
    if (!str_is_absent(port) && !parse_port(port, &out->address.port)) {
        return fail(diag, "expected a port from 1 to 65535");
    }
    out->address.host = copy(host);
    if (!out->address.host ||
        asprintf(&out->address.text, is_v6 ? "redis://[%s]:%u/%u" : "redis://%s:%u/%u",
                 out->address.host, (unsigned)out->address.port, out->database) < 0) {
        out->address.text = NULL;
        return ERR_MEMORY;
    }
    return ERR_OK;
}

/* Sentinels know it. */
static enum err set_no_host(struct config_store *out)
{
    out->address.type = CONFIG_ADDRESS_TCP;
    out->address.host = copy(STR(""));
    if (!out->address.host || asprintf(&out->address.text, "redis:///%u", out->database) < 0) {
        out->address.text = NULL;
        return ERR_MEMORY;
    }
    return ERR_OK;
}

static enum err parse_redis(struct str text, struct config_store *out, struct diag *diag)
{
    struct str server, login = STR_ABSENT, database;

    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    server = text;
    if (at) {
        login = str_make(text.ptr, (size_t)(at - text.ptr));
        server = str_skip(text, login.len + 1);
    }
    database = server;
    (void)str_cut(&database, '/', &server);
    enum err e = parse_database(database, out, diag);
    if (e == ERR_OK && at) {
        e = parse_login(login, out, diag);
    }
    if (e != ERR_OK) {
        return e;
    }
    return server.len == 0 ? set_no_host(out) : parse_redis_host(server, out, diag);
}

static enum err parse_redis_unix(struct str text, struct config_store *out, struct diag *diag)
{
    struct str query = text, path, login;

    if (!str_starts_with(text, STR("/")) && str_cut(&query, '@', &login)) {
        enum err e = parse_login(login, out, diag);
        if (e != ERR_OK) {
            return e;
        }
    }
    (void)str_cut(&query, '?', &path);
    if (!str_is_absent(query)) {
        if (!str_starts_with(query, STR("db=")) || query.len == 3) {
            return fail(diag, "expected unix://[user:password@]/PATH[?db=N]");
        }
        query = str_skip(query, 3);
    }
    enum err e = parse_database(query, out, diag);
    if (e == ERR_OK) {
        e = parse_unix(path, &out->address, diag);
    }
    if (e == ERR_OK &&
        asprintf(&out->address.text, "unix://%s?db=%u", out->address.host, out->database) < 0) {
        out->address.text = NULL;
        e = ERR_MEMORY;
    }
    return e;
}

enum err address_parse_store(struct str text, struct config_store *out, struct diag *diag)
{
    struct config_store store = {0};
    enum err e;

    if (str_starts_with(text, STR("redis://"))) {
        e = parse_redis(str_skip(text, 8), &store, diag);
    } else if (str_starts_with(text, STR("unix://"))) {
        e = parse_redis_unix(str_skip(text, 7), &store, diag);
    } else if (str_starts_with(text, STR("rediss://"))) {
        e = fail(diag, "TLS to Redis is not supported by this version");
    } else {
        e = fail(diag, "expected redis://[user:password@]HOST[:PORT][/DB] or "
                       "unix://[user:password@]/PATH[?db=N]");
    }
    if (e != ERR_OK) {
        address_free_store(&store);
        return e;
    }
    *out = store;
    return ERR_OK;
}

void address_free_store(struct config_store *store)
{
    if (store->password) {
        crypto_wipe(store->password, strlen(store->password));
    }
    free(store->password);
    free(store->user);
    address_free(&store->address);
    *store = (struct config_store){0};
}
