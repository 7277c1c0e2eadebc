#include "tests/support/quiet.h"

#include <fcntl.h>
#include <unistd.h>

int silence_log(void)
{
    int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    return saved;
}

void restore_log(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}
