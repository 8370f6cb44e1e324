/* Holds hidden-attention rows and mean matrices, last attention and first relevance to
 * golden/models.h5. usage: golden_attention [--backend NAME] [--model NAME] SOURCE_ROOT */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "inspect.h"

static struct golden_test test;

static void judge(const char *what, const float *ours, const double *want, size_t have,
                  size_t count, double tolerance)
{
    double size = 0, error = have == count ? golden_error(ours, want, count, &size) : INFINITY;
    bool ok = error <= tolerance * size;
    printf("%s %s %s: %.2e of %.2e allowed\n", ok ? "ok    " : "FAILED", test.backend, what,
           error / size, tolerance);
    test.passed += ok;
    test.failed += !ok;
}

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
    hid_t file;
    const char *group;
};

static herr_t each_array(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    const struct image_job *job = arg;
    struct error err = { 0 };
    char path[256];
    size_t count = 0, logits = 0;
    double tolerance;
    (void)group;
    (void)info;
    bool relevance = strcmp(name, "first_attention_relevance") == 0;
    if (strncmp(name, "layer", 5) != 0 && strcmp(name, "last_attention") != 0 && !relevance)
        return 0;
    if (relevance && strcmp(backend_double_name(test.backend), test.backend) != 0)
        return 0; /* LRP is held to golden in double alone (SPEC 6) */
    snprintf(path, sizeof path, "%s/logits", job->group);
    double *scores = golden_read(job->file, path, &logits);
    int k = 0;
    for (size_t i = 1; i < logits; i++)
        k = scores[i] > scores[k] ? (int)i : k;
    snprintf(path, sizeof path, "%s/%s", job->group, name);
    double *want = golden_read(job->file, path, &count);
    const struct geometry *g = &job->model->geo;
    size_t len = (size_t)g->tokens, rows = (size_t)g->inner + (size_t)g->heads * len + len;
    float *out = calloc(rows * len, sizeof *out);
    size_t have = strstr(name, "cls_row") ? (size_t)g->inner * len
                  : strstr(name, "mean")  ? len * len
                                          : (size_t)g->heads * len * len;
    if (fill(job->in, job->model, job->rgb, name, k, out, &tolerance, &err)) {
        judge(path, out, want, have, count, tolerance);
    } else {
        printf("FAILED %s: %s\n", path, err.text);
        test.failed++;
    }
    free(out);
    free(want);
    free(scores);
    return 0;
}

struct model_job {
    const char *name;
    const struct model *model;
    struct inspector *in;
    hid_t file;
};

static herr_t each_image(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    const struct model_job *m = arg;
    struct error err = { 0 };
    char path[128];
    (void)group;
    (void)info;
    unsigned char *rgb = golden_image(test.shared, name, m->model->geo.image_size, &err);
    if (rgb == NULL) {
        printf("FAILED %s\n", err.text);
        test.failed++;
        return 0;
    }
    snprintf(path, sizeof path, "%s/%s", m->name, name);
    struct image_job job = { m->in, m->model, rgb, m->file, path };
    hid_t g = H5Gopen2(m->file, path, H5P_DEFAULT);
    H5Literate(g, H5_INDEX_NAME, H5_ITER_INC, NULL, each_array, &job);
    H5Gclose(g);
    free(rgb);
    return 0;
}

static herr_t each_model(hid_t file, const char *name, const H5L_info_t *info, void *arg)
{
    struct error err = { 0 };
    struct model *model = NULL;
    (void)info;
    (void)arg;
    if (!golden_wanted(&test, name))
        return 0;
    struct model_job job = { .name = name, .file = file };
    if (golden_model(test.shared, file, name, &model, &err) == OK &&
        inspect_open(model, test.backend, NULL, &input_imagenet, &job.in, &err) == OK) {
        job.model = model;
        hid_t g = H5Gopen2(file, name, H5P_DEFAULT);
        H5Literate(g, H5_INDEX_NAME, H5_ITER_INC, NULL, each_image, &job);
        H5Gclose(g);
    } else {
        printf("FAILED %s: %s\n", name, err.text);
        test.failed++;
    }
    inspect_close(job.in);
    model_close(model);
    return 0;
}

int main(int argc, char **argv)
{
    int code = golden_begin(&test, argc, argv, "attention was");
    if (code != 0)
        return code;
    H5Literate(test.file, H5_INDEX_NAME, H5_ITER_INC, NULL, each_model, NULL);
    return golden_end(&test);
}
