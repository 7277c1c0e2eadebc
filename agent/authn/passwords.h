/*
 * Passwords as a worker sees them. Hashing one takes longer than a loop may stand still, so it is
 * done elsewhere, once, however many ask with the same one; then it is remembered.
 *
 *   verify ---> remembered?  RIGHT / WRONG        no allocation, no waiting
 *          `--> being hashed: PENDING; one hash per user, password and record
 *          `--> else: submitted, PENDING; BUSY where nobody takes it
 *
 * What is remembered is a keyed digest of the user's name, the password and the text of the record's
 * hash. So a change of that text ends what was remembered of it, at once and without anybody having
 * to tell. It says nothing of the user: whether it is disabled or expired is the record's to say, at
 * each request. A password that was right is remembered until the memory is needed; one that was
 * wrong for PASSWORDS_WRONG_US, in a memory of its own, so that guessing pushes no right one out. One
 * that could not be hashed, for want of memory, is neither: it is BUSY for PASSWORDS_FAILED_US.
 *
 * A user that does not exist, or has no password, costs the same work as a wrong password and is
 * remembered alike: a hash by the dearest cost met in a record so far, the default before the first.
 * Records that cost less can be told from those by the time; give all users the same.
 *
 * One worker's. The password's copy is wiped once it is hashed.
 */
#ifndef REEVE_AUTHN_PASSWORDS_H
#define REEVE_AUTHN_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/phc.h"
#include "agent/base/str.h"
#include "agent/base/waiter.h"

#define PASSWORDS_WRONG_US  2000000
#define PASSWORDS_FAILED_US 100000

/* The longest user name taken. */
#define PASSWORDS_NAME_BYTES_MAX 255

enum password_answer {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    PASSWORD_PENDING, /* the waiter is queued and will be woken once */
    PASSWORD_BUSY,    /* it can not be hashed now */
};

/* One password to be hashed. */
struct password_work;

/* Does it; on any thread, once. */
void password_work_do(struct password_work *work);

/* What a work is about, to whom it is handed. */
struct password_place {
    uint64_t source; /* who asks, and about whom, as numbers that others can not choose */
    uint64_t user;
    int64_t late_us; /* of no use from then on, monotonic */
};

/* Hands a work over: it comes back through passwords_done(), exactly once and not inside this call.
 * Else ERR_FULL, and it does not. */
typedef enum err passwords_submit_cb(void *context, struct password_work *work,
                                     const struct password_place *place);

struct passwords_settings {
    size_t max_remembered;
    passwords_submit_cb *submit_cb;
    void *context;
};

struct passwords_counters {
    uint64_t hits;    /* answered from memory */
    uint64_t hashes;  /* submitted */
    uint64_t joined;  /* waited for one that was under way */
    uint64_t refused; /* BUSY answers */
    size_t under_way;
    uint64_t nobody_us; /* what the password of nobody costs, as phc_cost_us() */
};

struct passwords;

/* Gives a new object; NULL when out of memory or without randomness. */
struct passwords *passwords_new(const struct passwords_settings *settings);
/* After all that was submitted came back. Waiters are unlinked and not woken. NULL accepted. */
void passwords_free(struct passwords *passwords);

struct password_question {
    struct str name;     /* 1 to PASSWORDS_NAME_BYTES_MAX bytes without a NUL */
    struct str password; /* one without a phc_password_fault() */
    struct str hash;     /* the record's PHC string; absent: no such user, or it has none */
    struct str source;   /* bytes of the client's address */
    int64_t late_us;     /* when nobody waits for the answer any more, monotonic */
};

enum password_answer passwords_verify(struct passwords *passwords,
                                      const struct password_question *question, struct now now,
                                      struct waiter *waiter);

/* A work came back, as it was handed over or done. */
void passwords_done(struct passwords *passwords, struct password_work *work, bool was_done);

/* Wakes those who waited for what came back. Once per turn of the loop. */
void passwords_tick(struct passwords *passwords, struct now now);

void passwords_counters(const struct passwords *passwords, struct passwords_counters *out);

#endif
