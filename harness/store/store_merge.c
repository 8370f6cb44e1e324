/* The last step: all shards into one file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "free_all.h"
#include "h5lock.h"
#include "store_internal.h"

struct merge {
    struct store *store;
    struct records *layout;
    hid_t file;
    hid_t *datasets; /* [columns]; -1 for links */
    bool *written;   /* [columns] of the run: the first shard's is there */
    size_t *rows;    /* [images] where each place's row goes; NULL: where it is */
};

/* Reserves space for the whole file, so that a full disk is noticed before HDF5 has data in its
 * caches. */
static enum status reserve(const struct store *s, const struct records *r, const char *path,
                           struct error *err)
{
    size_t bytes = 1 << 20; /* HDF5's own: headers, groups, attributes, alignment */
    for (int i = 0; i < r->count; i++)
        if (r->columns[i].same_as < 0)
            bytes += r->columns[i].row_bytes * (r->columns[i].once ? 1 : s->id.images) + 8192;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(err, E_IO, "%s: cannot create: %s", path, strerror(errno));
    int reason = posix_fallocate(fd, 0, (off_t)bytes);
    close(fd);
    if (reason != 0 && reason != EOPNOTSUPP && reason != EINVAL) {
        unlink(path);
        return fail(err, E_IO, "%s: cannot write %.1f MB: %s", path, (double)bytes / 1e6,
                    strerror(reason));
    }
    return OK;
}

/* HDF5 1.10 crashes where memory runs out while it opens a file. So we check first whether its
 * caches' memory is available. */
static enum status check_memory(struct error *err)
{
    enum { CACHES = 16 << 20 };
    void *volatile p = malloc(CACHES); /* volatile, or the compiler removes the allocation */
    free(p);
    return p != NULL ? OK : fail(err, E_NOMEM, "out of memory merging the shards");
}

static enum status put_attributes(const struct merge *m, const struct store_attribute *a,
                                  size_t count, struct error *err)
{
    TRY(h5_put_int(m->file, "schema", 2, err));
    TRY(store_put_identity(m->store, m->file, err));
    TRY(h5_put_text(m->file, "device", m->store->id.device, err));
    if (m->store->id.images < m->store->id.total) {
        TRY(h5_put_text(m->file, "order", m->store->order_name, err));
        TRY(h5_put_int(m->file, "dataset_images", (int64_t)m->store->id.total, err));
    }
    TRY(store_put_attributes(m->file, a, count, err));
    /* The file gets its name only when it is complete. */
    return h5_put_int(m->file, "complete", 1, err);
}

/* Writes units and texts of every column, then the scales of its dimensions. */
static enum status note_datasets(const struct merge *m, struct error *err)
{
    const struct records *r = m->layout;
    for (int i = 0; i < r->count; i++)
        if (m->datasets[i] >= 0)
            TRY(h5_note_column(m->datasets[i], &r->columns[i], err));
    for (int i = 0; i < r->count; i++) {
        const struct column *c = &r->columns[i];
        unsigned dimensions = (unsigned)c->ndim + !c->once;
        for (unsigned d = 0; m->datasets[i] >= 0 && !c->note.scale && d < dimensions; d++) {
            int scale = c->note.axis[d] != NULL ? records_find(r, c->note.axis[d]) : -1;
            if (c->note.axis[d] != NULL)
                TRY(h5_name_dimension(m->datasets[i], c, d, err));
            if (scale >= 0)
                TRY(h5_attach_scale(m->datasets[i], c, d, m->datasets[scale], err));
        }
    }
    return OK;
}

static enum status create_datasets(struct merge *m, struct error *err)
{
    const struct records *r = m->layout;
    m->datasets = malloc(((size_t)r->count + 1) * sizeof *m->datasets);
    m->written = calloc((size_t)r->count + 1, sizeof *m->written);
    if (m->datasets == NULL || m->written == NULL)
        return fail(err, E_NOMEM, "out of memory merging the shards");
    for (int i = 0; i < r->count; i++)
        m->datasets[i] = -1;
    for (int i = 0; i < r->count; i++) {
        if (r->columns[i].same_as >= 0)
            continue;
        m->datasets[i] = h5_create_column(m->file, &r->columns[i], m->store->id.images, err);
        if (m->datasets[i] < 0)
            return E_IO;
    }
    for (int i = 0; i < r->count; i++) {
        const struct column *c = &r->columns[i];
        if (c->same_as < 0)
            continue;
        TRY(store_link(m->file, r, c, err));
    }
    return note_datasets(m, err);
}

/* A column of the run is in every shard: the first one's is taken, the others must be the same. */
static enum status read_once(const struct merge *m, hid_t file, int column, struct error *err)
{
    struct column *c = &m->layout->columns[column];
    if (!m->written[column])
        return h5_read_column(file, c, 1, c->data, err);
    void *here = malloc(c->row_bytes);
    if (here == NULL)
        return fail(err, E_NOMEM, "out of memory merging the shards");
    enum status status = h5_read_column(file, c, 1, here, err);
    if (status == OK && memcmp(here, c->data, c->row_bytes) != 0)
        status = fail(err, E_DATA, "/%s is not what the first shard has", c->path);
    free(here);
    return status;
}

/* Reads the rows of one shard into the layout's memory, after checking that it belongs to this
 * run. */
