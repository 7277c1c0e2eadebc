/*
 * HAProxy's side of SPOP: builds what HAProxy sends and takes apart what an agent answers.
 *
 * Written from the specification (SPOE 3.1 to 3.4) and apart from spoe/, so that the two check each
 * other. A bug in a test, such as a frame that does not fit its memory, aborts.
 *
 *     uint8_t memory[4096];
 *     struct spop_out out = spop_out_over(memory, sizeof(memory));
 *     spop_put_hello(&out, &spop_hello_haproxy);
 *     spop_put_question(&out, 1, 1, &question);
 *     send(out.data, out.length)
 *
 * Strings end in NUL here; the _bytes functions take those that have it inside.
 */
#ifndef TESTS_SUPPORT_SPOP_PEER_H
#define TESTS_SUPPORT_SPOP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spop_type {
    SPOP_UNSET = 0,
    SPOP_HELLO = 1,
    SPOP_DISCONNECT = 2,
    SPOP_NOTIFY = 3,
    SPOP_AGENT_HELLO = 101,
    SPOP_AGENT_DISCONNECT = 102,
    SPOP_ACK = 103,
};

#define SPOP_FIN   1u
#define SPOP_ABORT 2u

/* ---- building ---- */

struct spop_out {
    uint8_t *data;
    size_t capacity;
    size_t length;
};

struct spop_out spop_out_over(void *memory, size_t capacity);

void spop_put_u8(struct spop_out *out, unsigned value);
void spop_put_u32(struct spop_out *out, uint32_t value);
void spop_put_raw(struct spop_out *out, const void *bytes, size_t length);
void spop_put_varint(struct spop_out *out, uint64_t value);
void spop_put_text(struct spop_out *out, const char *text);

/* A name and a typed value, as KV-LISTs and messages hold them. `integer_type` is 2 to 5, INT32 to
 * UINT64. */
void spop_put_null(struct spop_out *out, const char *name);
void spop_put_bool(struct spop_out *out, const char *name, bool value);
void spop_put_integer(struct spop_out *out, const char *name, unsigned integer_type,
                      uint64_t value);
void spop_put_int(struct spop_out *out, const char *name, int64_t value); /* INT64 */
void spop_put_string(struct spop_out *out, const char *name, const char *value);
void spop_put_string_bytes(struct spop_out *out, const char *name, const void *bytes,
                           size_t length);
void spop_put_binary(struct spop_out *out, const char *name, const void *bytes, size_t length);
void spop_put_ipv4(struct spop_out *out, const char *name, const uint8_t address[static 4]);
void spop_put_ipv6(struct spop_out *out, const char *name, const uint8_t address[static 16]);

/* Between the two comes the payload. Gives where the frame begins, for spop_frame_end(). */
size_t spop_frame_begin(struct spop_out *out, unsigned type, uint32_t flags, uint64_t stream_id,
                        uint64_t frame_id);
void spop_frame_end(struct spop_out *out, size_t begin);

/* A message's name and count of arguments; they follow. */
void spop_put_message(struct spop_out *out, const char *name, unsigned arg_count);

/* ---- whole frames ---- */

/* A member that is NULL, or a size of 0, is not sent. */
struct spop_hello {
    const char *versions;
    uint64_t max_frame_size;
    const char *capabilities;
    const char *engine_id;
    bool is_check;
};

/* What HAProxy 2.6 sends. */
extern const struct spop_hello spop_hello_haproxy;

void spop_put_hello(struct spop_out *out, const struct spop_hello *hello);
/* `option spop-check`: the 82 bytes that every version sends with the default bufsize. */
void spop_put_check(struct spop_out *out);
void spop_put_disconnect(struct spop_out *out, uint64_t status, const char *message);

/* What HAProxy says of a client certificate. */
struct spop_certificate {
    bool is_used;
    int64_t verify;
    const uint8_t *sha256; /* 32 bytes */
    const char *subject;
    const char *issuer;
};

/* The arguments of the message reeve-check. NULL: HAProxy's fetch found nothing. */
struct spop_question {
    const char *rid;
    const char *frontend;
    const char *source; /* IPv4 or IPv6 */
    bool is_tls;
    const char *method;
    const char *path;
    const char *host;
    const char *authorization;
    const char *apikey;
    const struct spop_certificate *certificate;
};

/* The arguments alone, in the order and the types of the shipped configuration. */
void spop_put_question_args(struct spop_out *out, const struct spop_question *question);
#define SPOP_QUESTION_ARGS 18

void spop_put_question(struct spop_out *out, uint64_t stream_id, uint64_t frame_id,
                       const struct spop_question *question);

/* ---- taking apart ---- */

struct spop_bytes {
    const uint8_t *data;
    size_t length;
};

struct spop_frame {
    unsigned type;
    uint32_t flags;
    uint64_t stream_id;
    uint64_t frame_id;
    struct spop_bytes payload;
};

enum spop_result { SPOP_WHOLE, SPOP_MORE, SPOP_MALFORMED };

/* The frame at the front of `bytes`; *used is its size, length field included. */
enum spop_result spop_get_frame(const uint8_t *bytes, size_t length, struct spop_frame *frame,
                                size_t *used);

/* Reads a varint off the front of `bytes`; false when it is cut or has more than 64 bits. */
bool spop_get_varint(struct spop_bytes *bytes, uint64_t *value);

struct spop_value {
    unsigned type;   /* the wire's; 0: null */
    uint64_t number; /* integers and booleans */
    struct spop_bytes bytes;
};

/* Read a message's head, then each of its arguments, off the front of a NOTIFY's payload. False:
 * cut or malformed. */
bool spop_get_message(struct spop_bytes *payload, struct spop_bytes *name, unsigned *arg_count);
bool spop_get_arg(struct spop_bytes *payload, struct spop_bytes *name, struct spop_value *value);

/* The value of a key in a KV-LIST. False: not there, or the list is malformed. */
bool spop_get_pair(struct spop_bytes payload, const char *key, struct spop_value *value);

struct spop_action {
    unsigned type; /* 1 set, 2 unset */
    unsigned scope;
    struct spop_bytes name;
    struct spop_value value;
};

/* Reads the next action off the front of `payload`. MORE: there is none left. */
enum spop_result spop_get_action(struct spop_bytes *payload, struct spop_action *action);

/* The value an ACK sets in scope txn. False: it does not, or is malformed. */
bool spop_get_var(const struct spop_frame *ack, const char *name, struct spop_value *value);

bool spop_is_text(struct spop_bytes bytes, const char *text);

#endif
