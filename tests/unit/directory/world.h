/* A directory on a fake store and virtual time, with small bounds. */
#ifndef REEVE_TESTS_UNIT_DIRECTORY_WORLD_H
#define REEVE_TESTS_UNIT_DIRECTORY_WORLD_H

#include <check.h>

#include "agent/directory/directory.h"
#include "tests/support/fake_store.h"

#define WORLD_MAX_AGE_US 1000000
#define WORLD_RECORDS    8
#define WORLD_ABSENTS    4
#define WORLD_SOURCE     3
#define WORLD_MISSES     16

struct world {
    struct fake_store *fake;
    struct directory *directory;
    struct now now;
};

/* Somebody who asks; counts how often it was woken. */
struct asker {
    struct waiter waiter; /* first */
    int woken_count;
    int order; /* of all wakes of the program, from 1 */
};

void world_init(struct world *world);
void world_init_with(struct world *world, const struct directory_settings *settings);
void world_fini(struct world *world);
struct directory_settings world_settings(void);

/* "reeve:team:<name>" with state=active, and a note where it is not NULL. */
void world_team(struct world *world, const char *name, const char *note);

void world_pass(struct world *world, int64_t us);

/* Asks for a team from source 10.0.0.1. */
enum directory_answer world_ask(struct world *world, const char *team, struct asker *asker);
enum directory_answer world_ask_from(struct world *world, const char *source, const char *team,
                                     struct asker *asker);
/* The entry that an asking that must be FOUND gives. */
struct directory_entry *world_entry(struct world *world, const char *team);

/* The key "k", with two hashes. */
#define WORLD_KEY "reeve:key:k"
void world_key(struct world *world, const char *label);
/* Its record, which must be there; fetched where needed. */
struct key_record *world_key_record(struct world *world);

/* The store answers, the turn ends. */
void world_turn(struct world *world);
void world_tick(struct world *world);

/* Asks, lets the store answer, and gives what asking again gives. */
enum directory_answer world_fetch(struct world *world, const char *team);

struct directory_counters world_counters(const struct world *world);

void asker_init(struct asker *asker);

#endif
