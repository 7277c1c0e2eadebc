/*
 * SPOP for agents: HAProxy's Stream Processing Offload Protocol, the agent's side of it (SPOE.txt
 * of HAProxy's documentation, version 2.0; works with HAProxy 2.4 and later).
 *
 * Bytes in, events out, replies into the caller's buffer. The library opens no socket, reads no
 * clock, logs nothing, allocates nothing, keeps no state but the caller's `struct spoe_session`,
 * and needs nothing but libc. So it is as thread-safe as its caller: one session, one thread at a
 * time.
 *
 *     received bytes --> spoe_session_next() --> event --.
 *                                                        | HELLO, CHECK: spoe_session_write_hello
 *                                                        | NOTIFY:       spoe_messages_*, spoe_ack_*
 *                                                        | DISCONNECT, FAULT:
 *                                                        |               spoe_session_write_disconnect
 *     bytes to send  <-- caller's buffer <---------------'
 *
 * Ownership: everything read borrows from the received bytes, nothing is copied. What must outlive
 * them (a NOTIFY that waits for somebody) is the caller's to copy.
 *
 * Errors: whatever a peer sends ends in an event. A fault says which status to disconnect with;
 * messages are read by the caller and say at their end whether they were well formed. Writers give
 * 0 or false when the room is too small, and have then written no part of anything.
 *
 * Limits: frames up to the size agreed in HELLO (at most the caller's own), 4096 bytes before that.
 * Fragmented payloads are refused, as no answer of ours announces that capability.
 *
 * Writing to the socket: a reply should leave in one write. HAProxy 3.2 and 3.4 fail every request
 * of a connection whose AGENT-HELLO came in two reads.
 *
 * Example: answers every request with txn.<prefix>.verdict = "allow". The caller reads into `in`,
 * calls example_received() after every read, keeps the bytes that were not used, sends what is in
 * `out`, and closes when it is over. tests/bench/noop_agent.c is this with a socket around it.
 *
 *     #include "spoe/spoe.h"
 *
 *     static size_t example_allow(const struct spoe_session *session,
 *                                 const struct spoe_event *event, uint8_t *out, size_t room)
 *     {
 *         static const struct spoe_bytes name = {(const uint8_t *)"verdict", 7};
 *         static const struct spoe_bytes value = {(const uint8_t *)"allow", 5};
 *         struct spoe_ack ack;
 *
 *         if (!spoe_ack_begin(&ack, out, room, session->max_frame_size,
 *                             event->notify.stream_id, event->notify.frame_id)) {
 *             return 0;
 *         }
 *         spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, name, value);
 *         return spoe_ack_end(&ack);
 *     }
 *
 *     static bool example_is_well_formed(struct spoe_bytes payload)
 *     {
 *         struct spoe_messages list;
 *         struct spoe_message message;
 *         struct spoe_arg arg;
 *
 *         spoe_messages_begin(&list, payload);
 *         while (spoe_messages_next(&list, &message)) {
 *             while (spoe_message_next_arg(&list, &arg)) {
 *             }
 *         }
 *         return !spoe_messages_failed(&list);
 *     }
 *
 *     static size_t example_answer(struct spoe_session *session, const struct spoe_event *event,
 *                                  uint8_t *out, size_t room, bool *is_over)
 *     {
 *         switch (event->type) {
 *         case SPOE_EVENT_CHECK:
 *             *is_over = true;
 *             return spoe_session_write_hello(session, out, room);
 *         case SPOE_EVENT_HELLO:
 *             return spoe_session_write_hello(session, out, room);
 *         case SPOE_EVENT_NOTIFY:
 *             if (example_is_well_formed(event->notify.payload)) {
 *                 return example_allow(session, event, out, room);
 *             }
 *             *is_over = true;
 *             return spoe_session_write_disconnect(session, SPOE_STATUS_INVALID_FRAME, out, room);
 *         case SPOE_EVENT_DISCONNECT:
 *             *is_over = true;
 *             return spoe_session_write_disconnect(session, SPOE_STATUS_NORMAL, out, room);
 *         case SPOE_EVENT_FAULT:
 *             *is_over = true;
 *             return spoe_session_write_disconnect(session, event->fault.status, out, room);
 *         default:
 *             return 0;
 *         }
 *     }
 *
 *     static size_t example_received(struct spoe_session *session, const uint8_t *in,
 *                                    size_t *length, uint8_t *out, size_t room, bool *is_over)
 *     {
 *         size_t used = 0, written = 0;
 *         struct spoe_event event;
 *
 *         while (!*is_over && room - written >= SPOE_REPLY_MAX) {
 *             used += spoe_session_next(session, in + used, *length - used, &event);
 *             if (event.type == SPOE_EVENT_MORE) {
 *                 break;
 *             }
 *             written += example_answer(session, &event, out + written, room - written, is_over);
 *         }
 *         *length = used;
 *         return written;
 *     }
 *
 * End of the example, which the unit tests compile from this comment and run.
 */
#ifndef SPOE_SPOE_H
#define SPOE_SPOE_H

#include "spoe/ack.h"
#include "spoe/notify.h"
#include "spoe/session.h"
#include "spoe/status.h"
#include "spoe/value.h"

#endif
