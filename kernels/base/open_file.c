#include "open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    return S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

static enum status judge(const char *path, const char *wanted, const struct stat *about,
                         struct error *err)
{
    if (S_ISREG(about->st_mode))
        return OK;
    return fail(err, E_IO, "%s: %s, not a file; %s is expected", path, kind_of(about->st_mode),
                wanted);
}

enum status check_file(const char *path, const char *wanted, struct error *err)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return fail(err, E_IO, "%s: %s; %s is expected", path, strerror(errno), wanted);
    return judge(path, wanted, &about, err);
}

enum status open_file(const char *path, const char *wanted, FILE **out, struct error *err)
{
    struct stat about;
    *out = NULL;
    TRY(check_file(path, wanted, err)); /* before: opening some devices does something */
    /* O_NONBLOCK: something else may have come into the file's place. Of files it is ignored. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *out = fd >= 0 ? fdopen(fd, "rb") : NULL;
    if (*out == NULL) {
        int reason = errno;
        if (fd >= 0)
            close(fd);
        return fail(err, E_IO, "%s: %s; %s is expected", path, strerror(reason), wanted);
    }
    enum status status = fstat(fd, &about) == 0 ? judge(path, wanted, &about, err)
                                                : fail(err, E_IO, "%s: %s", path, strerror(errno));
    if (status != OK) {
        fclose(*out);
        *out = NULL;
    }
    return status;
}
