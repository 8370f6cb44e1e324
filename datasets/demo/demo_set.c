#include "demo_set.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "free_all.h"
#include "gtsegs.h"
#include "open_file.h"

enum status demo_through_jpeg(uint8_t *rgb, int side, struct error *err)
{
    struct image image = { side, side, rgb }, back;
    uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(jpeg_encode(&image, DEMO_JPEG_QUALITY, &bytes, &size, err));
    enum status status = image_decode(bytes, size, "demo picture", &back, err);
    free(bytes);
    if (status != OK)
        return status;
    memcpy(rgb, back.rgb, (size_t)side * (size_t)side * 3);
    image_free(&back);
    return OK;
}

/* The set being written. */
struct set_writer {
    const struct demo_spec *spec;
    const char *folder;
    FILE *list;
    struct gtsegs_writer *mat;
    uint8_t *rgb;           /* [side, side, 3] */
    int8_t *object, *patch; /* [side, side] */
};

static enum status write_failed(const char *path, struct error *err)
{
    /* A folder without write permission is an error of the config; a full disk is not. */
    enum status status = errno == ENOSPC || errno == EIO || errno == EDQUOT ? E_IO : E_CONFIG;
    return fail(err, status, "%s: cannot write the demo set: %s", path, strerror(errno));
}

static enum status write_bytes(const char *path, const void *bytes, size_t size, struct error *err)
{
    FILE *file = fopen(path, "we");
    bool ok = file != NULL && fwrite(bytes, 1, size, file) == size;
    if (file != NULL)
        ok = fclose(file) == 0 && ok;
    return ok ? OK : write_failed(path, err);
}

