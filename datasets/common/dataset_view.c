#include "dataset_view.h"

#include <stdlib.h>
#include <string.h>

#include "free_all.h"

struct indexed_view {
    struct dataset *inner;
    size_t *indices; /* [count] */
    struct dataset_kind kind;
};

static enum status view_load(struct dataset *dataset, size_t index, struct sample *sample,
                             struct error *err)
{
    const struct indexed_view *v = dataset->impl;
    return v->inner->kind->load(v->inner, v->indices[index], sample, err);
}

static bool view_peek(struct dataset *dataset, size_t index, size_t place, size_t bytes,
                      struct sha256 *hash)
{
    const struct indexed_view *v = dataset->impl;
    return v->inner->kind->peek(v->inner, v->indices[index], place, bytes, hash);
}

static void view_close(struct dataset *dataset)
{
    struct indexed_view *v = dataset->impl;
    dataset_free(v->inner);
    FREE_ALL(v->indices, v);
}

static bool copy_names(const struct indexed_view *v, struct dataset *out, size_t count)
{
    out->ids = calloc(count + 1, sizeof *out->ids);
    out->labels = calloc(count + 1, sizeof *out->labels);
    out->changed = calloc(count + 1, sizeof *out->changed);
    out->description = strdup(v->inner->description);
    if (v->inner->assumed != NULL && (out->assumed = strdup(v->inner->assumed)) == NULL)
        return false;
    if (out->ids == NULL || out->labels == NULL || out->changed == NULL || out->description == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        out->ids[i] = strdup(v->inner->ids[v->indices[i]]);
        if (out->ids[i] == NULL)
            return false;
        out->labels[i] = v->inner->labels[v->indices[i]];
        out->changed[i] = v->inner->changed[v->indices[i]];
        out->count = i + 1;
    }
    return true;
}

enum status dataset_view(struct dataset *inner, size_t *indices, size_t count, struct dataset **out,
                         struct error *err)
{
    struct indexed_view *v = calloc(1, sizeof *v);
    struct dataset *d = calloc(1, sizeof *d);
    *out = NULL;
    if (v == NULL || d == NULL) {
        FREE_ALL(v, d, indices);
        dataset_free(inner);
        return fail(err, E_NOMEM, "no memory for a data set of %zu images", count);
    }
    *v = (struct indexed_view){ inner, indices, *inner->kind };
    v->kind.load = view_load;
    v->kind.close = view_close;
    v->kind.peek = inner->kind->peek != NULL ? view_peek : NULL;
    d->kind = &v->kind;
    d->impl = v;
    d->has_labels = inner->has_labels;
    d->has_masks = inner->has_masks;
    d->has_shortcuts = inner->has_shortcuts;
    d->labels_are_numbers = inner->labels_are_numbers;
    d->numbers_are_ids = inner->numbers_are_ids;
    memcpy(d->fingerprint, inner->fingerprint, sizeof d->fingerprint);
    memcpy(d->contents, inner->contents, sizeof d->contents);
    if (!copy_names(v, d, count)) {
        dataset_free(d);
        return fail(err, E_NOMEM, "no memory for a data set of %zu images", count);
    }
    *out = d;
    return OK;
}

size_t dataset_view_index(const struct dataset *dataset, size_t i)
{
    return dataset->kind->load == view_load
               ? ((const struct indexed_view *)dataset->impl)->indices[i]
               : i;
}

void dataset_free(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    for (size_t i = 0; i < dataset->count; i++)
        free(dataset->ids[i]);
    FREE_ALL(dataset->ids, dataset->labels, dataset->changed, dataset->description,
             dataset->assumed);
    if (dataset->impl != NULL)
        dataset->kind->close(dataset); /* the view owns its kind */
    free(dataset);
}
