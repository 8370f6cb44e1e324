/* The folder that a result is to lie in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_internal.h"

/* The folder of a file; "." where its name has none. */
static void folder_of(const char *file, char folder[STORE_PATH])
{
    snprintf(folder, STORE_PATH, "%s", file);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, STORE_PATH, ".");
    else
        slash[slash == folder] = '\0';
}

enum status store_check(const char *output, struct error *err)
{
    char folder[STORE_PATH];
    struct stat about;
    if (strlen(output) > 4096)
        return fail(err, E_CONFIG, "a path longer than 4096 characters");
    folder_of(output, folder);
    while (stat(folder, &about) != 0) { /* what is missing will be made */
        if (errno != ENOENT)
            return fail(err, E_CONFIG, "cannot write there: folder '%s': %s", folder,
                        strerror(errno));
        char above[STORE_PATH];
        folder_of(folder, above);
        snprintf(folder, sizeof folder, "%s", above);
    }
    if (!S_ISDIR(about.st_mode))
        return fail(err, E_CONFIG, "cannot write there: '%s' is not a folder", folder);
    if (access(folder, W_OK | X_OK) != 0)
        return fail(err, E_CONFIG, "cannot write into folder '%s': %s", folder, strerror(errno));
    if (stat(output, &about) == 0 && !S_ISREG(about.st_mode))
        return fail(err, E_CONFIG, "is there and is not a file");
    return OK;
}

enum status store_make_folders(const char *output, struct error *err)
{
    char path[STORE_PATH];
    snprintf(path, sizeof path, "%s", output);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return fail(err, E_CONFIG, "%s: cannot make the folder: %s", path, strerror(errno));
        *slash = '/';
    }
    return OK;
}
