#include "agent/config/config.h"

#include "agent/ctl/command.h"

int command_config_check(int argc, char **argv)
{
    struct config *config = NULL;

    if (argc != 1) {
        return COMMAND_USAGE;
    }
    if (config_load(argv[0], NULL, 0, stderr, &config) != ERR_OK) {
        return 1;
    }
    config_unref(config);
    puts("ok");
    return 0;
}

int command_config_reference(int argc, char **argv)
{
    if (argc != 0) {
        return command_refuse_argument("config reference", argv[0]);
    }
    config_print_reference(stdout);
    return 0;
}
