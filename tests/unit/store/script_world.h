/* A world whose server runs scripts, as far as a store can tell. */
#ifndef REEVE_TESTS_UNIT_STORE_SCRIPT_WORLD_H
#define REEVE_TESTS_UNIT_STORE_SCRIPT_WORLD_H

#include "tests/unit/store/world.h"

#define SCRIPT_KEY  "reeve:used:{user:a}:daily"
#define SCRIPT_TEXT "return {'n', ARGV[2]}"
#define SCRIPT_SHA1 "b4d8101e8da8bcce19c5bc373b9e70a1d6743fbd"
#define NOSCRIPT    "-NOSCRIPT No matching script. Please use EVAL.\r\n"

/* In world->answer's manner: HGETALL gets "h=1", unless world->answer says otherwise. */
struct script_world {
    struct world world;
    bool knows_script; /* EVALSHA works; EVAL makes it so */
    bool is_forgetful; /* EVAL does not make it so */
    struct str answer; /* to a script that runs; absent: its second argument, as field n */
    const char *wait;  /* what WAIT gets; NULL: nothing */
    int evalsha_count;
    int eval_count;
    int wait_count;
    long wait_replicas; /* of the last WAIT */
    long wait_ms;
};

/* As world_init(), the script known. */
void script_world_init(struct script_world *world);

/* Runs the script with the arguments "take" and `number`. */
enum err script_world_run(struct script_world *world, int number, unsigned replicas,
                          struct asker *asker);
/* Runs it with number 5, which must be taken, and waits for the answer. */
void script_world_run_to_the_end(struct script_world *world, unsigned replicas,
                                 struct asker *asker);

/* Queues bytes of the server's for the store. */
void script_world_say(struct script_world *world, const char *text);

#endif
