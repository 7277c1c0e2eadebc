/*
 * The world that fuzz_notify.c asks about: gates, and records in a fake store. Written twice, as
 * the records below and as the rules in notify_reference.c; change both.
 */
#ifndef REEVE_TESTS_FUZZ_NOTIFY_WORLD_H
#define REEVE_TESTS_FUZZ_NOTIFY_WORLD_H

#include "tests/support/fake_store.h"

#define WORLD_WALL_US INT64_C(1800000000000000) /* now, for ever */

#define WORLD_GATES                                                                                \
    "gate \"fe\" { accept = {apikey} }\n"                                                          \
    "gate \"open\" { accept = {apikey} anonymous = \"guest\" }\n"                                  \
    "gate \"rewrite\" { accept = {apikey} forward = \"canonical\" }\n"                             \
    "gate \"door\" { accept = {apikey, cert} }\n"                                                  \
    "gate \"both\" { accept = {apikey} also = {cert} }\n"                                          \
    "certificates \"ca\" { issuer = \"CN=CA\" below = \"O=Corp\" gates = {door, both} }\n"

/* Keys that the store knows; only the first two are good, the second from 192.0.2.0/24 alone. */
#define WORLD_KEY_GOOD     "rv_Good000000_goodgoodgoodgoodgoodgoodgoodgood_3ZDHyy"
#define WORLD_KEY_NEAR     "rv_Near000000_nearnearnearnearnearnearnearnear_0GUa2U"
#define WORLD_KEY_DISABLED "rv_Disabled00_disableddisableddisableddisabled_2CWo0u"
#define WORLD_KEY_EXPIRED  "rv_Expired000_expiredexpiredexpiredexpiredexpi_3Lzhth"
#define WORLD_KEY_NARROW   "rv_Narrow0000_narrownarrownarrownarrownarrowna_2Nslk3"
#define WORLD_KEY_BOBS     "rv_Bobs000000_bobsbobsbobsbobsbobsbobsbobsbobs_3cxFEU"

/* The bytes of fingerprints that the store knows: alice's, one of hers that is disabled, bob's. */
#define WORLD_CERT_GOOD     'G'
#define WORLD_CERT_DISABLED 'D'
#define WORLD_CERT_BOBS     'B'

void world_fill(struct fake_store *fake);

#endif
