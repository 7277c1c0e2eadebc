#include "agent/base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void mix(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    mix(s);
    mix(s);
    s->v0 ^= word;
}

static inline uint64_t squeeze(struct state *s)
{
    for (int i = 0; i < 4; i++) {
        mix(s);
    }
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline struct state start(const struct siphash_key *key)
{
    return (struct state){
        .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
    };
}

static inline uint64_t load(const unsigned char *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof(word));
    return le64toh(word);
}

/* The bytes that fill no word, lowest first: the top of the eight that end the data, where there
 * are so many. */
static inline uint64_t load_rest(const unsigned char *data, size_t length)
{
    size_t rest = length % 8;
    uint64_t word = 0;

    if (rest > 0 && length >= 8) {
        return load(data + length - 8) >> (64 - 8 * rest);
    }
    for (size_t i = 0; i < rest; i++) {
        word |= (uint64_t)data[i] << (8 * i);
    }
    return word;
}

/* The last word carries the length in its top byte. */
static inline void absorb_all(struct state *s, const unsigned char *data, size_t length)
{
    for (size_t at = 0; at + 8 <= length; at += 8) {
        absorb(s, load(data + at));
    }
    absorb(s, (uint64_t)length << 56 | load_rest(data, length));
}

uint64_t siphash_64(const struct siphash_key *key, const void *data, size_t length)
{
    struct state s = start(key);

    absorb_all(&s, data, length);
    s.v2 ^= 0xff;
    return squeeze(&s);
}

struct siphash_digest siphash_128(const struct siphash_key *key, const void *data, size_t length)
{
    struct siphash_digest digest;
    struct state s = start(key);

    s.v1 ^= 0xee;
    absorb_all(&s, data, length);
    s.v2 ^= 0xee;
    digest.low = squeeze(&s);
    s.v1 ^= 0xdd;
    digest.high = squeeze(&s);
    return digest;
}
