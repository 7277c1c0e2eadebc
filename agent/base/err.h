/*
 * Failures: what went wrong outside the program's own logic (I/O, memory, a peer, a setting).
 *
 * A function that can fail returns enum err and must be checked. Its outputs come last and stay
 * untouched when it fails. An expected outcome of a decision (no credential, no rule) is never an
 * error: that is enum reason. A broken invariant is never an error either: that is ensure().
 */
#ifndef REEVE_BASE_ERR_H
#define REEVE_BASE_ERR_H

enum err {
    ERR_OK = 0,
    ERR_MEMORY = -1,  /* an allocation failed */
    ERR_IO = -2,      /* the kernel refused; errno says why */
    ERR_SYNTAX = -3,  /* text or bytes that do not follow their grammar */
    ERR_RANGE = -4,   /* well-formed, but outside the allowed values */
    ERR_FULL = -5,    /* a bounded buffer, queue or table has no room */
    ERR_MISSING = -6, /* what was asked for is not there */
    ERR_CRYPTO = -7,  /* OpenSSL refused */
    ERR_BUSY = -8,    /* somebody else holds it (a lock, an address) */
};

#define MUST_USE __attribute__((warn_unused_result))

/* A short, stable English word for a log line: "out of memory", "I/O error" ... */
const char *err_text(enum err e);

#endif
