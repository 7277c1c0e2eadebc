#include "agent/base/ip.h"

#include <arpa/inet.h>

#include "agent/base/ensure.h"

static const uint8_t mapped_head[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct ip *ip)
{
    return ip->length == 16 && memcmp(ip->bytes, mapped_head, sizeof(mapped_head)) == 0;
}

static void unmap(struct ip *ip)
{
    memmove(ip->bytes, ip->bytes + sizeof(mapped_head), 4);
    memset(ip->bytes + 4, 0, sizeof(ip->bytes) - 4);
    ip->length = 4;
}

struct ip ip_from_bytes(const void *bytes, size_t length)
{
    struct ip ip = {0};

    if (length != 4 && length != 16) {
        return ip;
    }
    ip.length = (uint8_t)length;
    memcpy(ip.bytes, bytes, length);
    if (is_mapped(&ip)) {
        unmap(&ip);
    }
    return ip;
}

/* Four decimal numbers; inet_ntop() goes through printf(). */
static size_t print_v4(const uint8_t bytes[4], char *out)
{
    char *at = out;

    for (int i = 0; i < 4; i++) {
        unsigned byte = bytes[i];
        if (byte >= 100) {
            *at++ = (char)('0' + byte / 100);
        }
        if (byte >= 10) {
            *at++ = (char)('0' + byte / 10 % 10);
        }
        *at++ = (char)('0' + byte % 10);
        *at++ = '.';
    }
    *--at = '\0';
    return (size_t)(at - out);
}

size_t ip_print(const struct ip *ip, char out[IP_TEXT_MAX])
{
    if (ip->length == 0) {
        out[0] = '\0';
        return 0;
    }
    if (ip->length == 4) {
        return print_v4(ip->bytes, out);
    }
    ensure(inet_ntop(AF_INET6, ip->bytes, out, IP_TEXT_MAX));
    return strlen(out);
}

static bool parse_address(struct str text, struct ip *out)
{
    char copy[IP_TEXT_MAX];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = (struct ip){0};
    out->length = memchr(copy, ':', text.len) ? 16 : 4;
    return inet_pton(out->length == 4 ? AF_INET : AF_INET6, copy, out->bytes) == 1;
}

static bool is_zero_beyond(const struct ip *ip, unsigned bits)
{
    for (unsigned bit = bits; bit < ip->length * 8u; bit++) {
        if (ip->bytes[bit / 8] & (0x80u >> (bit % 8))) {
            return false;
        }
    }
    return true;
}

bool ip_prefix_parse(struct str text, struct ip_prefix *out)
{
    struct str rest = text, address;
    struct ip base;
    uint64_t bits;

    if (!str_cut(&rest, '/', &address) || !parse_address(address, &base)) {
        return false;
    }
    bits = base.length * 8u;
    if (!str_is_absent(rest) && !str_to_uint64(rest, bits, &bits)) {
        return false;
    }
    if (!is_zero_beyond(&base, (unsigned)bits)) {
        return false;
    }
    /* A mapped base has ones up to bit 96, so here bits >= 96. */
    if (is_mapped(&base)) {
        unmap(&base);
        bits -= 96;
    }
    *out = (struct ip_prefix){.base = base, .bits = (uint8_t)bits};
    return true;
}

bool ip_prefix_holds(const struct ip_prefix *prefix, const struct ip *ip)
{
    size_t whole = prefix->bits / 8;
    unsigned rest = prefix->bits % 8;

    if (ip->length == 0 || ip->length != prefix->base.length ||
        memcmp(ip->bytes, prefix->base.bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((ip->bytes[whole] ^ prefix->base.bytes[whole]) >> (8 - rest)) == 0;
}
