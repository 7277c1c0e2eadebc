#include "agent/ctl/audit/superseded.h"

#define SEQUENCE_BYTES_MAX 20
#define NAME_BYTES_MAX     (ORIGIN_BYTES_MAX + 1 + SEQUENCE_BYTES_MAX)

/* What is told of a request. */
static const enum audit_field told_fields[] = {
    AUDIT_FIELD_VERDICT, AUDIT_FIELD_STATUS, AUDIT_FIELD_REASON,
    AUDIT_FIELD_SHADOW,  AUDIT_FIELD_FAULT,  AUDIT_FIELD_LIMIT,
};

#define TOLD_COUNT (sizeof(told_fields) / sizeof(told_fields[0]))

struct superseded_told {
    struct str values[TOLD_COUNT];
    bool is_known, is_found;
};

void superseded_init(struct superseded *superseded, struct heap *heap)
{
    map_init(&superseded->told, heap, sizeof(struct superseded_told));
}

struct str origin_of(const struct scan *scan, char out[ORIGIN_BYTES_MAX])
{
    struct str boot = scan->boot, worker = scan->worker;

    if (boot.len == 0 || worker.len == 0 || boot.len + worker.len >= ORIGIN_BYTES_MAX) {
        return STR_ABSENT;
    }
    memcpy(out, boot.ptr, boot.len);
    out[boot.len] = '-';
    memcpy(out + boot.len + 1, worker.ptr, worker.len);
    return str_make(out, boot.len + 1 + worker.len);
}

static struct str name_of(const struct scan *scan, struct str sequence, char out[NAME_BYTES_MAX])
{
    struct str origin = origin_of(scan, out);

    if (str_is_absent(origin) || sequence.len == 0 || sequence.len > SEQUENCE_BYTES_MAX) {
        return STR_ABSENT;
    }
    out[origin.len] = '-';
    memcpy(out + origin.len + 1, sequence.ptr, sequence.len);
    return str_make(out, origin.len + 1 + sequence.len);
}

enum superseded_note superseded_note(struct superseded *superseded, const struct scan *scan)
{
    char text[NAME_BYTES_MAX];
    struct str name = name_of(scan, scan->values[AUDIT_FIELD_SUPERSEDES], text);

    if (str_is_absent(name)) {
        return SUPERSEDED_ALONE;
    }
    struct superseded_told *told = map_get(&superseded->told, name);
    if (told->is_known) {
        return told->is_found ? SUPERSEDED_FOUND : SUPERSEDED_ALONE;
    }
    for (size_t i = 0; i < TOLD_COUNT; i++) {
        told->values[i] = heap_copy(superseded->told.heap, scan->values[told_fields[i]]);
    }
    told->is_known = true;
    return SUPERSEDED_NEW;
}

void superseded_apply(const struct superseded *superseded, struct scan *scan)
{
    char text[NAME_BYTES_MAX];

    if (superseded->told.count == 0) {
        return;
    }
    struct str name = name_of(scan, scan->sequence, text);
    struct superseded_told *told = str_is_absent(name) ? NULL : map_find(&superseded->told, name);
    if (!told) {
        return;
    }
    told->is_found = true;
    for (size_t i = 0; i < TOLD_COUNT; i++) {
        scan->values[told_fields[i]] = told->values[i];
    }
}
