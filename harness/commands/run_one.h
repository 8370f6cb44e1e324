/* One run of `evalh run`, from its plan to its result file, on all ranks. */
#pragma once

#include "plan.h"
#include "ranks.h"

/* Every rank calls it with its own plan of the same config. `fresh` starts over. *begun: whether
 * work had begun, which decides the exit code. Prints the summary, on rank 0. `again`: the command
 * that goes on after an interruption, for the message. */
enum status run_one(struct ranks *, struct plan *, bool fresh, const char *again, bool *begun,
                    struct error *err);
