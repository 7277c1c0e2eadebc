#include "agent/seen/board.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/siphash.h"

#define SLOTS 32768

#define DIGEST_MASK UINT64_C(0xffffffff00000000)

struct seen_board {
    struct siphash_key key;
    _Atomic uint64_t slots[SLOTS];
};

struct seen_board *seen_board_new(void)
{
    struct seen_board *board = calloc(1, sizeof(*board));

    if (board && crypto_random(&board->key, sizeof(board->key)) != ERR_OK) {
        seen_board_free(board);
        return NULL;
    }
    return board;
}

void seen_board_free(struct seen_board *board)
{
    free(board);
}

static struct siphash_digest digest_of(const struct seen_board *board, enum record_kind kind,
                                       struct str name, enum seen_use use)
{
    const struct siphash_key key = {board->key.k0 ^ (uint64_t)kind << 8 ^ (uint64_t)use,
                                    board->key.k1};

    return siphash_128(&key, name.ptr, name.len);
}

bool board_claim(struct seen_board *board, enum record_kind kind, struct str name,
                 enum seen_use use, uint32_t second, uint32_t interval_s, uint32_t *mark)
{
    struct siphash_digest digest = digest_of(board, kind, name, use);
    _Atomic uint64_t *slot = &board->slots[digest.low % SLOTS];
    uint64_t mine = (digest.high & DIGEST_MASK) | second;
    uint64_t stands = atomic_load_explicit(slot, memory_order_relaxed);

    do {
        bool is_same = ((stands ^ mine) & DIGEST_MASK) == 0;
        if (is_same && board_is_recent((uint32_t)stands, second, interval_s)) {
            *mark = (uint32_t)stands;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(slot, &stands, mine, memory_order_relaxed,
                                                    memory_order_relaxed));
    *mark = second;
    return true;
}
