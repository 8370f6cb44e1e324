/* The commands that read results, as a program of their own: it needs no model to be built. */
#include <stdio.h>
#include <string.h>

#include "command.h"

int main(int argc, char **argv)
{
    const struct command *const own[] = { &command_report, &command_compare };
    for (size_t i = 0; argc > 1 && i < sizeof own / sizeof *own; i++)
        if (strcmp(argv[1], own[i]->name) == 0)
            return command_main(own[i], argc - 1, argv + 1);
    fprintf(stderr, "report_only COMMAND [ARGUMENT...]\n");
    return EXIT_USAGE;
}
