#include "agent/audit/coalesce.h"

#include "agent/audit/entry.h"
#include "agent/base/siphash.h"

#define SLOT_COUNT  256
#define PROBE_COUNT 8

/* Texts are filled up with zeros: keys are compared as bytes. */
struct key {
    uint8_t address[16];
    uint8_t address_length;
    uint8_t gate_length;
    uint8_t unused[2];
    int32_t status;
    char reason[24];
    char verdict[16];
    char gate[128];
};

struct slot {
    struct key key;
    uint64_t hash;     /* of the key; 0: the slot is free */
    uint64_t sequence; /* under which the count was last being recorded; 0: never */
    int64_t count;
    int64_t first_us, last_us;
};

struct table {
    struct slot slots[SLOT_COUNT];
    struct slot other;
    struct slot gap;
};

_Static_assert(sizeof(struct table) <= AUDIT_RING_SCRATCH_BYTES, "the table fits the scratch");
_Static_assert(sizeof(struct key) == 192, "no padding that a comparison would see");

static struct table *table_of(struct audit_ring *ring)
{
    return audit_ring_scratch(ring);
}

static void copy_text(struct str s, char *out, size_t size)
{
    s = audit_text_cut(s, size);
    if (s.len > 0) {
        memcpy(out, s.ptr, s.len);
    }
}

static void set_address(const struct ip *source, struct key *key)
{
    size_t kept = source->length == 4 ? 3 : source->length == 16 ? 6 : 0;

    key->address_length = kept ? source->length : 0;
    memcpy(key->address, source->bytes, kept);
}

static void set_key(const struct audit_record *record, struct key *key)
{
    *key = (struct key){.status = record->status};
    set_address(&record->source, key);
    copy_text(reason_code(record->reason), key->reason, sizeof(key->reason));
    copy_text(record->verdict, key->verdict, sizeof(key->verdict));
    copy_text(record->gate, key->gate, sizeof(key->gate));
    key->gate_length = (uint8_t)audit_text_cut(record->gate, sizeof(key->gate)).len;
}

static uint64_t hash_key(const struct audit_ring *ring, const struct key *key)
{
    struct siphash_key secret = {ring->salt, ~ring->salt};

    return siphash_64(&secret, key, sizeof(*key)) | 1;
}

static struct slot *find_slot(struct table *table, const struct key *key, uint64_t hash)
{
    for (size_t i = 0; i < PROBE_COUNT; i++) {
        struct slot *slot = &table->slots[(hash / 2 + i) % SLOT_COUNT];

        if (slot->hash == 0 || (slot->hash == hash && memcmp(&slot->key, key, sizeof(*key)) == 0)) {
            return slot;
        }
    }
    return &table->other;
}

/* The hash is stored last: a slot with a hash is whole. */
static void count_one(struct slot *slot, const struct key *key, uint64_t hash, int64_t wall_us)
{
    if (slot->hash == 0) {
        *slot = (struct slot){.key = *key, .first_us = wall_us};
    }
    slot->count++;
    slot->last_us = wall_us;
    atomic_signal_fence(memory_order_seq_cst);
    slot->hash = hash;
}

bool audit_coalesce_accepts(const struct audit_record *record)
{
    return record->supersedes == 0 && record->user.len == 0 &&
           !str_equal(record->verdict, STR("allow"));
}

void audit_coalesce_add(struct audit_ring *ring, const struct audit_record *record)
{
    struct table *table = table_of(ring);
    struct key key;

    set_key(record, &key);
    uint64_t hash = hash_key(ring, &key);
    struct slot *slot = find_slot(table, &key, hash);
    if (slot == &table->other) {
        key = (struct key){.status = -1};
        hash = hash_key(ring, &key);
    }
    count_one(slot, &key, hash, record->wall_us);
}

void audit_coalesce_add_gap(struct audit_ring *ring, const struct audit_record *record)
{
    struct table *table = table_of(ring);
    struct key key = {.status = reason_status(REASON_AUDIT_BLOCKED)};

    copy_text(reason_code(REASON_AUDIT_BLOCKED), key.reason, sizeof(key.reason));
    count_one(&table->gap, &key, hash_key(ring, &key), record->wall_us);
}

static enum reason find_reason(const char *text, size_t size)
{
    struct str code = str_make(text, strnlen(text, size));

    for (int i = 0; i < REASON_COUNT; i++) {
        if (str_equal(reason_code((enum reason)i), code)) {
            return (enum reason)i;
        }
    }
    return REASON_NONE;
}

static size_t pack_slot(const struct slot *slot, struct str type, uint8_t *out, size_t room)
{
    const struct key *key = &slot->key;
    struct audit_record record = {
        .wall_us = slot->last_us,
        .duration_us = -1,
        .gate = str_make(key->gate, key->gate_length),
        .source = ip_from_bytes(key->address, key->address_length),
        .verdict = str_make(key->verdict, strnlen(key->verdict, sizeof(key->verdict))),
        .status = key->status,
        .reason = find_reason(key->reason, sizeof(key->reason)),
    };
    struct audit_entry entry = {.type = type,
                                .record = &record,
                                .count = slot->count,
                                .first_us = slot->first_us,
                                .last_us = slot->last_us};

    return audit_entry_pack(&entry, out, room);
}

static bool flush_slot(struct audit_ring *ring, struct slot *slot, struct str type)
{
    size_t room;

    if (slot->hash == 0) {
        return true;
    }
    uint8_t *out = audit_ring_reserve(ring, 0, &room);
    size_t length = pack_slot(slot, type, out, room);
    if (length == 0) {
        return false;
    }
    slot->sequence = ring->next_sequence;
    atomic_signal_fence(memory_order_seq_cst);
    audit_ring_commit(ring, length);
    atomic_signal_fence(memory_order_seq_cst);
    slot->hash = 0;
    return true;
}

bool audit_coalesce_flush(struct audit_ring *ring)
{
    struct table *table = table_of(ring);
    bool is_done = flush_slot(ring, &table->gap, STR("audit_gap"));

    for (size_t i = 0; i < SLOT_COUNT; i++) {
        is_done &= flush_slot(ring, &table->slots[i], STR("count"));
    }
    return flush_slot(ring, &table->other, STR("count")) && is_done;
}

static bool recover_slot(struct audit_ring *ring, struct slot *slot)
{
    const struct key *key = &slot->key;

    if (slot->hash == 0) {
        return true;
    }
    if (slot->hash != hash_key(ring, key) || key->gate_length > sizeof(key->gate) ||
        slot->count <= 0) {
        slot->hash = 0;
        return false;
    }
    if (slot->sequence != 0 && slot->sequence < ring->next_sequence) {
        slot->hash = 0;
    }
    slot->sequence = 0;
    return true;
}

bool audit_coalesce_recover(struct audit_ring *ring)
{
    struct table *table = table_of(ring);
    bool is_whole = recover_slot(ring, &table->gap);

    is_whole &= recover_slot(ring, &table->other);
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        is_whole &= recover_slot(ring, &table->slots[i]);
    }
    return is_whole;
}
