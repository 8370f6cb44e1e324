/* Joins the shards of an unfinished run, without its config, for readers. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "h5lock.h"
#include "open_file.h"
#include "store_internal.h"

enum { COLLECT_DATASETS = 4096 };

struct collected {
    char *path;
    haddr_t address; /* address in the first shard; a second name of an object has the same */
    hid_t to;
    hsize_t rest[3]; /* its shape without the images' dimension */
    int ndim;
};

struct collecting {
    struct error *err;
    hid_t to;
    hid_t from; /* the shard at hand */
    hsize_t rows, all;
    struct collected *dataset; /* [count] */
    size_t count;
    enum status status;
};

/* ---- the shards that are there ------------------------------------------------------------- */

static int is_finished_shard(const struct dirent *e)
{
    size_t length = strlen(e->d_name);
    return strncmp(e->d_name, "shard-", 6) == 0 && length > 3 &&
           strcmp(e->d_name + length - 3, ".h5") == 0;
}

bool store_is_unfinished(const char *output)
{
    char parts[STORE_PATH];
    struct stat about;
    snprintf(parts, sizeof parts, "%s.parts", output);
    return stat(output, &about) != 0 && stat(parts, &about) == 0 && S_ISDIR(about.st_mode);
}

/* ---- one shard into the file ---------------------------------------------------------------- */

static herr_t copy_attribute(hid_t from, const char *name, const H5A_info_t *info, void *context)
{
    static const char *const of_a_shard[] = { "shard", "first", "shard_size", "run_id",
                                              "run_images" };
    struct collecting *c = context;
    (void)info;
    for (size_t i = 0; i < sizeof of_a_shard / sizeof *of_a_shard; i++)
        if (strcmp(name, of_a_shard[i]) == 0)
            return 0;
    hid_t source = H5Aopen(from, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(source), space = H5Aget_space(source);
    /* attributes of a shard are one number or one text of variable length */
    union {
        int64_t whole;
        double real;
        char *text;
    } value = { 0 };
    bool fits = H5Sget_simple_extent_npoints(space) == 1 && H5Tget_size(type) <= sizeof value;
    hid_t target = fits ? H5Acreate2(c->to, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    bool good =
        target >= 0 && H5Aread(source, type, &value) >= 0 && H5Awrite(target, type, &value) >= 0;
    if (H5Tis_variable_str(type) > 0)
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, &value);
    if (target >= 0)
        H5Aclose(target);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(source);
    if (!good)
        c->status = fail(c->err, E_DATA, "attribute %s: cannot be taken over", name);
    return good ? 0 : -1;
}

/* The dataset in the new file, with room for the rows of all shards. */
static enum status create_dataset(struct collecting *c, struct collected *d)
{
    hid_t from = H5Dopen2(c->from, d->path, H5P_DEFAULT);
    hid_t space = H5Dget_space(from), type = H5Dget_type(from);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hsize_t shape[4] = { 0 };
    enum status status = OK;
    H5Pset_create_intermediate_group(links, 1);
    d->ndim = H5Sget_simple_extent_ndims(space);
    if (H5Aexists(from, "once") > 0) { /* of the run: copied unchanged */
        d->ndim = 0;
        if (H5Ocopy(c->from, d->path, c->to, d->path, H5P_DEFAULT, links) < 0)
            status = h5_fail(c->err, "/%s", d->path);
    } else if (d->ndim < 1 || d->ndim > 3) {
        status = fail(c->err, E_DATA, "/%s: has %d dimensions; 1 to 3 are right", d->path, d->ndim);
    } else {
        H5Sget_simple_extent_dims(space, shape, NULL);
        memcpy(d->rest, shape, sizeof d->rest);
        shape[0] = c->all;
        hid_t whole = H5Screate_simple(d->ndim, shape, NULL);
        d->to = H5Dcreate2(c->to, d->path, type, whole, links, H5P_DEFAULT, H5P_DEFAULT);
        H5Sclose(whole);
        if (d->to < 0)
            status = h5_fail(c->err, "/%s", d->path);
    }
    H5Pclose(links);
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(from);
    return status;
}

static enum status link_dataset(struct collecting *c, const char *path, const char *same_as)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    herr_t bad = H5Lcreate_hard(c->to, same_as, c->to, path, links, H5P_DEFAULT);
    H5Pclose(links);
    return bad < 0 ? h5_fail(c->err, "/%s", path) : OK;
}

static herr_t lay_out(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct collecting *c = context;
    H5O_info_t about;
    if (info->type != H5L_TYPE_HARD || H5Oget_info_by_name(group, name, &about, H5P_DEFAULT) < 0 ||
        about.type != H5O_TYPE_DATASET)
        return 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->dataset[i].address == about.addr) {
            c->status = link_dataset(c, name, c->dataset[i].path);
            return c->status == OK ? 0 : -1;
        }
    if (c->count == COLLECT_DATASETS) {
        c->status = fail(c->err, E_DATA, "has more than %d datasets", COLLECT_DATASETS);
        return -1;
    }
    struct collected *d = &c->dataset[c->count];
    *d = (struct collected){ .path = strdup(name), .address = about.addr, .to = -1 };
    c->count++;
    c->status = d->path != NULL ? create_dataset(c, d) : fail(c->err, E_NOMEM, "out of memory");
    return c->status == OK ? 0 : -1;
}

