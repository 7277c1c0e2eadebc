#include "agent/directory/foresight.h"

#include "agent/directory/directory_inside.h"

#define LINE_BYTES 64

/* An entry, its record and its name, as far as they usually reach. */
#define SLOT_LINES 5

static void prefetch_slot(const struct slot *slot)
{
    for (size_t i = 0; i < SLOT_LINES; i++) {
        __builtin_prefetch((const char *)slot + i * LINE_BYTES);
    }
}

void foresight_begin(struct foresight *foresight, const struct directory *directory,
                     enum record_kind kind, struct str name)
{
    *foresight = (struct foresight){
        .hash = directory_hash(directory, kind, name), .kind = (uint8_t)kind, .is_begun = true};
    __builtin_prefetch(table_bucket(&directory->table, foresight->hash));
}

/* Of the links only the first: the others lead to records that many share. */
static void follow(const struct slot *slot, const struct directory *directory)
{
    const void *linked = slot->entry.links[0];

    if (linked && slot->entry.links_generation == directory->generation) {
        prefetch_slot(linked);
    }
}

void foresight_go_on(struct foresight *foresight, const struct directory *directory)
{
    const struct slot *slot = foresight->at;

    if (foresight->is_begun) {
        foresight->is_begun = false;
        foresight->at = *table_bucket(&directory->table, foresight->hash);
    } else if (slot && slot->hash == foresight->hash && slot->kind == foresight->kind) {
        follow(slot, directory);
        foresight->at = NULL;
        return;
    } else if (slot) {
        foresight->at = slot->chain;
    }
    if (foresight->at) {
        prefetch_slot(foresight->at);
    }
}
