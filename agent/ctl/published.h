/* Keys that an issuer publishes, for one command: fetched when they are needed, once. */
#ifndef REEVE_CTL_PUBLISHED_H
#define REEVE_CTL_PUBLISHED_H

#include "agent/jose/policy.h"

/* Gives a reference; NULL where they can not be had, and why on stderr. Waits for the fetch. */
struct jose_keys *published_fetch(const struct jwt_policy *policy);

#endif
