/* The parts of this test program. */
#ifndef TESTS_UNIT_SPOE_SUITES_H
#define TESTS_UNIT_SPOE_SUITES_H

#include <check.h>

Suite *suite_ack(void);
Suite *suite_cursor(void);
Suite *suite_disconnect(void);
Suite *suite_example(void);
Suite *suite_framing(void);
Suite *suite_handshake(void);
Suite *suite_notify(void);
Suite *suite_value(void);
Suite *suite_varint(void);
Suite *suite_writer(void);

#endif
