/*
 * An agent that answers everything, without a socket, and says in words what it did:
 *
 *     "hello 16380 pipelining; ack 1/1 reeve-check:18; D 4"
 *
 *     hello <size> [pipelining]       answered HELLO
 *     check <size>                    answered a health check; nothing more is read
 *     ack <stream>/<frame> m:n ...    answered a NOTIFY: its messages and their arguments
 *     skip                            a frame that asks for nothing
 *     left <status> "<message>"       the peer's DISCONNECT; D 0 follows
 *     D <status>                      sent DISCONNECT; nothing more is read
 *     ...                             (last) unread bytes are waiting for more
 *
 * What an agent must keep is asserted on the way: replies parse and carry the right ids, a session
 * that wants more says how much, nothing is read outside the bytes that came.
 */
#ifndef TESTS_UNIT_SPOE_TRANSCRIPT_H
#define TESTS_UNIT_SPOE_TRANSCRIPT_H

#include <stddef.h>

#include "spoe/value.h"

#define TRANSCRIPT_MAX 16384

/* The agent's own max-frame-size is 16380. The input comes as `first` bytes, then `step` at a time.
 */
void transcript(struct spoe_bytes input, size_t first, size_t step, char out[TRANSCRIPT_MAX]);

/* Whole, byte at a time, and cut in two at every offset: always the words expected. */
void transcript_check(const char *name, struct spoe_bytes input, const char *expected);

#endif
