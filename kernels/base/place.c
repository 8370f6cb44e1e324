#include "place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "free_all.h"

enum { MOST_LINKS = 40, MOST_PARTS = 4096 };

static char *resolve(const char *path, int links, int parts);

/* folder/name of a folder that is resolved, which is freed. NULL stays NULL. */
static char *append(char *folder, const char *name)
{
    char *joined = NULL, *slash;
    if (folder == NULL || strcmp(name, "") == 0 || strcmp(name, ".") == 0)
        return folder;
    if (strcmp(name, "..") == 0) { /* of a folder that is not there yet, or a true one */
        slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
        return folder;
    }
    if (asprintf(&joined, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name) < 0)
        joined = NULL;
    free(folder);
    return joined;
}

/* Where a link leads that realpath could not follow to its end; NULL: `path` is no link. */
static char *target_of(const char *path)
{
    char target[PATH_MAX], *joined = NULL;
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    const char *slash = strrchr(path, '/');
    int folder = target[0] == '/' || slash == NULL ? 0 : (int)(slash - path) + 1;
    return asprintf(&joined, "%.*s%s", folder, path, target) < 0 ? NULL : joined;
}

static char *resolve(const char *path, int links, int parts)
{
    char *real = realpath(path, NULL), *target, *folder;
    if (real != NULL || links > MOST_LINKS || parts > MOST_PARTS)
        return real;
    if ((target = target_of(path)) != NULL) {
        real = resolve(target, links + 1, parts);
        free(target);
        return real;
    }
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    char *name = strndup(path + begin, end - begin);
    folder = begin > 0 ? strndup(path, begin) : strdup(".");
    if (name != NULL && folder != NULL && begin < end) {
        while (begin > 1 && folder[begin - 1] == '/')
            folder[--begin] = '\0';
        /* "." and "/" are there, or nothing is */
        real = strcmp(folder, path) == 0 || strcmp(path, ".") == 0
                   ? NULL
                   : append(resolve(folder, links, parts + 1), name);
    }
    FREE_ALL(name, folder);
    return real;
}

char *place_of(const char *path)
{
    return resolve(path, 0, 0);
}

bool same_place(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    char *real_a = place_of(a), *real_b = place_of(b);
    bool same = real_a != NULL && real_b != NULL && strcmp(real_a, real_b) == 0;
    FREE_ALL(real_a, real_b);
    return same;
}

bool lies_in(const char *path, const char *folder)
{
    char *inner = place_of(path), *outer = place_of(folder);
    size_t length = outer != NULL ? strlen(outer) : 0;
    bool in = inner != NULL && outer != NULL && strncmp(inner, outer, length) == 0 &&
              (inner[length] == '/' || inner[length] == '\0' || outer[length - 1] == '/');
    FREE_ALL(inner, outer);
    return in;
}
