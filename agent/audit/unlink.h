/* Removing a large file without holding up who syncs another one. */
#ifndef REEVE_AUDIT_UNLINK_H
#define REEVE_AUDIT_UNLINK_H

#include "agent/base/err.h"

/* To free the blocks of a large file at once can keep a file system's journal, and with it every sync, busy for
 * a tenth of a second. So one that has no other name and that nobody has open is freed in pieces, after its
 * name is gone; who has it open reads it to its end. ERR_IO: the name is still there, errno says why. */
enum err audit_unlink(const char *path) MUST_USE;

#endif
