/* What the tests of evalh report have in common: made-up result files, and the command run on them.
 */
#pragma once

#include "make_result.h"
#include "run_command.h"

#include "run_tests.h"

/* Arguments of evalh report. */
#define REPORT(...) run_command(&command_report, (const char *const[]){ __VA_ARGS__, NULL })

/* A result file of this name in the folder of the tests: its path, which is good until eight later
 * calls of in_folder. */
static inline const char *made(const char *name, const struct make_result *o)
{
    const char *path = in_folder(name);
    assert_int_equal(make_result_file(path, o), 0);
    return path;
}
