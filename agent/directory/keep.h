/*
 * What the directory keeps of a reply: the slot's state, its place in the lists, what had to go for
 * it. Called where nobody decides, see directory_inside.h.
 */
#ifndef REEVE_DIRECTORY_KEEP_H
#define REEVE_DIRECTORY_KEEP_H

#include "agent/base/siphash.h"
#include "agent/directory/directory.h"
#include "agent/directory/slot.h"

/* A new slot, PENDING. NULL when out of memory. */
struct slot *keep_add(struct directory *directory, uint32_t hash, enum record_kind kind,
                      struct str name);

/* These move the slot where its record comes or goes; a fetch of it is told. What was verified
 * against the record it had is forgotten. */

/* Takes what the draft holds. ERR_MEMORY: the slot is as it was, the draft still the caller's. */
enum err keep_found(struct directory *directory, struct slot *slot,
                    const struct record_draft *draft, const struct siphash_digest *print) MUST_USE;
/* `print` may be NULL. */
void keep_bad(struct directory *directory, struct slot *slot, const struct siphash_digest *print);
void keep_absent(struct directory *directory, struct slot *slot);
/* There was no answer. Anything known stays known. */
void keep_unknown(struct directory *directory, struct slot *slot);

/* True where the slot was parsed from these very fields. */
bool keep_has_print(const struct slot *slot, const struct siphash_digest *print);

/* The slot is as new as the fetch. */
void keep_renew(struct slot *slot, const struct fetch *fetch);

/* Frees a slot that is PENDING and has no fetch; does nothing to others. */
void keep_drop_pending(struct directory *directory, struct slot *slot);

/* Frees the slot and its record, which must be out of table and lists. */
void keep_free(struct directory *directory, struct slot *slot);

#endif
