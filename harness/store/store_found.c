/* What lies where a run wants to write, and whether it may go on with that. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "h5lock.h"
#include "log.h"
#include "open_file.h"
#include "store_internal.h"

bool store_is_shard(const char *name)
{
    return strncmp(name, "shard-", 6) == 0;
}

/* Path of a shard that can be opened; "" where there is none. One that cannot is left for the merge
 * to name. */
static void find_shard(const struct store *s, char out[STORE_PATH])
{
    DIR *d = opendir(s->parts);
    bool found = false;
    out[0] = '\0';
    if (d == NULL)
        return;
    for (struct dirent *e; !found && (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (!store_is_shard(e->d_name) || len < 3 || strcmp(e->d_name + len - 3, ".h5") != 0)
            continue;
        snprintf(out, STORE_PATH, "%s/%s", s->parts, e->d_name);
        if (check_file(out, "", NULL) != OK) { /* HDF5 would wait for a pipe */
            out[0] = '\0';
            continue;
        }
        h5_lock();
        h5_quiet();
        hid_t file = H5Fopen(out, H5F_ACC_RDONLY, H5P_DEFAULT);
        found = file >= 0;
        if (found)
            H5Fclose(file);
        h5_unlock();
    }
    closedir(d);
}

/* A shard or an OUTPUT whose images are in `order`: the run's own, or one that it can take over. */
static enum status take_order(struct store *s, const char *path, const char *order,
                              struct error *err)
{
    if (strcmp(order, s->order_name) == 0)
        return OK;
    if (s->id.images < s->id.total)
        return fail(
            err, E_CONFIG,
            "%s: was begun with images in another order (%s) than run.limit and data.subset "
            "ask for (%s); take another run.output, or start over with --fresh",
            path, order, s->order_name);
    store_adopt_order(s, order);
    return OK;
}

/* OUTPUT is whole: is it what is wanted, or a part of it? */
static enum status judge_output(struct store *s, hid_t file, struct error *err)
{
    char order[64];
    size_t rows = store_read_extent(file, order);
    if (rows == 0)
        return fail(err, E_DATA, "%s: has no images", s->output);
    if (rows > s->id.images)
        return fail(err, E_CONFIG,
                    "%s: has %zu images, and run.limit asks for %zu; take another run.output, or "
                    "start over with --fresh",
                    s->output, rows, s->id.images);
    s->complete = rows == s->id.images;
    if (s->complete && rows == s->id.total)
        return OK; /* in whatever order they were computed */
    s->extendable = s->complete ? 0 : rows;
    return take_order(s, s->output, order, err);
}

static enum status judge_shard(struct store *s, const char *path, hid_t file, struct error *err)
{
    int64_t size = 0;
    char order[64];
    TRY(h5_get_int(file, "shard_size", &size, err));
    if (size > 0 && (size_t)size != s->id.shard_size) {
        log_info("continuing with shards of %lld images, as before, not %zu", (long long)size,
                 s->id.shard_size);
        s->id.shard_size = (size_t)size;
    }
    store_read_extent(file, order);
    return take_order(s, path, order, err);
}

/* When the run began that wrote the file; 0: it does not say. OUTPUT is dated at its end. */
static int64_t began(hid_t file)
{
    struct tm utc = { 0 };
    char *text;
    double seconds = 0;
    hid_t took = H5Aexists(file, "seconds") > 0 ? H5Aopen(file, "seconds", H5P_DEFAULT) : -1;
    if (took >= 0) {
        if (H5Aread(took, H5T_NATIVE_DOUBLE, &seconds) < 0 || !(seconds > 0 && seconds < 1e9))
            seconds = 0;
        H5Aclose(took);
    }
    if (h5_get_text(file, "created_utc", 63, &text, NULL) != OK)
        return 0;
    bool known = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc) != NULL;
    free(text);
    return known ? (int64_t)timegm(&utc) - (int64_t)seconds : 0;
}

