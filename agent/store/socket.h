/* What every socket to the store is told. */
#ifndef REEVE_STORE_SOCKET_H
#define REEVE_STORE_SOCKET_H

/* Closed on exec, and kept alive. What can not be set is left. */
void socket_prepare(int fd);

#endif
