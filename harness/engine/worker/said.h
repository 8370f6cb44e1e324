/* Private to engine/: passes a worker's standard error on to ours as it comes, and keeps its
 * end. */
#pragma once

#include <stdbool.h>

#include "process.h"

struct worker_stderr {
    int fd;        /* where it is read, non-blocking; -1: its end was reached */
    size_t passed; /* bytes passed on */
    bool dropped;  /* it was longer than what is passed on */
    char tail[WORKER_TAIL];
    size_t filled; /* bytes in `tail` */
};

/* Reads what is available, for a limited time. */
void worker_stderr_take(struct worker_stderr *);
/* Puts the last lines behind the message in *err. */
void worker_stderr_quote(const struct worker_stderr *, struct error *err);
void worker_stderr_close(struct worker_stderr *);
