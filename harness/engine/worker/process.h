/* A child process behind pipes: we write a line to its standard input, read a line from its
 * standard output, and pass its standard error on to ours. This file knows nothing of what the
 * lines mean. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum {
    WORKER_LINE = 1 << 20,       /* bytes of a line, at most */
    WORKER_PASSED_ON = 16 << 20, /* bytes of standard error that are passed on */
    WORKER_TAIL = 4096,          /* bytes bytes of its end that messages can show */
    WORKER_QUIT = 10,
    WORKER_TERM = 2 /* seconds it has to end by itself, and again after SIGTERM */
};

struct worker_process;

struct worker_start {
    const char *command;            /* for /bin/sh -c */
    const char *const *environment; /* NULL-terminated NAME=VALUE, added to ours */
    double timeout;                 /* seconds that a reply may take; 0: no limit */
    bool (*stopped)(void);          /* polled while waiting; NULL: never */
};

/* Starts the command in a new process group and in the same folder; it is killed when this thread
 * ends. E_IO where the system refuses. A command that cannot be run fails in the first
 * worker_ask. */
enum status worker_spawn(const struct worker_start *, struct worker_process **out,
                         struct error *err);

/* Writes `line` (without its newline) and waits for a line in return, which lies in *reply, without
 * its newline, until the next call. `what` names the request in messages.
 *
 * E_DEVICE: the process has ended, did not answer in time, wrote something unasked or too long; the
 * message ends with its last lines of standard error, and the process has been ended. E_STOPPED:
 * `stopped` was true; the process has been ended, too. */
enum status worker_ask(struct worker_process *, const char *line, const char *what,
                       const char **reply, struct error *err);

/* For a reply whose content is wrong: ends the process at once, and puts its last lines of standard
 * error behind the message already in *err. Returns err's code. */
enum status worker_blame(struct worker_process *, struct error *err);

/* Ends the process and all that it has started. `farewell` (or NULL) is a last line to write, after
 * which it has WORKER_QUIT seconds to end by itself. Accepts NULL. No process is left, not even a
 * zombie. */
void worker_end(struct worker_process *, const char *farewell);

/* Makes bytes readable: control characters and invalid UTF-8 become \xNN, and a text longer than
 * `size` is cut with "...". Returns `out`. */
const char *worker_show(const char *bytes, size_t count, char *out, size_t size);
