/*
 * getaddrinfo() for tests: the linker wraps it in the program under test (hiredis' own calls stay
 * as they are). Numeric addresses in, in their order; it may be held up, as by a name server that
 * does not answer.
 */
#ifndef REEVE_TESTS_UNIT_STORE_FAKE_RESOLVER_H
#define REEVE_TESTS_UNIT_STORE_FAKE_RESOLVER_H

#include <stddef.h>

/* What every look-up gives from now on; borrowed. No address: the name is not known. */
void fake_resolver_set(const char *const *addresses, size_t count);

/* Look-ups wait from now on, until they are released; then they are over as soon as they can. */
void fake_resolver_hold(void);
void fake_resolver_release(void);

/* How many began, and how many are over. */
int fake_resolver_begun(void);
int fake_resolver_ended(void);

#endif