static enum status read_shard(const struct merge *m, hid_t file, size_t shard, size_t first,
                              size_t count, struct error *err)
{
    char *run_id;
    int64_t number, at;
    TRY(h5_get_text(file, "run_id", 64, &run_id, err));
    bool ours = strcmp(run_id, m->store->run_id) == 0;
    free(run_id);
    TRY(h5_get_int(file, "shard", &number, err));
    TRY(h5_get_int(file, "first", &at, err));
    if (!ours || number != (int64_t)shard || at != (int64_t)first)
        return fail(err, E_DATA, "belongs to another run");
    bool compared;
    if (store_compare_contents(m->store, file, &compared, err) != OK)
        return E_DATA;
    for (int i = 0; i < m->layout->count; i++) {
        struct column *c = &m->layout->columns[i];
        if (c->same_as < 0)
            TRY(c->once ? read_once(m, file, i, err)
                        : h5_read_column(file, c, count, c->data, err));
    }
    return OK;
}

static enum status write_rows(const struct merge *m, int column, size_t first, size_t count,
                              struct error *err)
{
    const struct column *c = &m->layout->columns[column];
    if (m->rows == NULL || c->once)
        return h5_write_rows(m->datasets[column], c, first, count, c->data, err);
    return h5_write_scattered(m->datasets[column], c, m->rows + first, count, c->data, err);
}

static enum status copy_shard(const struct merge *m, size_t shard, struct error *err)
{
    char path[STORE_PATH];
    size_t first, count;
    store_shard_path(m->store, shard, path);
    store_range(m->store, shard, &first, &count);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    enum status status =
        file < 0 ? h5_fail(err, "cannot open") : read_shard(m, file, shard, first, count, err);
    if (file >= 0)
        H5Fclose(file);
    if (status != OK) {
        fail_prefix(err, "%s: damaged; remove it and run again to make it anew: ", path);
        return status;
    }
    for (int i = 0; i < m->layout->count; i++) {
        const struct column *c = &m->layout->columns[i];
        if (m->datasets[i] < 0 || m->written[i])
            continue;
        TRY(write_rows(m, i, first, count, err));
        m->written[i] = c->once;
    }
    return OK;
}

static enum status close_datasets(struct merge *m, struct error *err)
{
    enum status status = OK;
    for (int i = 0; m->datasets != NULL && i < m->layout->count; i++)
        if (m->datasets[i] >= 0 && H5Dclose(m->datasets[i]) < 0 && status == OK)
            status = h5_fail(err, "cannot write /%s", m->layout->columns[i].path);
    FREE_ALL(m->datasets, m->written);
    m->datasets = NULL;
    m->written = NULL;
    return status;
}

static enum status sync_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int bad = fd < 0 || fsync(fd) != 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    return bad ? fail(err, E_IO, "%s: cannot sync: %s", path, strerror(reason)) : OK;
}

/* Removes the shards once OUTPUT exists. The folder is renamed first, so that a part of them is
 * never taken for an interrupted run. */
static void remove_parts(struct store *s)
{
    char done[STORE_PATH];
    snprintf(done, sizeof done, "%s.done", s->parts);
    if (rename(s->parts, done) == 0)
        store_remove_folder(done);
    close(s->lock);
    s->lock = -1;
    s->done = 0;
}

static enum status write_merged(struct merge *m, const char *path,
                                const struct store_attribute *attributes, size_t attribute_count,
                                struct error *err)
{
    m->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (m->file < 0)
        return h5_fail(err, "%s: cannot create", path);
    enum status status = put_attributes(m, attributes, attribute_count, err);
    if (status == OK)
        status = create_datasets(m, err);
    for (size_t i = 0; i < m->store->shards && status == OK; i++)
        status = copy_shard(m, i, err);
    enum status closing = close_datasets(m, status == OK ? err : NULL);
    status = status == OK ? closing : status;
    if (H5Fclose(m->file) < 0 && status == OK)
        status = h5_fail(err, "%s: cannot write", path);
    return status;
}

static enum status check_again(const struct store *s, struct error *err)
{
    enum status status = store_check_replaced(s->output, err);
    return status == OK ? OK : fail_prefix(err, "%s: ", s->output);
}

enum status store_merge(struct store *s, struct records *layout,
                        const struct store_attribute *attributes, size_t attribute_count,
                        enum status (*finish)(const char *path, struct error *), struct error *err)
{
    char path[STORE_PATH];
    struct merge m = { .store = s, .layout = layout };
    store_temporary_path(s, "result", path);
    TRY(check_memory(err));
    TRY(reserve(s, layout, path, err));
    if (s->order != NULL)
        TRY(store_rank(s, s->id.images, &m.rows, err));
    h5_lock();
    h5_quiet();
    enum status status = write_merged(&m, path, attributes, attribute_count, err);
    h5_unlock();
    free(m.rows);
    if (status == OK && finish != NULL)
        status = finish(path, err);
    if (status == OK)
        status = sync_file(path, err);
    if (status == OK) /* the run may have taken days */
        status = check_again(s, err);
    if (status == OK)
        status = rename_synced(path, s->output, err);
    if (status == E_DATA)
        store_unmark(s);
    if (status != OK) {
        unlink(path);
        return status;
    }
    s->complete = true;
    remove_parts(s);
    return OK;
}
