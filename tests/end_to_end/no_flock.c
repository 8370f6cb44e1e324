/* Preloaded: a file system without locks, as NFS without a lock daemon is. $NO_FLOCK: the errno. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

int flock(int fd, int operation)
{
    const char *wanted = getenv("NO_FLOCK");
    (void)fd, (void)operation;
    errno = wanted != NULL ? atoi(wanted) : ENOLCK;
    return -1;
}
