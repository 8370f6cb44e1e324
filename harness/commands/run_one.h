/* One run of `evalh run`, from its plan to its result file, on all ranks. */
#pragma once

#include "plan.h"
#include "ranks.h"

/* Every rank calls it with its own plan of the same config. `fresh` starts over. *begun: whether
 * work has begun, which decides the exit code. Rank 0 prints the summary. `again` is the command
 * that continues after an interruption, for the message. */
enum status run_one(struct ranks *, struct plan *, bool fresh, const char *again, bool *begun,
                    struct error *err);
