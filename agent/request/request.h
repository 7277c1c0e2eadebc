/*
 * The message reeve-check, contract version 1: arguments to a request, in place.
 *
 * Arguments are found by name and remembered by position, since a peer always sends the same order.
 * The table in request.c says for each its name, its kind and whether it is required. NULL means
 * absent; arguments without a name or with a name of nobody's are ignored.
 *
 * Everything in a request borrows from the frame it was read from, and may hold any byte but where
 * said otherwise. No allocation, no copy.
 */
#ifndef REEVE_REQUEST_REQUEST_H
#define REEVE_REQUEST_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/ip.h"
#include "agent/base/reason.h"
#include "agent/base/str.h"
#include "spoe/notify.h"

#define REQUEST_ARGS_MAX 64

/* Longest method taken. */
#define REQUEST_METHOD_BYTES_MAX 32

/* Which argument stood where in the peer's last message. One per connection, zeroed at its start.
 * A cache only: a wrong guess costs a look-up by name, and so does what stands beyond the array. */
struct request_layout {
    uint8_t argument_of[REQUEST_ARGS_MAX]; /* index into the argument table + 1; 0 not known */
};

/* Counts are -1 where not sent. A header may be trusted only where its count agrees with it: see
 * request_header_is_clear(). */
struct request {
    int64_t version;
    struct str rid;
    struct str frontend;
    struct ip source;
    bool is_tls;
    struct str method; /* a token (RFC 9110 5.6.2) */
    struct str path;   /* as received, not empty */
    struct str host;   /* as received; absent: no Host header */
    int64_t host_count;
    struct str authorization;
    int64_t authorization_count;
    struct str apikey;
    int64_t apikey_count;
    bool cert_used;
    int64_t cert_verify;    /* -1: not sent */
    struct str cert_sha256; /* 32 bytes, or absent */
    struct str cert_subject;
    struct str cert_issuer;

    /* REASON_OK, or BAD_REQUEST: an argument is missing, doubled, out of range or of the wrong
     * kind, the method is no token, the path empty, the host doubled, or the contract's version
     * not ours. What could be read is filled all the same, for the audit. */
    enum reason fault;
    const char *fault_text; /* static: "src: missing"; the first that was found */
};

enum request_parse {
    REQUEST_PARSED,    /* there was a reeve-check: decide it */
    REQUEST_UNKNOWN,   /* no message of ours in the frame: acknowledge without actions */
    REQUEST_MALFORMED, /* the payload breaks SPOP: disconnect with invalid frame */
};

/* Reads a NOTIFY's payload to its end. The first reeve-check counts; a second one in the same frame
 * makes the request a BAD_REQUEST. layout may be NULL. */
enum request_parse request_parse(struct spoe_bytes payload, struct request_layout *layout,
                                 struct request *out);

/* What a request must be however it came: sets its fault. request_parse() has done it. */
void request_check(struct request *request);

/* True where the header was not there, or there once. A value that nobody counted may hide a second
 * one; a count without a value hides what was sent. */
static inline bool request_header_is_clear(struct str value, int64_t count)
{
    return str_is_absent(value) ? count <= 0 : count == 1;
}

#endif
