#include <stdlib.h>

#include "tests/unit/decide/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(reply_suite());

    srunner_add_suite(runner, memo_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
