#include "randomised.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "free_all.h"
#include "h5_read.h"

const char *const randomised_schemes[RANDOMISED_SCHEMES] = { "cascade", "independent" };
const char *const randomised_titles[RANDOMISED_SCHEMES] = { "from the read-out down to this layer",
                                                            "this layer alone" };
const char *const randomised_measures[RANDOMISED_MEASURES] = { "spearman_abs", "spearman",
                                                               "pearson", "ssim" };

/* Means over the scored images where the similarity is defined. */
static void take_means(const struct result *r, const float *like, size_t layers, double *out)
{
    for (size_t k = 0; k < layers; k++) {
        double sum = 0, count = 0;
        for (size_t i = 0; i < r->images; i++) {
            float x = like[i * layers + k];
            bool counts = r->status[i] == 0 && !isnan(x);
            sum += counts ? (double)x : 0;
            count += counts;
        }
        out[k] = count > 0 ? sum / count : NAN;
    }
}

static enum status read_means(const struct result *r, const struct h5_file *f, const char *group,
                              const char *name, size_t layers, double *out, struct error *err)
{
    float *like = NULL;
    TRY(h5_dataset(f, group, name, H5_FLOAT32, r->images, layers, (void **)&like, err));
    take_means(r, like, layers, out);
    free(like);
    return OK;
}

static enum status add_row(const struct result *r, const struct h5_file *f,
                           const struct result_map *m, struct randomised *out, struct error *err)
{
    struct randomised_row *row = &out->row[out->rows];
    char group[H5_NAME_MAX];
    TRY(h5_join(f, group, err, "/randomisation/%s/%s/cascade", m->method,
                explained_names[m->explained]));
    if (!h5_exists(f, group))
        return OK;
    out->rows++;
    *row = (struct randomised_row){ .method = m->method, .control = m->control };
    for (int s = 0; s < RANDOMISED_SCHEMES; s++) {
        TRY(h5_join(f, group, err, "/randomisation/%s/%s/%s", m->method,
                    explained_names[m->explained], randomised_schemes[s]));
        for (int k = 0; k < RANDOMISED_MEASURES; k++) {
            row->like[s][k] = malloc((out->layers + 1) * sizeof(double));
            if (row->like[s][k] == NULL)
                return fail(err, E_NOMEM, "%s: no memory for its randomised models", r->path);
            TRY(read_means(r, f, group, randomised_measures[k], out->layers, row->like[s][k], err));
        }
    }
    TRY(h5_join(f, group, err, "/randomisation/%s/%s/cascade", m->method,
                explained_names[m->explained]));
    return read_means(r, f, group, "emprt", 1, &row->emprt, err);
}

static enum status read_all(const struct result *r, const struct h5_file *f, struct randomised *out,
                            struct error *err)
{
    enum { MOST_LAYERS = 4096 };
    out->layers = h5_exists(f, "/randomisation") ? h5_length(f, "/layer", 0) : 0;
    if (out->layers == 0)
        return OK;
    if (out->layers < 2 || out->layers > MOST_LAYERS)
        return fail(err, E_DATA, "%s: /layer: %zu layers: 2 to %d are expected", r->path,
                    out->layers, MOST_LAYERS);
    TRY(h5_dataset(f, "/", "layer", H5_INT32, out->layers, 1, (void **)&out->layer, err));
    out->row = calloc(r->maps + 1, sizeof *out->row);
    if (out->row == NULL)
        return fail(err, E_NOMEM, "%s: no memory for its randomised models", r->path);
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == out->explained)
            TRY(add_row(r, f, &r->map[i], out, err));
    return OK;
}

enum status randomised_build(const struct result *r, struct randomised *out, struct error *err)
{
    struct h5_file f;
    *out = (struct randomised){ .explained = EXPLAINED_TARGET };
    for (size_t i = 0; i < r->maps; i++)
        if (r->map[i].explained == EXPLAINED_PREDICTED)
            out->explained = EXPLAINED_PREDICTED;
    for (size_t i = 0; i < r->images; i++)
        out->images += r->status[i] == 0;
    if (r->schema < 2)
        return OK;
    TRY(h5_open(&f, r->file, err));
    enum status status = read_all(r, &f, out, err);
    h5_close(&f);
    if (status != OK)
        randomised_free(out);
    return status;
}

void randomised_free(struct randomised *t)
{
    for (size_t i = 0; t->row != NULL && i < t->rows; i++)
        for (int s = 0; s < RANDOMISED_SCHEMES; s++)
            for (int k = 0; k < RANDOMISED_MEASURES; k++)
                free(t->row[i].like[s][k]);
    FREE_ALL(t->row, t->layer);
    *t = (struct randomised){ 0 };
}

const char *randomised_layer(const struct randomised *t, size_t place, char text[RANDOMISED_NAME])
{
    int32_t layer = t->layer[place];
    if (layer < 0)
        return "embedding";
    if ((size_t)layer + 2 == t->layers)
        return "read-out";
    snprintf(text, RANDOMISED_NAME, "layer %d", layer);
    return text;
}
