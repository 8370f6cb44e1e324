/* Segmentation scores of golden/mini_gtsegs.mat against golden/segmentation.h5: every model, method
 * and image; totals within 0.05 points. usage: golden_segmentation [--backend NAME] [--model NAME]
 * SOURCE_ROOT */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "explain.h"
#include "golden.h"
#include "metrics.h"

enum { MAX_IMAGES = 16 };

static const double POINTS = 0.05; /* of a total; issue 2 */
/* Of one image. Symmetric weights make many scores equal but for rounding (heat against 1 - heat
 * too); golden's double heat splits such ties by its last bits, fp32 heat does not. */
static const double AP_TOLERANCE = 2e-3;

static const struct named {
    const char *golden, *ours, *protocol;
} methods[] = {
    { "raw", "raw", "released" },
    { "rollout", "rollout", "released" },
    { "attr", "attribution", "released" },
    { "unified-attr", "unified", "released" },
    { "mambalrp", "mambalrp", "released" },
    { "paper-raw", "raw", "paper" },
    { "paper-rollout", "rollout", "paper" },
    { "paper-attr", "attribution", "paper" },
};

static struct golden_test test;

struct images {
    int count;
    uint8_t *rgb[MAX_IMAGES];   /* stretched to the model's side */
    int8_t *labels[MAX_IMAGES]; /* the same */
};

static void judge(bool ok, const char *what, double ours, double golden)
{
    golden_report(&test, ok, "%s: %.4f, golden %.4f", what, ours, golden);
}

static bool load_images(const char *shared, int side, struct images *im, struct error *err)
{
    char path[1100];
    struct dataset *ds;
    snprintf(path, sizeof path, "%s/golden/mini_gtsegs.mat", shared);
    const struct dataset_options o = { .kind = "imagenet_seg", .path = path };
    if (dataset_open(&o, &ds, err) != OK)
        return false;
    bool ok = ds->count <= MAX_IMAGES;
    size_t pixels = (size_t)side * (size_t)side;
    for (size_t i = 0; ok && i < ds->count; i++) {
        struct sample s;
        ok = dataset_load(ds, i, &s, err) == OK;
        if (!ok)
            break;
        im->rgb[i] = malloc(pixels * 3);
        im->labels[i] = malloc(pixels);
        ok = image_preprocess(&s.image, PREPROCESS_STRETCH, side, im->rgb[i], err) == OK;
        label_resize(s.labels, s.image.width, s.image.height, side, im->labels[i]);
        sample_free(&s);
        im->count = (int)i + 1;
    }
    dataset_close(ds);
    return ok;
}

static void free_images(struct images *im)
{
    for (int i = 0; i < im->count; i++) {
        free(im->rgb[i]);
        free(im->labels[i]);
    }
}

/* Maps of the predicted class, [count, g, g]. */
static float *explain(const struct model *m, const struct images *im, const struct named *method,
                      struct error *err)
{
    const struct explain_method *list[1] = { explain_find(method->ours) };
    const bool classes[CLASS_CHOICES] = { true, false };
    struct explain_options o = explain_defaults;
    struct explainer *ex;
    struct explain_image images[MAX_IMAGES];
    int32_t predicted[MAX_IMAGES];
    float identity[MAX_IMAGES];
    uint8_t zero[MAX_IMAGES];
    size_t cells = (size_t)m->geo.grid * (size_t)m->geo.grid;
    size_t bytes = (size_t)m->geo.image_size * (size_t)m->geo.image_size * 3;
    float *all = calloc((size_t)im->count * CLASS_CHOICES * cells, sizeof *all);
    const struct explain_result r = { predicted, all, identity, zero, NULL };
    const struct backend_options bo = { .simd = "" };
    o.protocol = method->protocol;
    struct backend *be = NULL;
    enum status s = backend_open(test.backend, &bo, &be, err);
    for (int i = 0; s == OK && i < im->count; i++) {
        uint8_t *rgb = be->alloc(be, bytes);
        be->upload(be, rgb, im->rgb[i], bytes);
        images[i] = (struct explain_image){ .rgb = rgb, .label = -1, .predicted = -1 };
    }
    if (s == OK)
        s = be->sync(be, err);
    if (s == OK)
        s = explainer_open(m, test.backend, &bo, &input_imagenet, &o, list, 1, classes, im->count,
                           &ex, err);
    if (s == OK) {
        s = explainer_run(ex, images, im->count, &r, err);
        explainer_close(ex);
    }
    for (int i = 0; be != NULL && i < im->count; i++)
        be->free(be, (void *)(uintptr_t)images[i].rgb);
    backend_close(be);
    for (int i = 1; i < im->count; i++)
        memmove(all + (size_t)i * cells, all + (size_t)i * CLASS_CHOICES * cells,
                cells * sizeof *all);
    if (s == OK)
        return all;
    free(all);
    return NULL;
}

