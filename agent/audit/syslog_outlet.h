/*
 * An outlet (sink.h) to a syslog receiver: messages of syslog.h over one of
 *
 *   TCP            octet counting (RFC 6587 3.4.1), never framing by line feeds
 *   UDP            one datagram a message (RFC 5426)
 *   unix datagram  as /dev/log is
 *   unix stream    as TCP
 *
 * What is known of what was sent, and so counts as settled:
 *
 *   TCP     the other side's kernel has it; its program may still lose it, and nobody will know
 *   unix    the other side's program has read it
 *   UDP     it left; nothing is known of its arrival. After an outage that the network told of, one
 *           message goes first, and the others once no refusal has come back for a while
 *
 * A connection whose other side takes nothing is kept, as long as its kernel answers.
 *
 * Owned by the sink's thread.
 */
#ifndef REEVE_AUDIT_SYSLOG_OUTLET_H
#define REEVE_AUDIT_SYSLOG_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include "agent/audit/sink.h"
#include "agent/audit/syslog.h"

enum syslog_transport { SYSLOG_TCP, SYSLOG_UDP, SYSLOG_UNIX, SYSLOG_UNIX_STREAM };

/* Texts are borrowed as long as the outlet lives. */
struct syslog_settings {
    enum syslog_transport transport;
    const char *host; /* a name or numeric address; the path of a unix socket */
    uint16_t port;
    struct syslog_source source; /* but for host and process, which the outlet knows */
    size_t message_bytes;        /* that a datagram may have; streams have whole lines */
    int64_t timeout_us;          /* without an answer from the other side's kernel */
};

/* Gives a new outlet; NULL: no memory. */
struct outlet *syslog_outlet_new(const struct syslog_settings *settings);

#endif
