/* TZif files made by hand. */
#ifndef REEVE_TESTS_UNIT_QUOTA_TZIF_H
#define REEVE_TESTS_UNIT_QUOTA_TZIF_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"

#define TZIF_BYTES_MAX   2048
#define TZIF_CHANGES_MAX 16
#define TZIF_TYPES_MAX   4

struct tzif {
    char version; /* 0 or '2' and more: those have an empty first block and a footer */
    uint32_t leap_count;
    uint32_t change_count;
    struct {
        int64_t at_s;
        uint8_t type;
    } changes[TZIF_CHANGES_MAX];
    uint32_t type_count;
    int32_t offsets[TZIF_TYPES_MAX];
    const char *footer; /* "\nUTC0\n" */
};

/* Into `out`; what is given points there. */
struct str tzif_write(const struct tzif *tzif, char out[TZIF_BYTES_MAX]);

/* The whole file of the machine's tzdata, for free(). */
struct str tzif_of_machine(const char *name);

#endif
