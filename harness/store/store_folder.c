/* The folder of a result file. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5lock.h"
#include "open_file.h"
#include "store_internal.h"

void store_folder_of(const char *file, char *folder, size_t size)
{
    snprintf(folder, size, "%s", file);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, size, ".");
    else
        slash[slash == folder] = '\0';
}

/* Rights are not all: /proc takes nothing, nor does a full disk. */
static enum status try_folder(const char *folder, struct error *err)
{
    char path[STORE_PATH + 20];
    snprintf(path, sizeof path, "%s/evalh-XXXXXX", folder);
    if (mkdtemp(path) == NULL)
        return fail(err, E_CONFIG, "cannot write into folder '%s': %s", folder, strerror(errno));
    rmdir(path);
    return OK;
}

/* Of folders that are not there yet, too. */
static enum status check_lengths(const char *output, struct error *err)
{
    for (const char *name = output; *name != '\0'; name += strspn(name, "/")) {
        size_t length = strcspn(name, "/");
        if (length > NAME_MAX)
            return fail(err, E_CONFIG, "a name in it has %zu characters; at most %d are possible",
                        length, NAME_MAX);
        name += length;
    }
    return OK;
}

/* The first name in an open folder of shards that no run has put there; NULL: there is none.
 * Systems leave hidden files of their own. */
static const char *find_foreign(DIR *d)
{
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        const char *name = e->d_name, *end = name + strlen(name);
        bool ours = store_is_shard(name) || strcmp(name, "lock") == 0 ||
                    strcmp(name, "owner") == 0 || strcmp(name, "fresh") == 0 ||
                    (end - name > 4 && strcmp(end - 4, ".tmp") == 0);
        if (!ours && name[0] != '.')
            return name;
    }
    return NULL;
}

/* All of the folder is removed once OUTPUT is there. */
static enum status check_parts(const char *parts, struct error *err)
{
    DIR *d = opendir(parts);
    const char *foreign = d != NULL ? find_foreign(d) : NULL;
    enum status status = OK;
    if (foreign != NULL)
        status = fail(err, E_CONFIG,
                      "shards would lie in folder '%.400s', which is removed in the end and holds "
                      "'%.200s', which is no part of a run; take another run.output",
                      parts, foreign);
    if (d != NULL)
        closedir(d);
    return status;
}

bool store_is_result(const char *path)
{
    if (check_file(path, "", NULL) != OK) /* HDF5 would wait for a pipe */
        return false;
    h5_lock();
    h5_quiet();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    bool is = file >= 0 && H5Aexists(file, "config_hash") > 0 && H5Aexists(file, "schema") > 0;
    if (file >= 0)
        H5Fclose(file);
    h5_unlock();
    return is;
}

enum status store_check_replaced(const char *output, struct error *err)
{
    struct stat about;
    if (stat(output, &about) != 0)
        return OK;
    if (!S_ISREG(about.st_mode))
        return fail(err, E_CONFIG, "is there and is not a file");
    if (store_is_result(output))
        return OK;
    return fail(err, E_CONFIG,
                "is there and is no result of evalh, or a damaged one, and is not replaced; take "
                "another run.output, or remove the file yourself");
}

/* The folder of shards, too: its name is the longer one. */
static enum status check_names(const char *output, struct error *err)
{
    char parts[STORE_PATH + 20];
    struct stat about;
    snprintf(parts, sizeof parts, "%s.parts", output);
    TRY(store_check_replaced(output, err));
    if (stat(parts, &about) != 0 && errno != ENOENT)
        return fail(err, E_CONFIG, "cannot write there: '%s': %s", parts, strerror(errno));
    if (stat(parts, &about) == 0 && !S_ISDIR(about.st_mode))
        return fail(err, E_CONFIG, "cannot write there: '%s' is not a folder", parts);
    if (stat(parts, &about) == 0 && access(parts, W_OK | X_OK) != 0)
        return fail(err, E_CONFIG, "cannot write into folder '%s': %s", parts, strerror(errno));
    return check_parts(parts, err);
}

/* A path with nothing after its last '/' names a folder. */
static enum status check_ending(const char *output, struct error *err)
{
    const char *slash = strrchr(output, '/');
    const char *name = slash != NULL ? slash + 1 : output;
    if (name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return OK;
    return fail(err, E_CONFIG, "names a folder; a file in it is expected, such as %.*sresult.h5",
                (int)(slash != NULL ? slash - output + 1 : 0), output);
}

enum status store_check(const char *output, struct error *err)
{
    char folder[STORE_PATH];
    struct stat about;
    if (strlen(output) > 4096)
        return fail(err, E_CONFIG, "a path longer than 4096 characters");
    TRY(check_lengths(output, err));
    TRY(check_ending(output, err));
    store_folder_of(output, folder, STORE_PATH);
    while (stat(folder, &about) != 0) {                    /* missing folders will be made */
        if (errno != ENOENT || lstat(folder, &about) == 0) /* a link to nowhere */
            return fail(err, E_CONFIG, "cannot write there: folder '%s': %s", folder,
                        strerror(errno));
        char above[STORE_PATH];
        store_folder_of(folder, above, STORE_PATH);
        snprintf(folder, sizeof folder, "%s", above);
    }
    if (!S_ISDIR(about.st_mode))
        return fail(err, E_CONFIG, "cannot write there: '%s' is not a folder", folder);
    if (access(folder, W_OK | X_OK) != 0)
        return fail(err, E_CONFIG, "cannot write into folder '%s': %s", folder, strerror(errno));
    TRY(try_folder(folder, err));
    return check_names(output, err);
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
