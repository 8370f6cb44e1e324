/* Holds hidden-attention rows and mean matrices, last attention and first relevance to
 * golden/models.h5. usage: golden_attention [--backend NAME] [--model NAME] SOURCE_ROOT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "inspect.h"

static struct golden_test test;

/* layerN_cls_row_fwd, layerN_mean_matrix, last_attention, first_attention_relevance */
static bool fill(struct inspector *in, const struct model *m, const unsigned char *rgb,
                 const char *name, int k, float *out, double *tolerance, struct error *err)
{
    size_t cells = (size_t)m->geo.tokens * (size_t)m->geo.tokens;
    int layer = 0;
    *tolerance = 1e-4;
    if (sscanf(name, "layer%d_", &layer) == 1 && strstr(name, "cls_row_fwd") != NULL)
        return inspect_layer(in, rgb, layer, err) == OK && inspect_cls_row(in, 0, out, err) == OK;
    if (sscanf(name, "layer%d_", &layer) == 1 && strstr(name, "mean_matrix") != NULL)
        return inspect_layer(in, rgb, layer, err) == OK && inspect_matrix(in, -1, out, err) == OK;
    if (strcmp(name, "last_attention") == 0) {
        bool ok = inspect_layer(in, rgb, m->geo.depth - 1, err) == OK;
        for (int h = 0; ok && h < m->geo.heads; h++)
            ok = inspect_matrix(in, h, out + (size_t)h * cells, err) == OK;
        return ok;
    }
    *tolerance = 1e-6;
    return inspect_relevance(in, rgb, 0, k, out, err) == OK;
}

struct image_job {
    struct inspector *in;
    const struct model *model;
    const unsigned char *rgb;
    const char *group;
};

static void check_array(const char *name, void *arg)
{
    const struct image_job *job = arg;
    struct error err = { 0 };
    char path[256];
    size_t count = 0, logits = 0;
    double tolerance, size = 0;
    bool relevance = strcmp(name, "first_attention_relevance") == 0;
    if (strncmp(name, "layer", 5) != 0 && strcmp(name, "last_attention") != 0 && !relevance)
        return;
    if (relevance && strcmp(backend_double_name(test.backend), test.backend) != 0)
        return; /* LRP is compared with golden in double alone (SPEC 6) */
    snprintf(path, sizeof path, "%s/logits", job->group);
    double *scores = golden_read(test.file, path, &logits);
    int k = 0;
    for (size_t i = 1; i < logits; i++)
        k = scores[i] > scores[k] ? (int)i : k;
    snprintf(path, sizeof path, "%s/%s", job->group, name);
    double *want = golden_read(test.file, path, &count);
    const struct geometry *g = &job->model->geo;
    size_t len = (size_t)g->tokens, rows = (size_t)g->inner + (size_t)g->heads * len + len;
    float *out = calloc(rows * len, sizeof *out);
    size_t have = strstr(name, "cls_row") ? (size_t)g->inner * len
                  : strstr(name, "mean")  ? len * len
                                          : (size_t)g->heads * len * len;
    if (fill(job->in, job->model, job->rgb, name, k, out, &tolerance, &err)) {
        double error = have == count ? golden_error(out, want, count, &size) : INFINITY;
        golden_judge(&test, path, error / size, tolerance);
    } else {
        golden_report(&test, false, "%s: %s", path, err.text);
    }
    free(out);
    free(want);
    free(scores);
}

struct model_job {
    const char *name;
    struct model *model;
    struct inspector *in;
};

static void check_image(const char *name, void *arg)
{
    const struct model_job *m = arg;
    struct error err = { 0 };
    char path[128];
    unsigned char *rgb = golden_image(test.shared, name, m->model->geo.image_size, &err);
    if (rgb == NULL) {
        golden_report(&test, false, "%s", err.text);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", m->name, name);
    struct image_job job = { m->in, m->model, rgb, path };
    golden_each(test.file, path, check_array, &job);
    free(rgb);
}

static void check_model(const char *name, void *arg)
{
    struct error err = { 0 };
    struct model_job job = { .name = name };
    (void)arg;
    if (golden_model(test.shared, test.file, name, &job.model, &err) == OK &&
        inspect_open(job.model, test.backend, NULL, &input_imagenet, &job.in, &err) == OK)
        golden_each(test.file, name, check_image, &job);
    else
        golden_report(&test, false, "%s: %s", name, err.text);
    inspect_close(job.in);
    model_close(job.model);
}

int main(int argc, char **argv)
{
    return golden_main(&test, argc, argv, "attention was", check_model);
}
