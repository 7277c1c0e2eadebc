#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "tests/support/forge.h"
#include "tests/unit/ctl/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(command_suite());

    ensure(crypto_start() == ERR_OK);
    ensure(unsetenv("REEVE_PEPPER_FILE") == 0);
    forge_make_keys();
    srunner_add_suite(runner, explain_suite());
    srunner_add_suite(runner, key_suite());
    srunner_add_suite(runner, password_suite());
    srunner_add_suite(runner, path_suite());
    srunner_add_suite(runner, token_suite());
    srunner_add_suite(runner, config_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    crypto_stop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
