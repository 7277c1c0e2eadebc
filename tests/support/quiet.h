/* Standard error, where the log goes, to nowhere and back: for tests that provoke what is logged.
 */
#ifndef REEVE_TESTS_SUPPORT_QUIET_H
#define REEVE_TESTS_SUPPORT_QUIET_H

/* Gives what restore_log() wants. */
int silence_log(void);
void restore_log(int saved);

#endif
