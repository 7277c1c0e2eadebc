/*
 * The checks of a token, in their order, and where each is held to it; jws.h and jwt.h have the order.
 *
 *    1 length, bytes, dots              form.c: other_forms_are_refused, longer_tokens_are_refused_...
 *    2 base64url                        form.c: other_forms_are_refused
 *    3 header JSON                      header.c: bad_headers, depth_is_bounded
 *    4 members never taken              header.c: bad_headers
 *    5 alg                              header.c: bad_headers; signatures.c: mixed
 *    6 kid                              header.c: bad_headers, a_kid_has_at_most_256_bytes;
 *                                       signatures.c: a_kid_chooses_the_key
 *    7 the key's alg, kty, crv, use     keys.c: bad_keys, good_keys; signatures.c: mixed
 *    8 length of the signature          signatures.c: mixed, ecdsa_in_der_or_of_other_numbers_...
 *    9 the signature                    signatures.c, vectors.c, libjwt.c
 *   10 claims JSON, only then           claims.c: cases, a_bad_signature_comes_before_bad_claims
 *   11 iss, aud, exp, nbf, iat          claims.c: cases, a_lifetime_is_counted_from_iat
 *   12 typ                              claims.c: types
 *   13 sub                              claims.c: cases, names_are_bounded
 *   14 cnf                              claims.c: cases, a_bound_token_is_its_holders
 *   15 revocation by iss and jti        authn/tokens.c: a_token_is_named_by_issuer_and_jti;
 *                                       scenario/published.c: a_revoked_token_stays_so_under_its_...
 *   published sets                      keys.c: published; e2e/test_jwks.py: BAD
 *
 * What libjwt 1.10 takes, and is refused here: MACs under public keys (a_public_key_is_no_secret), "none"
 * and names in another case, alg twice, crit and b64 (bad_headers), secrets of no or few bytes and RSA of
 * 1024 bits (bad_keys), curves that are not alg's (mixed), base64 that skips (bad_forms). What it refuses
 * and is taken: typ at+jwt (types). Encrypted PEM never prompts: an_encrypted_key_is_refused_unasked.
 */
#include <stdlib.h>

#include "tests/support/forge.h"
#include "tests/unit/jose/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(vectors_suite());

    forge_make_keys();
    srunner_add_suite(runner, form_suite());
    srunner_add_suite(runner, header_suite());
    srunner_add_suite(runner, signatures_suite());
    srunner_add_suite(runner, keys_suite());
    srunner_add_suite(runner, claims_suite());
    srunner_add_suite(runner, libjwt_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
