#include "agent/store/redis_error.h"

/* clang-format off */
static const struct redis_error table[] = {
    {"WRONGTYPE", STORE_WRONGTYPE, false, "the key does not hold a hash"},
    {"NOPERM", STORE_REFUSED, false, "the ACL does not allow the command or the key"},
    {"NOAUTH", STORE_REFUSED, true, "the server asks for a password"},
    {"WRONGPASS", STORE_REFUSED, true, "user or password are wrong, or the user is disabled"},
    {"MOVED", STORE_REFUSED, false, "a Redis Cluster, which is not supported"},
    {"ASK", STORE_REFUSED, false, "a Redis Cluster, which is not supported"},
    {"DENIED", STORE_REFUSED, true, "protected mode"},
    {"LOADING", STORE_DOWN, true, "the server is loading its data"},
    {"READONLY", STORE_DOWN, true, "the server is a replica"},
    {"MASTERDOWN", STORE_DOWN, true, "a replica that lost its primary"},
    {"CLUSTERDOWN", STORE_DOWN, true, "the cluster is down"},
    {"TRYAGAIN", STORE_DOWN, false, "a slot is being moved"},
    {"BUSY", STORE_DOWN, false, "a script keeps the server busy"},
    {"OOM", STORE_DOWN, false, "the server is out of memory"},
    {"MISCONF", STORE_DOWN, false, "the server can not save its data"},
    {"ERR max number of clients reached", STORE_DOWN, true, "the server takes no more clients"},
    {"ERR DB index is out of range", STORE_REFUSED, true, "no such database"},
    {"ERR AUTH <password> called without any password configured", STORE_REFUSED, true,
     "the server has no password, the configuration has one"},
};
/* clang-format on */

static const struct redis_error unknown = {"", STORE_DOWN, false, "an unexpected error"};

const struct redis_error *redis_error_find(struct str line)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct str code = str_from_c(table[i].code);
        if (str_starts_with(line, code) && (line.len == code.len || line.ptr[code.len] == ' ')) {
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
    size_t length = 0;

    while (length < line.len && length < 32 && is_code_byte(line.ptr[length])) {
        length++;
    }
    return length > 0 ? str_make(line.ptr, length) : STR("?");
}