static bool score(const struct model *m, const struct images *im, const float *maps,
                  struct segmentation_score *scores, struct error *err)
{
    struct backend *be;
    size_t pixels = (size_t)m->geo.image_size * (size_t)m->geo.image_size;
    float *heat = malloc((size_t)im->count * pixels * sizeof *heat);
    bool ok = backend_open("ref", NULL, &be, err) == OK;
    const struct heat_args h = {
        .n = im->count, .grid = m->geo.grid, .side = m->geo.image_size, .maps = maps, .heat = heat
    };
    be->op.heat(be, &h);
    for (int i = 0; ok && i < im->count; i++)
        ok = segmentation_score(heat + (size_t)i * pixels, im->labels[i], pixels, &scores[i],
                                err) == OK;
    backend_close(be);
    free(heat);
    return ok;
}

/* correct, labelled, intersection ×2, union ×2, ap. A pixel at the threshold may fall either way in
 * fp32: a few pixels of an image, against none of a mistake. */
static void check_image(const char *path, const struct segmentation_score *s, const double *want,
                        double pixels)
{
    char what[600];
    const double ours[7] = { s->correct,   s->labelled,  s->intersection[0], s->intersection[1],
                             s->united[0], s->united[1], (double)s->ap };
    static const char *const names[] = {
        "correct", "labelled", "intersection 0", "intersection 1", "union 0", "union 1", "ap"
    };
    for (int i = 0; i < 7; i++) {
        double allowed = i == 1 ? 0 : i == 6 ? AP_TOLERANCE : pixels * 5e-4;
        snprintf(what, sizeof what, "%s %s", path, names[i]);
        if (!(fabs(ours[i] - want[i]) <= allowed))
            judge(false, what, ours[i], want[i]);
    }
    judge(true, path, ours[6], want[6]);
}

static void check_method(hid_t file, const char *model_name, const char *golden,
                         const struct model *m, const struct images *im)
{
    struct error err = { 0 };
    struct segmentation_score scores[MAX_IMAGES];
    struct segmentation_totals totals;
    char path[512];
    const struct named *method = NULL;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].golden, golden) == 0)
            method = &methods[i];
    float *maps = method == NULL ? NULL : explain(m, im, method, &err);
    if (maps == NULL || !score(m, im, maps, scores, &err)) {
        golden_report(&test, false, "%s/%s: %s", model_name, golden, err.text);
        free(maps);
        return;
    }
    for (int i = 0; i < im->count; i++) {
        size_t count = 0;
        snprintf(path, sizeof path, "%s/%s/%d", model_name, golden, i);
        double *want = golden_read(file, path, &count);
        if (want != NULL && count == 7)
            check_image(path, &scores[i], want, (double)m->geo.image_size * m->geo.image_size);
        free(want);
    }
    segmentation_totals(scores, NULL, (size_t)im->count, &totals);
    const struct {
        const char *name;
        double value;
    } sums[] = { { "pixel_accuracy", totals.pixel_accuracy },
                 { "map", totals.map },
                 { "miou", totals.miou } };
    for (int i = 0; i < 3; i++) {
        double want;
        snprintf(path, sizeof path, "%s/%s", model_name, golden);
        hid_t a = H5Aopen_by_name(file, path, sums[i].name, H5P_DEFAULT, H5P_DEFAULT);
        H5Aread(a, H5T_NATIVE_DOUBLE, &want);
        H5Aclose(a);
        snprintf(path, sizeof path, "%s/%s %s", model_name, golden, sums[i].name);
        judge(fabs(sums[i].value - want) <= POINTS, path, sums[i].value, want);
    }
    free(maps);
}

struct job {
    long long file;
    const char *name;
    const struct model *model;
    const struct images *images;
};

static void visit_method(const char *name, void *arg)
{
    const struct job *j = arg;
    check_method(j->file, j->name, name, j->model, j->images);
}

static void check_model(const char *name, void *arg)
{
    const long long *file = arg;
    struct error err = { 0 };
    struct model *model = NULL;
    struct images im = { 0 };
    if (test.only != NULL && strcmp(test.only, name) != 0)
        return;
    if (golden_model(test.shared, test.file, name, &model, &err) == OK &&
        load_images(test.shared, model->geo.image_size, &im, &err)) {
        struct job j = { *file, name, model, &im };
        golden_each(*file, name, visit_method, &j);
    } else {
        golden_report(&test, false, "%s: %s", name, err.text);
    }
    free_images(&im);
    model_close(model);
}

int main(int argc, char **argv)
{
    int code = golden_begin(&test, argc, argv, "segmentation was");
    if (code != 0)
        return code;
    char path[1100];
    snprintf(path, sizeof path, "%s/golden/segmentation.h5", test.shared);
    long long file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        return 1;
    golden_each(file, "/", check_model, &file);
    H5Fclose(file);
    return golden_end(&test);
}
