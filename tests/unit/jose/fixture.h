/* One verifier of one issuer's keys, and short ways to ask it. */
#ifndef REEVE_TESTS_UNIT_JOSE_FIXTURE_H
#define REEVE_TESTS_UNIT_JOSE_FIXTURE_H

#include "agent/jose/jws.h"
#include "tests/support/forge.h"

#define ALL_ALGORITHMS (SIGNATURE_BIT(SIGNATURE_ALGORITHM_COUNT) - 1)

/* The keys in `text`, which must be good. */
struct jose_keys *fixture_keys(const char *text);

/* Keys from `text`, for the algorithms. One at a time. */
void fixture_open(const char *text, unsigned algorithms);
void fixture_close(void);

/* What the verifier says of a token that begins and ends in a block of its very size. The payload
 * must be `payload` where it is good; NULL: any. */
enum jose_fault fixture_ask(struct str token, const char *payload);

/* Of a token with this header, really signed as `algorithm`. */
enum jose_fault fixture_ask_signed(enum forge_key key, const char *algorithm, const char *header);

#define ck_assert_fault(got, want)                                                                 \
    do {                                                                                           \
        enum jose_fault fault_got = (got), fault_want = (want);                                    \
        ck_assert_msg(fault_got == fault_want, "got '%s', want '%s'", jose_fault_text(fault_got),  \
                      jose_fault_text(fault_want));                                                \
    } while (0)

#endif
