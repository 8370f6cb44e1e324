/* The identity of a run, and writing a shard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "h5lock.h"
#include "store_internal.h"

void store_shard_path(const struct store *s, size_t shard, char out[STORE_PATH])
{
    size_t first, count;
    store_range(s, shard, &first, &count);
    if (count == s->id.shard_size || s->id.images == s->id.total)
        snprintf(out, STORE_PATH, "%s/shard-%06zu.h5", s->parts, shard);
    else
        snprintf(out, STORE_PATH, "%s/shard-%06zu-%zu.h5", s->parts, shard, count);
}

void store_temporary_path(const struct store *s, const char *name, char out[STORE_PATH])
{
    char host[65] = "host";
    gethostname(host, sizeof host - 1);
    snprintf(out, STORE_PATH, "%s/%s.%s.%ld.tmp", s->parts, name, host, (long)getpid());
}

static const char contents_attribute[] = "dataset_contents";

static bool has_contents(const struct store *s)
{
    return s->id.contents != NULL && s->id.contents[0] != '\0';
}

enum status store_put_identity(const struct store *s, hid_t file, struct error *err)
{
    char hash[65];
    char *text = config_text(s->id.config);
    if (text == NULL)
        return fail(err, E_NOMEM, "out of memory for the config's text");
    config_hash(s->id.config, hash);
    enum status status = h5_put_text(file, "config", text, err);
    free(text);
    TRY(status);
    TRY(h5_put_text(file, "config_hash", hash, err));
    for (int i = 0; i < s->id.source_count; i++)
        TRY(h5_put_text(file, s->id.source[i].name, s->id.source[i].text, err));
    if (has_contents(s))
        TRY(h5_put_text(file, contents_attribute, s->id.contents, err));
    return OK;
}

enum status store_put_attributes(hid_t file, const struct store_attribute *a, size_t count,
                                 struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].text != NULL)
            TRY(h5_put_text(file, a[i].name, a[i].text, err));
        else if (a[i].whole)
            TRY(h5_put_int(file, a[i].name, (int64_t)a[i].number, err));
        else
            TRY(h5_put_real(file, a[i].name, a[i].number, err));
    }
    return OK;
}

enum status store_link(hid_t file, const struct records *r, const struct column *c,
                       struct error *err)
{
    hid_t how = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(how, 1);
    herr_t bad = H5Lcreate_hard(file, r->columns[c->same_as].path, file, c->path, how, H5P_DEFAULT);
    H5Pclose(how);
    return bad < 0 ? h5_fail(err, "cannot link /%s", c->path) : OK;
}

void store_describe(struct store *s, const struct store_attribute *a, size_t count)
{
    s->described = a;
    s->described_count = count;
}

/* Parses the text of config_text() into a config; lines may be longer than those of a file. */
static void read_stored(struct config *c, char *text)
{
    char section[64] = "", *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *equals = strstr(line, " = "), *assignment;
        if (sscanf(line, "[%63[^]]]", section) == 1 || equals == NULL)
            continue;
        int len = asprintf(&assignment, "%s.%.*s=%s", section, (int)(equals - line), line,
                           equals + strlen(" = "));
        if (len < 0)
            return;
        config_set(c, assignment, NULL); /* a key of another version: no difference to name */
        free(assignment);
    }
}

/* Where "config_hash" differs, says in which keys, by reading the stored config. */
static enum status refuse_config(const struct store *s, const char *path, char *stored,
                                 struct error *err)
{
    struct config *then = NULL;
    char diff[600] = "";
    if (config_new(&then, NULL) == OK) {
        read_stored(then, stored);
        config_difference(then, s->id.config, diff, sizeof diff);
    }
    config_free(then);
    return fail(err, E_CONFIG,
                "%s: was made with another config: %s; take another run.output, or start over with "
                "--fresh",
                path, *diff != '\0' ? diff : "its keys are those of another version of evalh");
}

static enum status compare_text(const char *path, hid_t file, const char *name, const char *ours,
                                const char *what, struct error *err)
{
    char *stored;
    TRY(h5_get_text(file, name, 1 << 20, &stored, err));
    bool same = strcmp(stored, ours) == 0;
    free(stored);
    if (same)
        return OK;
    return fail(err, E_CONFIG,
                "%s: was made with another %s (%s differs); take another run.output, or start over "
                "with --fresh",
                path, what, name);
}

static enum status compare_sources(const struct store *s, const char *path, hid_t file,
                                   struct error *err)
{
    for (int i = 0; i < s->id.source_count; i++) {
        const struct store_source *x = &s->id.source[i];
        TRY(compare_text(path, file, x->name, x->text, x->noun, err));
    }
    return compare_text(path, file, "device", s->id.device, "compute.device", err);
}

static enum status compare_config(const struct store *s, const char *path, hid_t file,
                                  struct error *err)
{
    char hash[65], *stored_hash, *stored;
    config_hash(s->id.config, hash);
    TRY(h5_get_text(file, "config_hash", 64, &stored_hash, err));
    bool same = strcmp(hash, stored_hash) == 0;
    free(stored_hash);
    if (same)
        return OK;
    TRY(h5_get_text(file, "config", 1 << 20, &stored, err));
    enum status status = refuse_config(s, path, stored, err);
    free(stored);
    return status;
}

