/* The lock of a store: flock where there is one, else a file that names its owner. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "log.h"
#include "open_file.h"
#include "store_internal.h"

static const char advice[] = "this file system has no locks (flock: %s); HDF5 goes without "
                             "(HDF5_USE_FILE_LOCKING=FALSE), and a file stands in for the store's";

static bool has_no_locks(int reason)
{
    return reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP || reason == EINVAL;
}

/* Whether "HOST PID" in the file is a process of this host that is gone. */
static bool owner_is_gone(const char *path)
{
    char host[65] = "host", text[200] = "", name[100];
    long pid = 0;
    FILE *file;
    if (open_file(path, "", &file, NULL) != OK)
        return false;
    bool read = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    gethostname(host, sizeof host - 1);
    return read && sscanf(text, "%99s %ld", name, &pid) == 2 && strcmp(name, host) == 0 &&
           pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static enum status taken(const char *path, struct error *err)
{
    return fail(err, E_CONFIG,
                "%s: another evalh run is at work on this output; where none is, remove the file "
                "(it says whose it is)",
                path);
}

/* Creating a file that must not be there is atomic, also on NFS. */
static enum status own(const struct store *s, int reason, struct error *err)
{
    char path[STORE_PATH], host[65] = "host";
    snprintf(path, sizeof path, "%s/owner", s->parts);
    if (owner_is_gone(path))
        unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return taken(path, err);
    if (fd < 0)
        return fail(err, E_CONFIG, "%s: cannot write: %s", path, strerror(errno));
    gethostname(host, sizeof host - 1);
    dprintf(fd, "%s %ld\n", host, (long)getpid());
    close(fd);
    log_warn(advice, strerror(reason));
    return OK;
}

static enum status at_work(const char *path, struct error *err)
{
    return fail(err, E_CONFIG, "%s: another evalh run is at work on this output", path);
}

enum status store_lock(struct store *s, int fd, const char *path, struct error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    int reason = errno;
    if (reason == EWOULDBLOCK)
        return at_work(path, err);
    if (!has_no_locks(reason))
        return fail(err, E_CONFIG, "%s: cannot lock: %s", path, strerror(reason));
    TRY(own(s, reason, err));
    s->owns = true;
    return OK;
}

void store_unlock(struct store *s)
{
    char path[STORE_PATH];
    snprintf(path, sizeof path, "%s/owner", s->parts);
    if (s->owns)
        unlink(path);
    s->owns = false;
}

/* Whether a process holds the lock of the folder of shards; the lock is not kept. */
static bool is_locked(const char *parts, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%s/lock", parts);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return locked;
}

static bool is_owned(const char *parts, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%s/owner", parts);
    return access(path, F_OK) == 0 && !owner_is_gone(path);
}

bool store_is_at_work(const char *parts)
{
    char path[STORE_PATH];
    return is_owned(parts, path) || is_locked(parts, path);
}

enum status store_look_at_lock(const struct store *s, struct error *err)
{
    char path[STORE_PATH];
    if (is_locked(s->parts, path))
        return at_work(path, err);
    if (access(path, F_OK) == 0 && access(path, R_OK | W_OK) != 0)
        return fail(err, E_CONFIG, "%s: cannot write: %s", path, strerror(errno));
    return is_owned(s->parts, path) ? taken(path, err) : OK;
}

bool store_locks_missing(const char *folder, char *out, size_t size)
{
    char path[STORE_PATH];
    snprintf(path, sizeof path, "%s/evalh-lock-XXXXXX", folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool missing = flock(fd, LOCK_EX | LOCK_NB) != 0 && has_no_locks(errno);
    if (missing)
        snprintf(out, size, advice, strerror(errno));
    close(fd);
    unlink(path);
    return missing;
}
