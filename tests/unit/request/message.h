/*
 * Builds the payload of a NOTIFY with the message reeve-check, whole or with single arguments
 * changed, and parses it. One payload at a time: message_start() begins a new one.
 */
#ifndef REEVE_TESTS_UNIT_REQUEST_MESSAGE_H
#define REEVE_TESTS_UNIT_REQUEST_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/request/request.h"
#include "tests/support/spop_peer.h"

/* An argument as it goes onto the wire; `type` is the wire's number. */
struct arg {
    const char *name;
    unsigned type;
    uint64_t number;
    const char *bytes;
    size_t length;
};

#define ARG(name, type, number, bytes, length)                                                     \
    {                                                                                              \
        name, type, number, bytes, length                                                          \
    }
#define TEXT(name, text)     ARG(name, SPOE_STRING, 0, text, sizeof(text) - 1)
#define BINARY(name, text)   ARG(name, SPOE_BINARY, 0, text, sizeof(text) - 1)
#define INTEGER(name, value) ARG(name, SPOE_INT64, (uint64_t)(value), NULL, 0)
#define BOOLEAN(name, value) ARG(name, SPOE_BOOL, value, NULL, 0)
#define IPV4(name, bytes)    ARG(name, SPOE_IPV4, 0, bytes, 4)
#define IPV6(name, bytes)    ARG(name, SPOE_IPV6, 0, bytes, 16)
#define NOTHING(name)        ARG(name, SPOE_NULL, 0, NULL, 0)
#define DIGEST               "0123456789abcdef0123456789ABCDEF"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What HAProxy sends, in its order. */
#define WHOLE_COUNT 18
extern const struct arg whole[WHOLE_COUNT];

extern struct spop_out out;
extern struct request request;

void message_start(void);
void message_put_arg(struct arg arg);
void message_put(const struct arg *args, size_t count);

/* The whole message, with every given argument in the place of its namesake; arguments without a
 * name end the list. */
void message_put_changed(const struct arg *changes, size_t change_count);

/* Parses `out` into `request`, from memory of exactly its length. */
enum request_parse message_parse(struct request_layout *layout);

/* Parses; the request must be bad, for this reason. */
void message_expect_fault(const char *text);
void message_expect_fault_of(const char *name, const char *what);

/* `request` must be what `whole` says. */
void message_expect_whole(void);

#endif