/* Files that are newer than the run may have been staged anew, or mended beside the sample. */
static enum status compare_contents(const struct store *s, const char *path, hid_t file,
                                    struct error *err)
{
    bool compared;
    struct error own;
    const char *data = config_values(s->id.config)->data.path;
    enum status status = store_compare_contents(s, file, &compared, &own);
    if (status != OK)
        return fail(err, status, "%s: %s; take another run.output, or start over with --fresh",
                    path, own.text);
    int64_t then = began(file);
    if (then > 0 && s->id.newest > then)
        log_warn(
            "%s: files of the data set '%s' are newer than this run (that of image %s is one); "
            "%s. If they are not what they were, start over with --fresh",
            path, data != NULL ? data : "", s->id.newest_name,
            compared ? "only a sample of their contents was compared, and is the same"
                     : "their contents were not compared, since the run noted none");
    return OK;
}

static enum status compare_file(struct store *s, const char *path, bool shard, struct error *err)
{
    h5_lock();
    h5_quiet();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    enum status status;
    if (file < 0)
        status = fail(err, E_CONFIG,
                      "%s: is damaged; take another run.output, or start over with --fresh", path);
    else
        status = store_compare_identity(s, path, file, err);
    if (status == OK)
        status = compare_contents(s, path, file, err);
    if (status == OK)
        status = shard ? judge_shard(s, path, file, err) : judge_output(s, file, err);
    if (file >= 0)
        H5Fclose(file);
    h5_unlock();
    return status;
}

/* Shards that reach beyond the run's images are refused; those that an earlier limit cut short
 * where this run goes on are removed, to be made anew, by a run that has `hold` of the store. */
static enum status check_extents(struct store *s, bool hold, struct error *err)
{
    DIR *d = opendir(s->parts);
    enum status status = OK;
    if (d == NULL)
        return OK;
    for (struct dirent *e; status == OK && (e = readdir(d)) != NULL;) {
        size_t shard, count;
        char path[STORE_PATH];
        if (!store_parse_shard(s, e->d_name, &shard, &count))
            continue;
        if (shard * s->id.shard_size + count > s->id.images) {
            status = fail(err, E_CONFIG,
                          "%s: has images past the first %zu, which run.limit asks for; take "
                          "another run.output, or start over with --fresh",
                          s->parts, s->id.images);
            break;
        }
        store_shard_path(s, shard, path);
        if (hold && strcmp(strrchr(path, '/') + 1, e->d_name) != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
    return status;
}

enum status store_look_at_shards(struct store *s, bool hold, bool *any, struct error *err)
{
    char shard[STORE_PATH];
    find_shard(s, shard);
    *any = shard[0] != '\0';
    if (!*any)
        return OK;
    TRY(compare_file(s, shard, true, err));
    return check_extents(s, hold, err);
}

enum status store_look_around(struct store *s, bool hold, struct error *err)
{
    bool any;
    TRY(store_look_at_shards(s, hold, &any, err));
    return !any && access(s->output, F_OK) == 0 ? compare_file(s, s->output, false, err) : OK;
}

/* ---- starting over --------------------------------------------------------------------------- */

static const char *mark_of(const struct store *s, char path[STORE_PATH])
{
    snprintf(path, STORE_PATH, "%s/fresh", s->parts);
    return path;
}

bool store_began_anew(struct store *s, bool hold)
{
    char path[STORE_PATH];
    struct error none;
    bool any;
    return access(mark_of(s, path), F_OK) == 0 &&
           store_look_at_shards(s, hold, &any, &none) == OK && any;
}

enum status store_mark_anew(const struct store *s, struct error *err)
{
    char path[STORE_PATH];
    int fd = open(mark_of(s, path), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(err, E_CONFIG, "%s: cannot write: %s", path, strerror(errno));
    close(fd);
    return OK;
}

void store_unmark(const struct store *s)
{
    char path[STORE_PATH];
    unlink(mark_of(s, path));
}
