/* evalh report as a program of its own, for the tests that run it from outside. */
#include "command.h"

int main(int argc, char **argv)
{
    return command_report.main(argc, argv);
}
