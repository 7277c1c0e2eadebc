/* What the files of shield/ share of the shield. */
#ifndef REEVE_SHIELD_SHIELD_INSIDE_H
#define REEVE_SHIELD_SHIELD_INSIDE_H

#include "agent/base/crypto.h"
#include "agent/base/siphash.h"
#include "agent/shield/share.h"
#include "agent/shield/shield.h"
#include "agent/shield/table.h"

/* Credentials whose changes are counted together; a power of two. */
#define SHIELD_CHANGES 4096

struct shield {
    struct siphash_key key; /* of subjects; new in each process */
    struct shield_rule rules[SHIELD_KINDS];
    struct shield_table tables[SHIELD_KINDS];
    const struct config_prefix_list *exempt; /* from the source's count; of the configuration */
    struct shield_share *share;
    uint64_t *proven;  /* hashes of texts, each in its one place */
    uint32_t *changes; /* by credential */
    uint64_t failures;
};

#endif
