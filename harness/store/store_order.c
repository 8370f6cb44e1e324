/* The order of a run's images, and how a longer run adopts the results of a shorter one in the same
 * order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "h5lock.h"
#include "log.h"
#include "sha256.h"
#include "store_internal.h"

static const char natural[] = "natural";

bool store_is_natural(const struct store *s)
{
    return strcmp(s->order_name, natural) == 0;
}

void store_adopt_order(struct store *s, const char *name)
{
    char hash[65];
    struct sha256 sha;
    snprintf(s->order_name, sizeof s->order_name, "%s", name != NULL ? name : natural);
    config_hash(s->id.config, hash);
    sha256_begin(&sha);
    sha256_add(&sha, hash, strlen(hash) + 1);
    for (int i = 0; i < s->id.source_count; i++)
        sha256_add(&sha, s->id.source[i].text, strlen(s->id.source[i].text) + 1);
    sha256_add(&sha, s->id.device, strlen(s->id.device) + 1);
    if (!store_is_natural(s))
        sha256_add(&sha, s->order_name, strlen(s->order_name) + 1);
    sha256_end(&sha, s->run_id);
}

const char *store_order(const struct store *s)
{
    return s->order_name;
}

void store_set_order(struct store *s, const size_t *order)
{
    s->order = order;
}

size_t store_extendable(const struct store *s)
{
    return s->extendable;
}

size_t store_read_extent(hid_t file, char order[64])
{
    char *text;
    hsize_t rows = 0;
    snprintf(order, 64, "%s", natural);
    if (h5_get_text(file, "order", 63, &text, NULL) == OK) {
        snprintf(order, 64, "%s", text);
        free(text);
    }
    hid_t ids = H5Dopen2(file, "images/id", H5P_DEFAULT);
    hid_t space = ids >= 0 ? H5Dget_space(ids) : -1;
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == 1)
        H5Sget_simple_extent_dims(space, &rows, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (ids >= 0)
        H5Dclose(ids);
    return (size_t)rows;
}

bool store_parse_shard(const struct store *s, const char *name, size_t *shard, size_t *count)
{
    char number[32], rest[32] = "";
    size_t size = s->id.shard_size;
    if (sscanf(name, "shard-%31[0-9]%31s", number, rest) != 2)
        return false;
    *shard = strtoull(number, NULL, 10);
    if (*shard > s->id.total / size)
        return false;
    size_t left = s->id.total - *shard * size;
    *count = left < size ? left : size;
    if (strcmp(rest, ".h5") == 0)
        return true;
    char *end;
    if (rest[0] != '-')
        return false;
    *count = strtoull(rest + 1, &end, 10);
    return strcmp(end, ".h5") == 0 && *count <= size;
}

enum status store_rank(const struct store *s, size_t images, size_t **ranks, struct error *err)
{
    bool *in = calloc(s->id.total + 1, sizeof *in);
    size_t *row = calloc(s->id.total + 1, sizeof *row), next = 0;
    *ranks = calloc(images + 1, sizeof **ranks);
    enum status status = OK;
    if (in == NULL || row == NULL || *ranks == NULL)
        status = fail(err, E_NOMEM, "no memory for the order of %zu images", s->id.total);
    for (size_t i = 0; status == OK && i < images; i++)
        in[s->order != NULL ? s->order[i] : i] = true;
    for (size_t i = 0; status == OK && i < s->id.total; i++)
        row[i] = in[i] ? next++ : 0;
    for (size_t i = 0; status == OK && i < images; i++)
        (*ranks)[i] = row[s->order != NULL ? s->order[i] : i];
    FREE_ALL(in, row);
    if (status != OK) {
        free(*ranks);
        *ranks = NULL;
    }
    return status;
}

/* ---- what a shorter run has done ------------------------------------------------------------- */

static enum status read_rows(hid_t file, struct records *layout, size_t all, const size_t *rows,
                             size_t count, struct error *err)
{
    for (int i = 0; i < layout->count; i++) {
        const struct column *c = &layout->columns[i];
        if (c->same_as >= 0)
            continue;
        TRY(c->once ? h5_read_column(file, c, all, c->data, err)
                    : h5_read_scattered(file, c, all, rows, count, c->data, err));
    }
    return OK;
}

/* Shards that OUTPUT fills. */
static enum status make_shards(struct store *s, struct records *layout, const size_t *ranks,
                               struct error *err)
{
    enum status status = OK;
    for (size_t shard = 0; shard < s->shards && status == OK; shard++) {
        size_t first, count;
        store_range(s, shard, &first, &count);
        if (first + count > s->extendable || store_has(s, shard))
            continue;
        h5_lock();
        hid_t file = H5Fopen(s->output, H5F_ACC_RDONLY, H5P_DEFAULT);
        status = file < 0 ? h5_fail(err, "cannot open")
                          : read_rows(file, layout, s->extendable, ranks + first, count, err);
        if (file >= 0)
            H5Fclose(file);
        h5_unlock();
        if (status == OK)
            status = store_put(s, shard, layout, err);
        else
            fail_prefix(err, "%s: ", s->output);
    }
    return status;
}

enum status store_extend(struct store *s, struct records *layout, struct error *err)
{
    size_t *ranks;
    if (s->extendable == 0)
        return OK;
    TRY(store_rank(s, s->extendable, &ranks, err));
    log_info("%s has %zu images of this run: they are kept", s->output, s->extendable);
    enum status status = make_shards(s, layout, ranks, err);
    free(ranks);
    return status;
}
