/* Randomisation (SPEC 17): the mean over layers of how alike maps stay. */
#include <math.h>
#include <stdlib.h>

#include "score_fills.h"

/* Over the layers where it is defined; the original model's own similarity of 1 is none of them. */
static double mean_over_layers(const float *like, size_t layers)
{
    double sum = 0, count = 0;
    for (size_t k = 0; k < layers; k++) {
        sum += isnan(like[k]) ? 0 : (double)like[k];
        count += !isnan(like[k]);
    }
    return count > 0 ? sum / count : NAN;
}

static enum status fill_mean(struct scoring *s, const char *method, const char *name, double *value,
                             bool *found)
{
    char path[H5_NAME_MAX], at[H5_NAME_MAX];
    float *like = NULL;
    TRY(h5_join(&s->file, at, s->err, "/randomisation/%s/%s", method,
                explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/%s", at, name));
    size_t layers = h5_exists(&s->file, "/randomisation") ? h5_length(&s->file, path, 1) : 0;
    *found = layers > 0;
    if (!*found)
        return OK;
    TRY(h5_dataset(&s->file, at, name, H5_FLOAT32, s->result->images, layers, (void **)&like,
                   s->err));
    for (size_t i = 0; i < s->result->images; i++)
        value[i] = mean_over_layers(like + i * layers, layers);
    free(like);
    return OK;
}

#define MEAN(function, name)                                                                       \
    enum status function(struct scoring *s, const char *method, double *value, bool *found)        \
    {                                                                                              \
        return fill_mean(s, method, name, value, found);                                           \
    }
MEAN(fill_cascade_spearman, "cascade/spearman")
MEAN(fill_cascade_spearman_abs, "cascade/spearman_abs")
MEAN(fill_cascade_pearson, "cascade/pearson")
MEAN(fill_cascade_ssim, "cascade/ssim")
MEAN(fill_independent_spearman, "independent/spearman")
MEAN(fill_independent_spearman_abs, "independent/spearman_abs")
MEAN(fill_independent_pearson, "independent/pearson")
MEAN(fill_independent_ssim, "independent/ssim")

enum status fill_emprt(struct scoring *s, const char *method, double *value, bool *found)
{
    char path[H5_NAME_MAX], at[H5_NAME_MAX];
    float *stored = NULL;
    TRY(h5_join(&s->file, at, s->err, "/randomisation/%s/%s/cascade", method,
                explained_names[s->explained]));
    TRY(h5_join(&s->file, path, s->err, "%s/emprt", at));
    *found = h5_exists(&s->file, "/randomisation") && h5_length(&s->file, path, 0) > 0;
    if (!*found)
        return OK;
    TRY(h5_dataset(&s->file, at, "emprt", H5_FLOAT32, s->result->images, 1, (void **)&stored,
                   s->err));
    for (size_t i = 0; i < s->result->images; i++)
        value[i] = (double)stored[i];
    free(stored);
    return OK;
}
