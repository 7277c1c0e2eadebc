#include "agent/store/redis_error.h"

/* clang-format off */
static const struct redis_error table[] = {
    {"WRONGTYPE", STORE_WRONGTYPE, false, "the key does not hold a hash"},
    {"NOSCRIPT", STORE_DOWN, false, "the server does not keep the script"},
    {"NOPERM", STORE_REFUSED, false, "the ACL does not allow the command or the key"},
    {"ERR ACL failure in script:", STORE_REFUSED, false, "the ACL does not allow what a script does"},
    {"ERR The user executing the script can't", STORE_REFUSED, false,
     "the ACL does not allow what a script does"},
    {"The user executing the script can't", STORE_REFUSED, false,
     "the ACL does not allow what a script does"},
    {"NOAUTH", STORE_REFUSED, true, "the server asks for a password"},
    {"WRONGPASS", STORE_REFUSED, true, "user or password are wrong, or the user is disabled"},
    {"MOVED", STORE_REFUSED, false, "a Redis Cluster, which is not supported"},
    {"ASK", STORE_REFUSED, false, "a Redis Cluster, which is not supported"},
    {"DENIED", STORE_REFUSED, true, "protected mode"},
    {"LOADING", STORE_DOWN, true, "the server is loading its data"},
    {"READONLY", STORE_DOWN, true, "the server is a replica"},
    {"MASTERDOWN", STORE_DOWN, true, "a replica that lost its primary"},
    {"CLUSTERDOWN", STORE_DOWN, true, "the cluster is down"},
    {"IDONTKNOW", STORE_DOWN, false, "the Sentinel does not know enough"},
    {"ERR unknown command", STORE_DOWN, false, "the server does not know the command"},
    {"TRYAGAIN", STORE_DOWN, false, "a slot is being moved"},
    {"BUSY", STORE_DOWN, false, "a script keeps the server busy"},
    {"OOM", STORE_DOWN, false, "the server is out of memory"},
    {"MISCONF", STORE_DOWN, false, "the server can not save its data"},
    {"NOREPLICAS", STORE_DOWN, false, "the server has too few replicas to take writes"},
    {"UNBLOCKED", STORE_DOWN, true, "the server has ended a wait: it may have become a replica"},
    {"ERR max number of clients reached", STORE_DOWN, true, "the server takes no more clients"},
    {"ERR DB index is out of range", STORE_REFUSED, true, "no such database"},
    {"ERR AUTH <password> called without any password configured", STORE_REFUSED, true,
     "the server has no password, the configuration has one"},
};
/* clang-format on */

static const struct redis_error unknown = {"", STORE_DOWN, false, "an unexpected error"};

static bool is_place_byte(char c)
{
    return c == ' ' || c == ':' || (c >= '0' && c <= '9');
}

/* What a script of Redis 6 died of; any other line as it is. */
static struct str unpack(struct str line)
{
    const struct str place = STR("@user_script:");
    struct str cause = line;

    if (!str_starts_with(line, STR("ERR Error running script"))) {
        return line;
    }
    for (size_t at = 0; at < line.len; at++) {
        if (str_starts_with(str_skip(line, at), place)) {
            cause = str_skip(line, at + place.len);
        }
    }
    while (cause.len > 0 && is_place_byte(cause.ptr[0])) {
        cause = str_skip(cause, 1);
    }
    return str_starts_with(cause, STR("-")) ? str_skip(cause, 1) : cause;
}

const struct redis_error *redis_error_find(struct str line)
{
    struct str cause = unpack(line);

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str code = str_from_c(table[i].code);
        if (str_starts_with(cause, code) && (cause.len == code.len || cause.ptr[code.len] == ' ')) {
            return &table[i];
        }
    }
    return &unknown;
}

static bool is_code_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

struct str redis_error_code(struct str line)
{
    struct str cause = unpack(line);
    size_t length = 0;

    while (length < cause.len && length < 32 && is_code_byte(cause.ptr[length])) {
        length++;
    }
    bool is_word = length < cause.len && cause.ptr[length] >= 'a' && cause.ptr[length] <= 'z';
    return length > 0 && !is_word ? str_make(cause.ptr, length) : STR("?");
}

bool redis_error_is_unknown_script(struct str line)
{
    return str_equal(redis_error_code(line), STR("NOSCRIPT"));
}
