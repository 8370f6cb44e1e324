#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "free_all.h"
#include "log.h"
#include "said.h"

enum { POLL_MS = 100 /* milliseconds between checks of `stopped` and of the process */ };

struct worker_process {
    struct worker_start start; /* texts are borrowed until worker_spawn returns, except: */
    char *command;
    pid_t pid;   /* 0: it has been reaped */
    int in, out; /* our ends of the pipes to its standard input and output; -1: closed */
    struct worker_stderr said;
    char *line;    /* [WORKER_LINE + 1] read from its standard output so far */
    size_t filled; /* bytes in `line` */
    size_t taken;  /* of these, the bytes of the last reply with its newline */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* The command for the shell. A simple command replaces the shell (exec), so that its end and its
 * signals are those of our child; a list or a pipeline cannot. */
static char *shell_command(const char *command)
{
    char *whole = NULL;
    const char *word = command + strspn(command, " \t");
    size_t length = strcspn(word, " \t");
    bool simple =
        command[strcspn(command, ";|&(){}\n")] == '\0' && memchr(word, '=', length) == NULL;
    return asprintf(&whole, "%s%s", simple ? "exec " : "", command) < 0 ? NULL : whole;
}

/* Runs in the child, where nothing may allocate memory or take a lock. */
static void become(const char *command, const int ends[3], char **environment, pid_t parent)
{
    char sh[] = "sh", c[] = "-c";
    char *arguments[] = { sh, c, (char *)(size_t)command, NULL };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    /* Our process may be killed at any moment; a worker that hangs then would remain. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(ends[i], i) < 0)
            _exit(127);
    execve("/bin/sh", arguments, environment);
    _exit(127);
}

/* Our environment with `more` added, in one block of memory; NULL: out of memory. */
static char **environment_with(const char *const *more)
{
    size_t count = 0, extra = 0;
    while (environ[count] != NULL)
        count++;
    while (more != NULL && more[extra] != NULL)
        extra++;
    char **all = calloc(count + extra + 1, sizeof *all);
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < extra; i++) /* getenv finds the first entry of a name */
        all[i] = (char *)(size_t)more[i];
    memcpy(all + extra, environ, count * sizeof *all);
    return all;
}

/* The child's ends of the pipes, [0 .. 2], and ours. All are 3 or above: descriptors 0 to 2 are
 * overwritten while the child moves its ends there. */
static bool open_pipes(int theirs[3], int ours[3])
{
    for (int i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return false;
        for (int k = 0; k < 2; k++) {
            int high = fcntl(ends[k], F_DUPFD_CLOEXEC, 3);
            close(ends[k]);
            ends[k] = high;
        }
        theirs[i] = ends[i == 0 ? 0 : 1];
        ours[i] = ends[i == 0 ? 1 : 0];
        if (theirs[i] < 0 || ours[i] < 0 || fcntl(ours[i], F_SETFL, O_NONBLOCK) != 0)
            return false;
    }
    return true;
}

static enum status launch(struct worker_process *p, struct error *err)
{
    int theirs[3] = { -1, -1, -1 }, ours[3] = { -1, -1, -1 };
    char **environment = environment_with(p->start.environment);
    pid_t parent = getpid();
    bool ready = environment != NULL && open_pipes(theirs, ours);
    /* Processes that a worker started and left behind become our children, so that we can wait for
     * them. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    p->pid = ready ? fork() : -1;
    if (p->pid == 0)
        become(p->command, theirs, environment, parent);
    int error = errno;
    for (int i = 0; i < 3; i++)
        close_fd(&theirs[i]);
    free(environment);
    p->in = ours[0];
    p->out = ours[1];
    p->said.fd = ours[2];
    if (p->pid > 0) {
        setpgid(p->pid, p->pid); /* whoever comes first, it or the child itself */
        return OK;
    }
    p->pid = 0;
    return fail(err, E_IO, "cannot start the worker: %s", strerror(error));
}

