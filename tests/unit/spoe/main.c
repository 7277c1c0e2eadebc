#include <stdlib.h>

#include "tests/unit/spoe/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(suite_varint());

    srunner_add_suite(runner, suite_cursor());
    srunner_add_suite(runner, suite_writer());
    srunner_add_suite(runner, suite_value());
    srunner_add_suite(runner, suite_framing());
    srunner_add_suite(runner, suite_handshake());
    srunner_add_suite(runner, suite_notify());
    srunner_add_suite(runner, suite_ack());
    srunner_add_suite(runner, suite_disconnect());
    srunner_add_suite(runner, suite_example());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
