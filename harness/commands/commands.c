#include "command.h"

#include <stddef.h>

const struct command *const commands[] = {
    &command_run,       &command_doctor,  &command_explain, &command_attn,
    &command_report,    &command_compare, &command_export,  &command_rescore,
    &command_precision, &command_bench,   &command_info,    NULL,
};