enum status worker_spawn(const struct worker_start *start, struct worker_process **out,
                         struct error *err)
{
    struct worker_process *p = calloc(1, sizeof *p);
    *out = NULL;
    if (p == NULL)
        return fail(err, E_NOMEM, "out of memory");
    p->start = *start;
    p->in = p->out = p->said.fd = -1;
    p->command = shell_command(start->command);
    p->line = malloc(WORKER_LINE + 1);
    enum status status = p->command == NULL || p->line == NULL ? fail(err, E_NOMEM, "out of memory")
                                                               : launch(p, err);
    if (status != OK) {
        worker_end(p, NULL);
        return status;
    }
    *out = p;
    return OK;
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* Whether the process has ended. It stays a zombie, so that its number and that of its group are
 * not used again. */
static bool has_ended(const struct worker_process *p, siginfo_t *how)
{
    *how = (siginfo_t){ 0 };
    return p->pid > 0 && waitid(P_PID, (id_t)p->pid, how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           how->si_pid == p->pid;
}

/* Waits this many seconds for the process to end, and reads what it writes meanwhile, so that it
 * does not block. */
static bool await_end(struct worker_process *p, double seconds, siginfo_t *how)
{
    double until = now() + seconds;
    char waste[4096];
    while (!has_ended(p, how)) {
        struct pollfd waits[2] = { { p->out, POLLIN, 0 }, { p->said.fd, POLLIN, 0 } };
        if (now() >= until)
            return false;
        poll(waits, 2, 10);
        if (p->out >= 0 && read(p->out, waste, sizeof waste) == 0)
            close_fd(&p->out);
        worker_stderr_take(&p->said);
    }
    return true;
}

/* Kills the whole group, then the process itself. */
static void destroy(struct worker_process *p)
{
    if (p->pid > 0) {
        kill(-p->pid, SIGKILL);
        while (waitpid(-p->pid, NULL, 0) > 0 || errno == EINTR)
            ;
    }
    p->pid = 0;
    worker_stderr_take(&p->said);
    close_fd(&p->in);
    close_fd(&p->out);
    worker_stderr_close(&p->said);
}

static bool write_line(struct worker_process *p, const char *line, double until);

void worker_end(struct worker_process *p, const char *farewell)
{
    siginfo_t how;
    if (p == NULL)
        return;
    if (p->pid > 0 && farewell != NULL) {
        write_line(p, farewell, now() + 1);
        close_fd(&p->in);
        if (!await_end(p, WORKER_QUIT, &how)) {
            log_warn("the worker does not end when told to quit; it is terminated");
            kill(-p->pid, SIGTERM);
            await_end(p, WORKER_TERM, &how);
        }
    }
    destroy(p);
    FREE_ALL(p->command, p->line, p);
}

enum status worker_blame(struct worker_process *p, struct error *err)
{
    destroy(p);
    worker_stderr_quote(&p->said, err);
    return err->code;
}

/* The process has ended, or has closed its output. */
static enum status tell_end(struct worker_process *p, const char *what, struct error *err)
{
    siginfo_t how;
    const char *name = "it";
    if (!await_end(p, 2, &how))
        fail(err, E_DEVICE, "the worker closed its standard output before it answered '%s'", what);
    else if (how.si_code == CLD_EXITED && how.si_status == 127)
        fail(err, E_DEVICE,
             "the worker could not be started (model.command), or ended with code 127");
    else if (how.si_code == CLD_EXITED)
        fail(err, E_DEVICE, "the worker ended with code %d before it answered '%s'", how.si_status,
             what);
    else {
        name = strsignal(how.si_status);
        fail(err, E_DEVICE, "the worker was killed by signal %d (%s) before it answered '%s'%s",
             how.si_status, name, what,
             how.si_status == SIGKILL ? "; the system does that when memory runs out" : "");
    }
    return worker_blame(p, err);
}

/* ---- talking --------------------------------------------------------------------------------- */

/* A write() that returns EPIPE where nobody reads, whatever the disposition of SIGPIPE. */
static ssize_t write_quietly(int fd, const char *bytes, size_t count)
{
    static const struct timespec at_once = { 0, 0 };
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t written = write(fd, bytes, count);
    int error = errno;
    if (written < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

/* Writes all bytes. False: nobody reads them by the time `until`. Meanwhile reads what the process
 * writes to standard error. */
static bool write_line(struct worker_process *p, const char *line, double until)
{
    size_t length = strlen(line), done = 0;
    while (done <= length) {
        bool last = done == length;
        ssize_t n = write_quietly(p->in, last ? "\n" : line + done, last ? 1 : length - done);
        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        struct pollfd waits[2] = { { p->in, POLLOUT, 0 }, { p->said.fd, POLLIN, 0 } };
        poll(waits, 2, POLL_MS);
        worker_stderr_take(&p->said);
        if (now() >= until || (p->start.stopped != NULL && p->start.stopped()))
            return false;
    }
    return true;
}

/* Reads what is available. False: the end of its standard output. */
static bool read_some(struct worker_process *p)
{
    while (p->filled < WORKER_LINE) {
        ssize_t n = read(p->out, p->line + p->filled, WORKER_LINE - p->filled);
        if (n > 0)
            p->filled += (size_t)n;
        else if (n == 0)
            return false;
        else if (errno != EINTR)
            return true;
    }
    return true;
}

static enum status tell_unasked(struct worker_process *p, const char *bytes, size_t count,
                                struct error *err)
{
    char shown[200];
    fail(err, E_DEVICE,
         "the worker wrote to its standard output without being asked: '%s'; what is no reply "
         "belongs "
         "on standard error",
         worker_show(bytes, count, shown, sizeof shown));
    return worker_blame(p, err);
}

/* Length of the line that has been read, without its newline; -1: it is not complete. */
static long line_length(const struct worker_process *p)
{
    const char *end = memchr(p->line, '\n', p->filled);
    return end == NULL ? -1 : end - p->line;
}

static enum status await_line(struct worker_process *p, const char *what, struct error *err)
{
    double until = now() + p->start.timeout;
    char shown[200];
    for (;;) {
        struct pollfd waits[2] = { { p->out, POLLIN, 0 }, { p->said.fd, POLLIN, 0 } };
        siginfo_t how;
        poll(waits, 2, POLL_MS);
        worker_stderr_take(&p->said);
        bool open = read_some(p);
        if (line_length(p) >= 0)
            return OK;
        if (p->filled == WORKER_LINE) {
            fail(err, E_DEVICE,
                 "the worker answered '%s' with a line of more than %d bytes, which starts with "
                 "'%s'",
                 what, WORKER_LINE, worker_show(p->line, 60, shown, sizeof shown));
            return worker_blame(p, err);
        }
        if (!open || has_ended(p, &how)) {
            read_some(p); /* the last output of a process that has just ended */
            return line_length(p) >= 0 ? OK : tell_end(p, what, err);
        }
        if (p->start.stopped != NULL && p->start.stopped()) {
            destroy(p);
            return fail(err, E_STOPPED, "stopped");
        }
        if (p->start.timeout > 0 && now() >= until) {
            fail(err, E_DEVICE,
                 "the worker has not answered '%s' for %g seconds (model.timeout), and is ended",
                 what, p->start.timeout);
            return worker_blame(p, err);
        }
    }
}

enum status worker_ask(struct worker_process *p, const char *line, const char *what,
                       const char **reply, struct error *err)
{
    if (p->pid == 0)
        return fail(err, E_DEVICE, "the worker has ended");
    read_some(p);
    if (p->filled > p->taken)
        return tell_unasked(p, p->line + p->taken, p->filled - p->taken, err);
    p->filled = p->taken = 0;
    double patience = p->start.timeout > 0 ? p->start.timeout : 1e9;
    if (!write_line(p, line, now() + patience)) {
        if (p->start.stopped != NULL && p->start.stopped()) {
            destroy(p);
            return fail(err, E_STOPPED, "stopped");
        }
        return tell_end(p, what, err);
    }
    TRY(await_line(p, what, err));
    long length = line_length(p);
    p->line[length] = '\0';
    p->taken = (size_t)length + 1; /* bytes behind the reply are checked before the next request */
    if (strlen(p->line) < (size_t)length) {
        fail(err, E_DEVICE, "the worker answered '%s' with a line that holds a NUL byte", what);
        return worker_blame(p, err);
    }
    *reply = p->line;
    return OK;
}
