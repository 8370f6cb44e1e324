/* What the tests of evalh report have in common: made-up result files, and the command run on them.
 */
#pragma once

#include "make_result.h"
#include "run_command.h"

#include "run_tests.h"

#include <string.h>

/* Arguments of evalh report. */
#define REPORT(...) run_command(&command_report, (const char *const[]){ __VA_ARGS__, NULL })

/* Asserts that a command ended with this code and wrote each of these texts, which NULL ends: where
 * the code is 0 to its output, else to its errors. */
static inline void expect(struct outcome r, int code, const char *const *says)
{
    const char *text = code == 0 ? r.out : r.err;
    assert_int_equal(r.code, code);
    for (; *says; says++)
        if (!strstr(text, *says))
            fail_msg("expected '%s', got '%s'", *says, text);
    outcome_free(&r);
}
#define EXPECT(outcome, code, ...) expect(outcome, code, (const char *const[]){ __VA_ARGS__, NULL })

/* Command lines that a command refuses, and what it says then. */
struct refused_call {
    const char *arguments[5];
    const char *says;
};
static inline void expect_refused(const struct command *command, const struct refused_call *calls,
                                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        EXPECT(run_command(command, calls[i].arguments), 2, calls[i].says);
}

/* A result file of this name in the folder of the tests: its path, which is good until eight later
 * calls of in_folder. */
static inline const char *made(const char *name, const struct make_result *o)
{
    const char *path = in_folder(name);
    assert_int_equal(make_result_file(path, o), 0);
    return path;
}