/* Makes the folder and those that lead to it. */
static enum status make_folders(const char *path, struct error *err)
{
    char *part = strdup(path);
    if (part == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    enum status status = OK;
    for (char *at = part + 1; status == OK; at++) {
        char was = *at;
        if (was != '/' && was != '\0')
            continue;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            status = write_failed(part, err);
        *at = was;
        if (was == '\0')
            break;
    }
    free(part);
    return status;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

/* Stores one picture: its file, a line of the list, and an entry of the .mat, which holds the
 * pixels that a reader of the JPEG will see. */
static enum status write_picture(struct set_writer *w, int index, struct error *err)
{
    const int8_t *masks[] = { w->object, w->patch };
    struct image image = { w->spec->side, w->spec->side, w->rgb }, back = { 0 };
    uint8_t *bytes = NULL;
    size_t size = 0;
    char name[64];
    int label = demo_render(w->spec, (uint64_t)index, w->rgb, w->object, w->patch);
    snprintf(name, sizeof name, "val/n%08d/demo_%06d.JPEG", label, index);
    char *path = path_join(w->folder, name);
    if (path == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    enum status status = jpeg_encode(&image, DEMO_JPEG_QUALITY, &bytes, &size, err);
    if (status == OK)
        status = write_bytes(path, bytes, size, err);
    if (status == OK)
        status = image_decode(bytes, size, path, &back, err);
    if (status == OK)
        status = gtsegs_put(w->mat, (size_t)index, &back, masks, err);
    if (status == OK && fprintf(w->list, "%s %d\n", name, label) < 0)
        status = write_failed(path, err);
    image_free(&back);
    FREE_ALL(bytes, path);
    return status;
}

static enum status write_pictures(struct set_writer *w, int count, struct error *err)
{
    char *mat = path_join(w->folder, DEMO_MAT), *list = path_join(w->folder, DEMO_LIST);
    enum status status = OK;
    if (mat == NULL || list == NULL)
        status = fail(err, E_NOMEM, "no memory for a path");
    if (status == OK && (w->list = fopen(list, "we")) == NULL)
        status = write_failed(list, err);
    if (status == OK)
        status = gtsegs_create(mat, (size_t)count, w->spec->split == DEMO_SHORTCUT, &w->mat, err);
    for (int i = 0; i < count && status == OK; i++)
        status = write_picture(w, i, err);
    if (w->mat != NULL) {
        if (status == OK)
            status = gtsegs_finish(w->mat, err);
        else
            gtsegs_abandon(w->mat);
    }
    if (w->list != NULL && fclose(w->list) != 0 && status == OK)
        status = write_failed(list, err);
    FREE_ALL(mat, list);
    return status;
}

/* Everything but the renaming. */
static enum status write_folder(const char *folder, const struct demo_spec *spec, int count,
                                const char *stamp, struct error *err)
{
    size_t pixels = (size_t)spec->side * (size_t)spec->side;
    for (int c = 0; c < DEMO_CLASSES; c++) {
        char *path = text_format("%s/val/n%08d", folder, c);
        enum status status =
            path != NULL ? make_folders(path, err) : fail(err, E_NOMEM, "no memory for a path");
        free(path);
        TRY(status);
    }
    struct set_writer w = { .spec = spec,
                            .folder = folder,
                            .rgb = malloc(pixels * 3),
                            .object = malloc(pixels),
                            .patch = malloc(pixels) };
    char *path = path_join(folder, DEMO_STAMP);
    enum status status = OK;
    if (w.rgb == NULL || w.object == NULL || w.patch == NULL || path == NULL)
        status = fail(err, E_NOMEM, "no memory for a demo picture");
    if (status == OK)
        status = write_pictures(&w, count, err);
    if (status == OK)
        status = write_bytes(path, stamp, strlen(stamp), err);
    FREE_ALL(path, w.rgb, w.object, w.patch);
    return status;
}

/* Syncs the whole file system, which is cheaper than hundreds of single files. */
static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        syncfs(fd);
        close(fd);
    }
}

/* Whether the folder holds a finished set with this stamp; *there: whether the folder exists. */
static bool is_written(const char *folder, const char *stamp, bool *there)
{
    char text[512] = "";
    char *path = path_join(folder, DEMO_STAMP);
    FILE *file = NULL;
    if (path != NULL)
        open_file(path, "a stamp", &file, NULL);
    free(path);
    *there = access(folder, F_OK) == 0;
    if (file == NULL)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    return n == strlen(stamp) && memcmp(text, stamp, n) == 0;
}

static enum status write_and_rename(const char *folder, const struct demo_spec *spec, int count,
                                    const char *stamp, struct error *err)
{
    char host[65] = "host";
    bool there;
    gethostname(host, sizeof host - 1);
    char *temporary = text_format("%s.%s.%ld.tmp", folder, host, (long)getpid());
    if (temporary == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    enum status status = write_folder(temporary, spec, count, stamp, err);
    if (status == OK) {
        sync_folder(temporary);
        /* Where another process was faster, its folder is equivalent to ours. */
        if (rename(temporary, folder) != 0 && !is_written(folder, stamp, &there))
            status = write_failed(folder, err);
    }
    nftw(temporary, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(temporary);
    return status;
}

enum status demo_set_write(const char *path, const struct demo_spec *spec, int count, char **folder,
                           struct error *err)
{
    const char *split = demo_split_names[spec->split];
    unsigned long long seed = spec->seed;
    bool there;
    char *stamp =
        text_format("evalh demo set, version %d\nsplit %s\nseed %llu\nimages %d\nside %d\n",
                    DEMO_VERSION, split, seed, count, spec->side);
    *folder = text_format("%s/demo-v%d-%s-seed%llu-%dx%dpx", path, DEMO_VERSION, split, seed, count,
                          spec->side);
    enum status status = OK;
    if (stamp == NULL || *folder == NULL)
        status = fail(err, E_NOMEM, "no memory for a path");
    else if (is_written(*folder, stamp, &there))
        status = OK;
    else if (there)
        status =
            fail(err, E_CONFIG,
                 "%s: not a finished demo set (%s is missing or differs); remove the folder and "
                 "it will be written anew",
                 *folder, DEMO_STAMP);
    else
        status = write_and_rename(*folder, spec, count, stamp, err);
    free(stamp);
    if (status != OK) {
        free(*folder);
        *folder = NULL;
    }
    return status;
}
