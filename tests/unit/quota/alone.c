#include "tests/unit/quota/alone.h"

struct world world;

void alone_setup(void)
{
    world_open(&world, 1);
}

void alone_teardown(void)
{
    world_close(&world);
}