enum status store_compare_contents(const struct store *s, hid_t file, bool *compared,
                                   struct error *err)
{
    char *stored;
    *compared = false;
    if (!has_contents(s) || H5Aexists(file, contents_attribute) <= 0)
        return OK;
    TRY(h5_get_text(file, contents_attribute, 64, &stored, err));
    bool same = strcmp(stored, s->id.contents) == 0;
    free(stored);
    *compared = true;
    const char *path = config_values(s->id.config)->data.path;
    return same ? OK
                : fail(err, E_CONFIG,
                       "was made of other contents of the data set '%s': names and sizes are the "
                       "same, the bytes of a sample are not (%s differs)",
                       path != NULL ? path : "", contents_attribute);
}

/* What a file lacks may follow from its config: a run in fp32 says nothing of what it explains in.
 * So the config's differences are said before that. */
static enum status compare(const struct store *s, const char *path, hid_t file, struct error *err)
{
    struct error lacks = { 0 };
    enum status sources = compare_sources(s, path, file, &lacks);
    if (sources == OK || sources == E_DATA)
        TRY(compare_config(s, path, file, err));
    return sources == OK ? OK : fail(err, sources, "%s", lacks.text);
}

enum status store_compare_identity(struct store *s, const char *path, hid_t file, struct error *err)
{
    enum status status = compare(s, path, file, err);
    if (status == E_DATA) /* not ours, or of another version */
        return fail(err, E_CONFIG,
                    "%s: is there and is no result of this version of evalh; take another "
                    "run.output, or replace it with --fresh",
                    path);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------ */

static enum status fill_shard(const struct store *s, size_t shard, const struct records *r,
                              hid_t file, struct error *err)
{
    size_t first, count;
    store_range(s, shard, &first, &count);
    TRY(store_put_identity(s, file, err));
    TRY(h5_put_text(file, "device", s->id.device, err));
    TRY(h5_put_text(file, "run_id", s->run_id, err));
    TRY(h5_put_int(file, "shard", (int64_t)shard, err));
    TRY(h5_put_int(file, "shard_size", (int64_t)s->id.shard_size, err));
    TRY(h5_put_int(file, "first", (int64_t)first, err));
    TRY(h5_put_int(file, "run_images", (int64_t)s->id.images, err));
    TRY(store_put_attributes(file, s->described, s->described_count, err));
    if (!store_is_natural(s))
        TRY(h5_put_text(file, "order", s->order_name, err));
    for (int i = 0; i < r->count; i++) {
        const struct column *c = &r->columns[i];
        if (c->same_as >= 0)
            continue;
        hid_t dataset = h5_create_column(file, c, count, err);
        if (dataset < 0)
            return E_IO;
        enum status status = h5_write_rows(dataset, c, 0, count, c->data, err);
        if (status == OK && c->once) /* its first dimension may have the length of the images' */
            status = h5_put_int(dataset, "once", 1, err);
        H5Dclose(dataset);
        TRY(status);
    }
    for (int i = 0; i < r->count; i++)
        if (r->columns[i].same_as >= 0)
            TRY(store_link(file, r, &r->columns[i], err));
    return OK;
}

/* Builds the shard's bytes in memory, so that a full disk is an error of write(), which can be
 * reported and undone, and not one inside HDF5's caches. */
static enum status shard_image(const struct store *s, size_t shard, const struct records *r,
                               void **bytes, size_t *size, struct error *err)
{
    *bytes = NULL;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, 0);
    hid_t file = H5Fcreate("shard", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (file < 0)
        return h5_fail(err, "cannot build a shard");
    enum status status = fill_shard(s, shard, r, file, err);
    if (status == OK) {
        H5Fflush(file, H5F_SCOPE_GLOBAL);
        ssize_t length = H5Fget_file_image(file, NULL, 0);
        *bytes = length > 0 ? malloc((size_t)length) : NULL;
        *size = length > 0 ? (size_t)length : 0;
        if (*bytes == NULL || H5Fget_file_image(file, *bytes, *size) != length)
            status = fail(err, E_NOMEM, "out of memory for a shard of %zu bytes", *size);
    }
    H5Fclose(file);
    return status;
}

enum status store_put(struct store *s, size_t shard, const struct records *r, struct error *err)
{
    char path[STORE_PATH], temporary[STORE_PATH], name[40];
    void *bytes;
    size_t size = 0;
    store_shard_path(s, shard, path);
    snprintf(name, sizeof name, "shard-%06zu.h5", shard);
    store_temporary_path(s, name, temporary);
    h5_lock();
    enum status status = shard_image(s, shard, r, &bytes, &size, err);
    h5_unlock();
    if (status == OK)
        status = write_synced(temporary, bytes, size, err);
    free(bytes);
    TRY(status);
    status = rename_synced(temporary, path, err);
    if (status != OK) {
        unlink(temporary);
        return status;
    }
    store_note(s, shard);
    return OK;
}
