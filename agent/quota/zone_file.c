#include "agent/quota/zone_file.h"

#include <stdlib.h>

#define HEADER_BYTES  44 /* RFC 8536 3.1 */
#define VERSION_AT    4
#define COUNTS_AT     20
#define TYPE_BYTES    6
#define RULE_TEXT_MAX 255

enum { COUNT_UT, COUNT_STANDARD, COUNT_LEAP, COUNT_CHANGE, COUNT_TYPE, COUNT_CHAR, COUNTS };

/* A header and the data behind it. */
struct block {
    char version;
    size_t time_bytes;
    uint32_t count[COUNTS];
    const char *times;
    const char *indices; /* one byte for each time: its type */
    const char *types;
};

static uint64_t read_be(const char *bytes, size_t length)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        value = value << 8 | (uint8_t)bytes[i];
    }
    return value;
}

/* Can not overflow: six counts below 2^32, a dozen bytes each. */
static uint64_t data_bytes(const struct block *block)
{
    const uint32_t *count = block->count;
    uint64_t time_bytes = block->time_bytes;

    return count[COUNT_CHANGE] * (time_bytes + 1) + (uint64_t)count[COUNT_TYPE] * TYPE_BYTES +
           count[COUNT_CHAR] + count[COUNT_LEAP] * (time_bytes + 4) + count[COUNT_STANDARD] +
           (uint64_t)count[COUNT_UT];
}

/* Cuts a block off the bytes. */
static bool block_cut(struct str *bytes, size_t time_bytes, struct block *out)
{
    struct block block = {.time_bytes = time_bytes};

    if (bytes->len < HEADER_BYTES || !str_starts_with(*bytes, STR("TZif"))) {
        return false;
    }
    block.version = bytes->ptr[VERSION_AT];
    for (size_t i = 0; i < COUNTS; i++) {
        block.count[i] = (uint32_t)read_be(bytes->ptr + COUNTS_AT + 4 * i, 4);
    }
    *bytes = str_skip(*bytes, HEADER_BYTES);
    if (bytes->len < data_bytes(&block)) {
        return false;
    }
    block.times = bytes->ptr;
    block.indices = block.times + block.count[COUNT_CHANGE] * time_bytes;
    block.types = block.indices + block.count[COUNT_CHANGE];
    *bytes = str_skip(*bytes, (size_t)data_bytes(&block));
    *out = block;
    return true;
}

static int64_t block_time(const struct block *block, size_t i)
{
    uint64_t value = read_be(block->times + i * block->time_bytes, block->time_bytes);

    return block->time_bytes == 4 ? (int32_t)(uint32_t)value : (int64_t)value;
}

static int32_t type_offset(const struct block *block, size_t type)
{
    return (int32_t)(uint32_t)read_be(block->types + type * TYPE_BYTES, 4);
}

static int32_t block_offset(const struct block *block, size_t i)
{
    return type_offset(block, (uint8_t)block->indices[i]);
}

static bool types_are_sound(const struct block *block)
{
    for (size_t i = 0; i < block->count[COUNT_TYPE]; i++) {
        int32_t offset = type_offset(block, i);
        if (offset < ZONE_OFFSET_MIN || offset > ZONE_OFFSET_MAX) {
            return false;
        }
    }
    return block->count[COUNT_TYPE] > 0;
}

static bool changes_are_sound(const struct block *block)
{
    for (size_t i = 0; i < block->count[COUNT_CHANGE]; i++) {
        if ((uint8_t)block->indices[i] >= block->count[COUNT_TYPE] ||
            (i > 0 && block_time(block, i) <= block_time(block, i - 1))) {
            return false;
        }
    }
    return true;
}

static bool block_is_sound(const struct block *block)
{
    return block->count[COUNT_LEAP] == 0 && types_are_sound(block) && changes_are_sound(block);
}

/* "\n<rule>\n"; the rule may be empty: none is known. */
static bool footer_read(struct str bytes, struct zone_rule *rule, bool *has_rule)
{
    struct str text;

    if (bytes.len == 0 || bytes.ptr[0] != '\n') {
        return false;
    }
    bytes = str_skip(bytes, 1);
    if (!str_cut(&bytes, '\n', &text) || str_is_absent(bytes) || text.len > RULE_TEXT_MAX) {
        return false;
    }
    *has_rule = text.len > 0;
    return !*has_rule || zone_rule_parse(text, rule);
}

/* The last block, which has the wider times, and the footer. */
static bool file_read(struct str bytes, struct block *block, struct zone_rule *rule, bool *has_rule)
{
    *has_rule = false;
    if (!block_cut(&bytes, 4, block)) {
        return false;
    }
    if (block->version == '\0') {
        return block_is_sound(block);
    }
    return block->version >= '2' && block_cut(&bytes, 8, block) && block_is_sound(block) &&
           footer_read(bytes, rule, has_rule);
}

static void zone_add(struct zone *zone, int64_t at_s, int32_t offset)
{
    if (at_s <= ZONE_FIRST_S) {
        zone->changes[0].offset = offset;
    } else if (at_s <= ZONE_LAST_S && offset != zone->changes[zone->count - 1].offset) {
        zone->changes[zone->count++] = (struct zone_change){at_s, offset};
    }
}

/* Type 0 is what holds before the first change: RFC 8536 3.2. */
static void zone_fill(struct zone *zone, const struct block *block)
{
    zone->count = 1;
    zone->changes[0] = (struct zone_change){ZONE_FIRST_S, type_offset(block, 0)};
    for (size_t i = 0; i < block->count[COUNT_CHANGE]; i++) {
        zone_add(zone, block_time(block, i), block_offset(block, i));
    }
}

/* Drops the last change while the rule says it too, and nothing else since the one before. */
static void zone_trim(struct zone *zone)
{
    struct zone_change *last = &zone->changes[zone->count - 1];
    struct zone_span after = zone_rule_span(&zone->rule, last->at_s);

    for (; last > zone->changes && after.offset == last->offset; last--) {
        struct zone_span before = zone_rule_span(&zone->rule, last[-1].at_s);
        if (before.offset != last[-1].offset || before.end_s != last->at_s) {
            break;
        }
        after = before;
    }
    zone->count = (size_t)(last - zone->changes) + 1;
}

size_t zone_bytes(const struct zone *zone)
{
    return sizeof(*zone) + zone->count * sizeof(zone->changes[0]);
}

enum err zone_file_parse(struct str bytes, struct zone **out)
{
    struct zone head = {.count = 0};
    struct block block;

    if (!file_read(bytes, &block, &head.rule, &head.has_rule)) {
        return ERR_SYNTAX;
    }
    struct zone *zone =
        malloc(sizeof(*zone) + (block.count[COUNT_CHANGE] + (size_t)1) * sizeof(zone->changes[0]));
    if (!zone) {
        return ERR_MEMORY;
    }
    *zone = head;
    zone_fill(zone, &block);
    if (zone->has_rule) {
        zone_trim(zone);
    }
    struct zone *fitting = realloc(zone, zone_bytes(zone));
    *out = fitting ? fitting : zone;
    return ERR_OK;
}
