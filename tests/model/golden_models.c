/* Holds logits and maps to golden/models.h5 on one backend, all models, both protocols and classes.
 * usage: golden_models [--backend NAME] [--model NAME] SOURCE_ROOT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "golden.h"

enum { TARGET = 3, MAX_IMAGES = 8 };

static struct golden_test test;

/* Ours and golden's name; the tolerance is of the map's max (golden/README.md: Vim's rollout
 * divides by row sums that can nearly cancel, so fp32 misses it by up to 4e-4). */
static const struct named {
    const char *ours, *protocol, *golden;
    double tolerance;
} maps[] = {
    { "raw", "released", "raw", 1e-4 },
    { "rollout", "released", "rollout", 1e-3 },
    { "attribution", "released", "attr", 1e-4 },
    { "unified", "released", "unified-attr", 1e-4 },
    { "mambalrp", "released", "mambalrp", 1e-4 },
    { "raw", "paper", "paper-raw", 1e-4 },
    { "rollout", "paper", "paper-rollout", 1e-4 },
    { "attribution", "paper", "paper-attr", 1e-4 },
};
enum { MAP_COUNT = sizeof maps / sizeof maps[0] };

struct fixture {
    const char *name; /* the model's */
    struct model *model;
    int images;
    char *image_names[MAX_IMAGES];
    unsigned char *rgb[MAX_IMAGES];
};

static void compare(const struct fixture *f, int image, const char *what, const float *ours,
                    size_t count, double tolerance)
{
    char path[256];
    size_t n = 0;
    double size = 0;
    snprintf(path, sizeof path, "%s/%s/%s", f->name, f->image_names[image], what);
    double *want = golden_read(test.file, path, &n);
    if (want == NULL)
        return; /* golden has no such map: a class-agnostic method's target, a ViT's paper map */
    double error = n == count ? golden_error(ours, want, n, &size) : INFINITY;
    golden_judge(&test, path, error / size, tolerance);
    free(want);
}

static void check_logits(struct fixture *f, struct backend *be, struct error *err)
{
    struct net *net;
    const struct geometry *g = &f->model->geo;
    struct view views[MAX_IMAGES];
    float *logits = calloc((size_t)f->images * (size_t)g->classes, sizeof *logits);
    for (int i = 0; i < f->images; i++)
        views[i] = (struct view){ .rgb = f->rgb[i] };
    if (net_open(f->model, be, &input_imagenet, 2, &net, err) != OK ||
        net_forward(net, views, (size_t)f->images, logits, err) != OK) {
        golden_report(&test, false, "%s: %s", f->name, err->text);
    } else {
        for (int i = 0; i < f->images; i++)
            compare(f, i, "logits", logits + (size_t)i * (size_t)g->classes, (size_t)g->classes,
                    3e-5);
        net_close(net);
    }
    free(logits);
}

static void compare_maps(struct fixture *f, const struct explain_method *const *methods, int count,
                         const char *protocol, const float *all)
{
    size_t cells = (size_t)f->model->geo.grid * (size_t)f->model->geo.grid;
    static const char *const choices[] = { "predicted", "target" };
    char what[64];
    for (int i = 0; i < f->images; i++)
        for (int m = 0; m < count; m++)
            for (int c = 0; c < CLASS_CHOICES; c++)
                for (int k = 0; k < MAP_COUNT; k++) {
                    if (strcmp(maps[k].ours, methods[m]->name) != 0 ||
                        strcmp(maps[k].protocol, protocol) != 0)
                        continue;
                    snprintf(what, sizeof what, "%s/%s", choices[c], maps[k].golden);
                    compare(f, i, what,
                            all + (((size_t)i * (size_t)count + (size_t)m) * CLASS_CHOICES +
                                   (size_t)c) *
                                      cells,
                            cells, maps[k].tolerance);
                }
}

static void check_maps(struct fixture *f, const char *protocol, struct error *err)
{
    const struct explain_method *methods[8];
    int count = 0;
    for (int i = 0; explain_methods[i] != NULL; i++)
        for (int k = 0; k < MAP_COUNT; k++)
            if (strcmp(maps[k].ours, explain_methods[i]->name) == 0 &&
                strcmp(maps[k].protocol, protocol) == 0 &&
                explain_supports(explain_methods[i], f->model))
                methods[count++] = explain_methods[i];
    const bool classes[CLASS_CHOICES] = { true, true };
    const struct backend_options bo = { .simd = "" };
    struct explain_options o = explain_defaults;
    o.protocol = protocol;
    struct explainer *ex;
    struct explain_image images[MAX_IMAGES];
    int32_t predicted[MAX_IMAGES];
    float identity[MAX_IMAGES];
    uint8_t zero[MAX_IMAGES];
    size_t cells = (size_t)f->model->geo.grid * (size_t)f->model->geo.grid;
    float *all = calloc((size_t)f->images * (size_t)count * CLASS_CHOICES * cells, sizeof *all);
    const struct explain_result r = { predicted, all, identity, zero, NULL };
    for (int i = 0; i < f->images; i++)
        images[i] = (struct explain_image){ .rgb = f->rgb[i], .label = TARGET, .predicted = -1 };
    if (explainer_open(f->model, test.backend, &bo, &input_imagenet, &o, methods, count, classes,
                       f->images, &ex, err) != OK) {
        golden_report(&test, false, "%s: %s", f->name, err->text);
    } else {
        if (explainer_run(ex, images, f->images, &r, err) != OK)
            golden_report(&test, false, "%s: %s", f->name, err->text);
        compare_maps(f, methods, count, protocol, all);
        for (int i = 0; i < f->images; i++)
            if (!isnan(identity[i]))
                golden_report(&test, identity[i] < 1e-4,
                              "%s/%s %s: hidden-attention identity to %.2e", f->name,
                              f->image_names[i], protocol, (double)identity[i]);
        explainer_close(ex);
    }
    free(all);
}

static uint8_t *upload_image(struct backend *be, const char *name, int side, struct error *err)
{
    size_t bytes = (size_t)side * (size_t)side * 3;
    uint8_t *host = golden_image(test.shared, name, side, err);
    uint8_t *rgb = host != NULL ? be->alloc(be, bytes) : NULL;
    if (rgb != NULL)
        be->upload(be, rgb, host, bytes);
    free(host);
    return rgb;
}

static void check_model(const char *name, void *arg)
{
    struct error err = { 0 };
    struct backend *be = NULL;
    struct fixture made = { .name = name }, *f = &made;
    (void)arg;
    f->images = golden_names(test.file, name, f->image_names, MAX_IMAGES);
    bool ok = golden_model(test.shared, test.file, name, &f->model, &err) == OK &&
              backend_open(test.backend, NULL, &be, &err) == OK;
    for (int i = 0; ok && i < f->images; i++) {
        f->rgb[i] = upload_image(be, f->image_names[i], f->model->geo.image_size, &err);
        ok = f->rgb[i] != NULL;
    }
    if (ok)
        ok = be->sync(be, &err) == OK;
    if (ok) {
        check_logits(f, be, &err);
        check_maps(f, "released", &err);
        check_maps(f, "paper", &err);
    } else {
        golden_report(&test, false, "%s: %s", name, err.text);
    }
    for (int i = 0; i < f->images; i++) {
        free(f->image_names[i]);
        if (f->rgb[i] != NULL)
            be->free(be, f->rgb[i]);
    }
    backend_close(be);
    model_close(f->model);
}

int main(int argc, char **argv)
{
    return golden_main(&test, argc, argv, "models were", check_model);
}
