/* A process of our own behind pipes: a line to its standard input, a line from its standard output,
 * its standard error passed on to ours. Knows nothing of what the lines say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum {
    WORKER_LINE = 1 << 20,       /* bytes of a line, at most */
    WORKER_PASSED_ON = 16 << 20, /* bytes of standard error that are passed on */
    WORKER_TAIL = 4096,          /* of its end that messages can show */
    WORKER_QUIT = 10,
    WORKER_TERM = 2 /* seconds to end by itself, and after SIGTERM */
};

struct worker_process;

struct worker_start {
    const char *command;            /* for /bin/sh -c */
    const char *const *environment; /* NULL-terminated NAME=VALUE, added to ours */
    double timeout;                 /* seconds that a reply may take; 0: any time */
    bool (*stopped)(void);          /* looked at while waiting; NULL: never */
};

/* The command runs in a process group of its own, in the same folder, and is killed with this
 * thread. E_IO where the system refuses. A command that cannot be run shows in the first
 * worker_ask. */
enum status worker_spawn(const struct worker_start *, struct worker_process **out,
                         struct error *err);

/* Writes `line` (without its newline) and waits for a line in return, which lies in *reply, without
 * its newline, until the next call. `what` names the request in messages.
 *
 * E_DEVICE: the process has ended, did not answer in time, said something unasked or too much; the
 * message ends with its last lines of standard error, and the process is gone. E_STOPPED: `stopped`
 * said so; the process is gone, too. */
enum status worker_ask(struct worker_process *, const char *line, const char *what,
                       const char **reply, struct error *err);

/* For faults of what a reply says: ends the process at once, and puts its last lines of standard
 * error behind the message already in *err. Returns err's code. */
enum status worker_blame(struct worker_process *, struct error *err);

/* Ends it, with what it has started. `farewell` (or NULL) is a last line to write: then it has
 * WORKER_QUIT seconds to end by itself. Accepts NULL. No process is left, not even a dead one. */
void worker_end(struct worker_process *, const char *farewell);

/* Bytes for a person: control characters and what is no UTF-8 as \xNN, cut with "..." where it is
 * longer than `size`. Returns `out`. */
const char *worker_show(const char *bytes, size_t count, char *out, size_t size);
