#include "pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataset_view.h"
#include "result_config.h"
#include "upsample.h"

/* --- the data set ---------------------------------------------------------------------------- */

static bool preprocess_find(const char *name, enum preprocess *out)
{
    for (int i = 0; preprocess_names[i]; i++)
        if (strcmp(name, preprocess_names[i]) == 0) {
            *out = (enum preprocess)i;
            return true;
        }
    return false;
}

/* Narrows the data set to the result's images, which have the same order; false where the set has
 * changed since. */
static bool take_images(const struct result *r, struct dataset **data)
{
    size_t *indices = calloc(r->images + 1, sizeof *indices), found = 0;
    struct error err;
    bool same = indices != NULL &&
                strcmp(r->attribute[ATTR_DATASET_FINGERPRINT], (*data)->fingerprint) == 0;
    for (size_t i = 0; same && i < (*data)->count && found < r->images; i++)
        if (strcmp(r->id[found], (*data)->ids[i]) == 0)
            indices[found++] = i;
    if (!same || found < r->images) {
        free(indices);
        return false;
    }
    struct dataset *whole = *data;
    *data = NULL;
    return dataset_view(whole, indices, found, data, &err) == OK;
}

static void open_data(const struct result *r, const struct config_values *v, struct pictures *out)
{
    struct dataset_options options = config_dataset(v);
    options.head_classes = r->classes;
    struct error err;
    if (!options.kind || !options.path) {
        snprintf(out->why, sizeof out->why, "the stored config has no data.kind or data.path");
    } else if (access(options.path, R_OK) != 0) { /* opening would write the demo set again */
        snprintf(out->why, sizeof out->why, "%.300s (data.path) is not there", options.path);
    } else if (!preprocess_find(r->attribute[ATTR_PREPROCESS], &out->preprocess)) {
        snprintf(out->why, sizeof out->why, "the preprocessing is not known: %.100s",
                 r->attribute[ATTR_PREPROCESS]);
    } else if (dataset_open(&options, &out->data, &err) != OK) {
        out->data = NULL;
        snprintf(out->why, sizeof out->why, "%.390s", err.text);
    } else if (!take_images(r, &out->data)) {
        dataset_close(out->data);
        out->data = NULL;
        snprintf(out->why, sizeof out->why, "%.300s (data.path) is another data set by now",
                 options.path);
    }
}

void pictures_open(const struct result *r, struct pictures *out)
{
    struct config *config;
    struct error err;
    *out = (struct pictures){ 0 };
    if (result_config(r, &config, &err) != OK) {
        snprintf(out->why, sizeof out->why, "%.390s", err.text);
        return;
    }
    out->cut = config_eval_cut(config_values(config));
    open_data(r, config_values(config), out);
    config_free(config);
}

void pictures_close(struct pictures *p)
{
    if (p->data)
        dataset_close(p->data);
    p->data = NULL;
}

/* --- one image ------------------------------------------------------------------------------- */

enum status pictures_load(const struct pictures *p, size_t index, int side, uint8_t *rgb,
                          int8_t *labels, struct error *err)
{
    struct sample sample;
    TRY(dataset_load(p->data, index, &sample, err));
    enum status status =
        image_preprocess_cut(&sample.image, p->preprocess, &p->cut, side, rgb, err);
    if (status == OK && labels) {
        if (sample.labels)
            label_resize(sample.labels, sample.image.width, sample.image.height, side, labels);
        else
            status = fail(err, E_DATA, "%s: has no mask", p->data->ids[index]);
    }
    sample_free(&sample);
    return status;
}

enum status pictures_heat(const float *map, int grid, int side, float *heat, struct error *err)
{
    size_t pixels = (size_t)side * (size_t)side;
    double *up = calloc(pixels, sizeof *up), lowest = INFINITY, highest = -INFINITY;
    if (!up)
        return fail(err, E_NOMEM, "no memory for a heat map of %d pixels a side", side);
    upsample(map, grid, grid, side, up);
    for (size_t i = 0; i < pixels; i++) {
        lowest = fmin(lowest, up[i]);
        highest = fmax(highest, up[i]);
    }
    for (size_t i = 0; i < pixels; i++)
        heat[i] = highest > lowest ? (float)((up[i] - lowest) / (highest - lowest)) : 0.0F;
    free(up);
    return OK;
}