/* Copies the shard's rows of one dataset behind those of earlier shards. */
static enum status append(struct collecting *c, const struct collected *d, hsize_t rows)
{
    hsize_t shape[3] = { 0 }, start[3] = { c->rows, 0, 0 };
    hid_t from = H5Dopen2(c->from, d->path, H5P_DEFAULT);
    hid_t space = from >= 0 ? H5Dget_space(from) : -1;
    bool fits = space >= 0 && H5Sget_simple_extent_ndims(space) == d->ndim;
    if (fits)
        H5Sget_simple_extent_dims(space, shape, NULL);
    for (int i = 0; fits && i < d->ndim; i++)
        fits = shape[i] == (i == 0 ? rows : d->rest[i]);
    enum status status = OK;
    if (!fits) {
        status = fail(c->err, E_DATA, "/%s: not of the shape that the first shard has", d->path);
    } else {
        hid_t type = H5Dget_type(from), whole = H5Dget_space(d->to);
        size_t bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
        void *data = malloc(bytes + 1);
        H5Sselect_hyperslab(whole, H5S_SELECT_SET, start, NULL, shape, NULL);
        if (data == NULL)
            status = fail(c->err, E_NOMEM, "out of memory for /%s", d->path);
        else if (H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0 ||
                 H5Dwrite(d->to, type, space, whole, H5P_DEFAULT, data) < 0)
            status = h5_fail(c->err, "/%s", d->path);
        free(data);
        H5Sclose(whole);
        H5Tclose(type);
    }
    if (space >= 0)
        H5Sclose(space);
    if (from >= 0)
        H5Dclose(from);
    return status;
}

static enum status take_shard(struct collecting *c, bool first, hsize_t rows)
{
    if (first) {
        H5Aiterate2(c->from, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, c);
        TRY(c->status);
        H5Lvisit(c->from, H5_INDEX_NAME, H5_ITER_INC, lay_out, c);
        TRY(c->status);
    }
    for (size_t i = 0; i < c->count; i++)
        if (c->dataset[i].ndim > 0)
            TRY(append(c, &c->dataset[i], rows));
    c->rows += rows;
    return OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static enum status open_shard(struct collecting *c, const char *parts, const char *name,
                              hsize_t *rows)
{
    char path[STORE_PATH + 300], order[64];
    snprintf(path, sizeof path, "%s/%s", parts, name);
    c->from = check_file(path, "", NULL) == OK ? H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT) : -1;
    if (c->from < 0)
        return h5_fail(c->err, "cannot open");
    *rows = store_read_extent(c->from, order);
    return *rows > 0 ? OK : fail(c->err, E_DATA, "has no images");
}

/* Reads from the first shard how many images and shards the run will have. */
static void read_extent_of_run(hid_t shard, struct store_progress *out)
{
    int64_t images = 0, size = 0;
    if (h5_get_int(shard, "run_images", &images, NULL) == OK &&
        h5_get_int(shard, "shard_size", &size, NULL) == OK && images > 0 && size > 0) {
        out->images = (size_t)images;
        out->shards = (out->images + (size_t)size - 1) / (size_t)size;
    }
}

static enum status take_shards(struct collecting *c, const char *parts, struct dirent **names,
                               int count, struct store_progress *out)
{
    enum status status = OK;
    for (int pass = 0; pass < 2; pass++) /* first the number of rows, then the rows */
        for (int i = 0; i < count && status == OK; i++) {
            hsize_t rows = 0;
            status = open_shard(c, parts, names[i]->d_name, &rows);
            if (status == OK && pass == 0) {
                c->all += rows;
                read_extent_of_run(c->from, out);
            } else if (status == OK) {
                status = take_shard(c, i == 0, rows);
            }
            if (c->from >= 0)
                H5Fclose(c->from);
            if (status != OK)
                fail_prefix(c->err, "%s/%s: ", parts, names[i]->d_name);
        }
    out->shards_done = (size_t)count;
    out->images_done = (size_t)c->all;
    return status;
}

static enum status collect(struct collecting *c, const char *parts, struct dirent **names,
                           int count, const char *to, struct store_progress *out)
{
    c->dataset = calloc(COLLECT_DATASETS, sizeof *c->dataset);
    if (c->dataset == NULL)
        return fail(c->err, E_NOMEM, "out of memory for %d shards", count);
    h5_lock();
    h5_quiet();
    c->to = H5Fcreate(to, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = c->to < 0 ? h5_fail(c->err, "%s: cannot create", to) : OK;
    if (status == OK)
        status = take_shards(c, parts, names, count, out);
    if (status == OK)
        status = h5_put_int(c->to, "schema", 2, c->err);
    if (status == OK)
        status = h5_put_int(c->to, "complete", 0, c->err);
    for (size_t i = 0; i < c->count; i++) {
        if (c->dataset[i].to >= 0 && H5Dclose(c->dataset[i].to) < 0 && status == OK)
            status = h5_fail(c->err, "%s: cannot write", to);
        free(c->dataset[i].path);
    }
    if (c->to >= 0 && H5Fclose(c->to) < 0 && status == OK)
        status = h5_fail(c->err, "%s: cannot write", to);
    h5_unlock();
    free(c->dataset);
    return status;
}

enum status store_collect(const char *output, const char *to, struct store_progress *out,
                          struct error *err)
{
    char parts[STORE_PATH];
    struct dirent **names;
    struct collecting c = { .err = err, .to = -1, .from = -1 };
    *out = (struct store_progress){ 0 };
    snprintf(parts, sizeof parts, "%s.parts", output);
    out->at_work = store_is_at_work(parts);
    int count = scandir(parts, &names, is_finished_shard, alphasort);
    if (count < 0)
        return fail(err, E_IO, "%s: %s", parts, strerror(errno));
    enum status status = OK;
    if (count == 0)
        status =
            fail(err, E_DATA, "%s: %s and none of its shards is done yet: there is nothing to show",
                 output, out->at_work ? "in progress," : "was interrupted,");
    else
        status = collect(&c, parts, names, count, to, out);
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}
