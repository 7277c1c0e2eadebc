#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "tests/unit/authn/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(form_suite());

    ensure(crypto_start() == ERR_OK);
    srunner_add_suite(runner, cert_suite());
    srunner_add_suite(runner, make_suite());
    srunner_add_suite(runner, verify_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_add_suite(runner, passwords_suite());
    srunner_add_suite(runner, tokens_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    crypto_stop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
