#include "map_write.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5file.h"
#include "h5lock.h"
#include "npy.h"
#include "quote.h"

static enum status put_column(hid_t file, const struct column *c, size_t rows, const void *data,
                              struct error *err)
{
    hid_t set = h5_create_column(file, c, rows, err);
    if (set < 0)
        return E_IO;
    enum status status = h5_write_rows(set, c, 0, rows, data, err);
    H5Dclose(set);
    return status;
}

static enum status put_ids(hid_t file, const char *const *ids, size_t count, struct error *err)
{
    size_t width = 1;
    for (size_t i = 0; i < count; i++)
        width = strlen(ids[i]) > width ? strlen(ids[i]) : width;
    char path[] = "id", *texts = calloc(count + 1, width);
    if (texts == NULL)
        return fail(err, E_NOMEM, "out of memory for %zu ids", count);
    for (size_t i = 0; i < count; i++)
        memcpy(texts + i * width, ids[i], strlen(ids[i]));
    const struct column c = {
        .path = path, .type = COLUMN_TEXT, .dim = { (int)width }, .row_bytes = width, .same_as = -1
    };
    enum status status = put_column(file, &c, count, texts, err);
    free(texts);
    return status;
}

static enum status put_maps(hid_t file, const char *name, size_t count, size_t side,
                            const float *maps, struct error *err)
{
    char path[16];
    snprintf(path, sizeof path, "%s", name);
    const struct column c = { .path = path,
                              .type = COLUMN_F32,
                              .ndim = 2,
                              .dim = { (int)side, (int)side },
                              .row_bytes = side * side * sizeof *maps,
                              .same_as = -1 };
    return put_column(file, &c, count, maps, err);
}

enum status map_file_write(const char *path, const char *const *ids, size_t count, size_t side,
                           const float *map, const float *target, struct error *err)
{
    char part[4200];
    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return fail(err, E_CONFIG, "a path of more than %zu characters", sizeof part - 6);
    h5_lock();
    h5_quiet();
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = file >= 0 ? OK : h5_fail(err, "%s: cannot be written", part);
    if (status == OK)
        status = put_ids(file, ids, count, err);
    if (status == OK)
        status = put_maps(file, "map", count, side, map, err);
    if (status == OK && target != NULL)
        status = put_maps(file, "target_map", count, side, target, err);
    if (file >= 0 && H5Fclose(file) < 0 && status == OK)
        status = h5_fail(err, "%s: cannot be written", part);
    h5_unlock();
    if (status == OK && rename(part, path) != 0)
        status = fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (status != OK)
        unlink(part);
    return status;
}

enum status map_folder_path(const char *folder, const char *id, bool target, const char *ending,
                            char out[MAP_PATH_SIZE], struct error *err)
{
    if (id[0] == '/' || strncmp(id, "../", 3) == 0 || strstr(id, "/../") != NULL)
        return fail(err, E_DATA, "image %s: an id that leads out of the folder", quote(id).text);
    int n = snprintf(out, MAP_PATH_SIZE, "%s/%s%s.%s", folder, id, target ? ".target" : "", ending);
    if (n >= MAP_PATH_SIZE)
        return fail(err, E_DATA, "image %s: too long for a path", quote(id).text);
    for (char *slash = out + strlen(folder); (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (mkdir(out, 0777) != 0 && errno != EEXIST)
            return fail(err, E_IO, "%s: cannot be made: %s", out, strerror(errno));
        *slash = '/';
    }
    return OK;
}

enum status map_folder_write(const char *folder, const char *id, bool target, size_t side,
                             const float *map, struct error *err)
{
    char path[MAP_PATH_SIZE];
    TRY(map_folder_path(folder, id, target, "npy", path, err));
    return npy_write(path, map, side, side, err);
}
